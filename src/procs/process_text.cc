// SPDX-License-Identifier: Apache-2.0
#include "procs/process_text.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::string_view kBlanks = " \t";

/// Variables that load libraries into a process, and what separates those that they name.
struct LoaderVariable {
  std::string_view name;
  char separator;
};
constexpr std::array kLoaderVariables = {
    LoaderVariable{"CUDA_INJECTION64_PATH", '\0'},
    LoaderVariable{"OPENCL_LAYERS", ':'},
    LoaderVariable{"ROCP_TOOL_LIBRARIES", ':'},
};

bool is_ours(std::string_view path) {
  return path.substr(path.rfind('/') + 1).starts_with("libgpuvigil_");
}

std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  const std::size_t end = std::min(text.find_first_of(kBlanks), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

bool names_ours(std::string_view list, char separator) {
  while (!list.empty()) {
    if (is_ours(take_until(list, separator))) return true;
  }
  return false;
}

/// A number as Slurm hands it out, or nothing: what a user wrote there is not believed otherwise.
std::string slurm_number(std::string_view text) {
  const auto number = whole_number(text);
  return number ? std::to_string(*number) : std::string();
}

}  // namespace

std::optional<std::uint64_t> whole_number(std::string_view text) {
  return parse_number<std::uint64_t>(text);
}

std::optional<std::uint32_t> small_number(std::string_view text) {
  return parse_number<std::uint32_t>(text);
}

std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

std::optional<StatLine> parse_stat(std::string_view line) {
  while (line.ends_with('\n')) line.remove_suffix(1);
  const std::size_t open = line.find('(');
  const std::size_t close = line.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return std::nullopt;
  }
  StatLine stat;
  stat.name = line.substr(open + 1, std::min(close - open - 1, kMaxNameBytes));
  std::string_view rest = line.substr(close + 1);
  const std::string_view state = take_word(rest);
  const auto parent = small_number(take_word(rest));
  for (int field = 5; field < 22; ++field) static_cast<void>(take_word(rest));
  const auto start = whole_number(take_word(rest));
  if (state.size() != 1 || !parent || !start) return std::nullopt;
  stat.state = state.front();
  stat.parent = *parent;
  stat.start_ticks = *start;
  return stat;
}

std::optional<std::uint32_t> parse_uid(std::string_view status) {
  while (!status.empty()) {
    std::string_view line = take_until(status, '\n');
    if (take_until(line, ':') != "Uid") continue;
    static_cast<void>(take_word(line));  // the real one
    return small_number(take_word(line));
  }
  return std::nullopt;
}

bool has_others_rights(std::string_view status) {
  while (!status.empty()) {
    std::string_view line = take_until(status, '\n');
    const std::string_view field = take_until(line, ':');
    if (field != "Uid" && field != "Gid") continue;
    const auto real = small_number(take_word(line));
    const auto effective = small_number(take_word(line));
    if (real && effective && *real != *effective) return true;
  }
  return false;
}

std::string command_line(std::string_view bytes, std::size_t max_bytes) {
  // Programs that write a title over their arguments leave zeros behind it.
  while (bytes.ends_with('\0') || bytes.ends_with(' ')) bytes.remove_suffix(1);
  // A character may become three bytes, never fewer than one: more is not looked at.
  std::string line(bytes.substr(0, max_bytes + 4));
  std::ranges::replace(line, '\0', ' ');
  std::ranges::replace(line, '\n', ' ');
  std::ranges::replace(line, '\t', ' ');
  return bounded_name(line, max_bytes);
}

std::string bounded_name(std::string_view bytes, std::size_t max_bytes) {
  while (bytes.ends_with('\n')) bytes.remove_suffix(1);
  const std::string clean = clean_text(bytes.substr(0, max_bytes + 4));
  return std::string(truncate_utf8(clean, max_bytes));
}

EnvironmentFacts parse_environment(std::string_view bytes) {
  EnvironmentFacts facts;
  while (!bytes.empty()) {
    std::string_view value = take_until(bytes, '\0');
    const std::string_view name = take_until(value, '=');
    const auto* loader = std::ranges::find(kLoaderVariables, name, &LoaderVariable::name);
    if (loader != kLoaderVariables.end()) {
      facts.has_agent = facts.has_agent || names_ours(value, loader->separator);
    } else if (name == "SLURM_JOB_ID") {
      facts.slurm_job = slurm_number(value);
    } else if (name == "SLURM_STEP_ID") {
      facts.slurm_step = slurm_number(value);
    }
  }
  return facts;
}

}  // namespace gpuvigil
