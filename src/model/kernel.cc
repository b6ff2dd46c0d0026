// SPDX-License-Identifier: Apache-2.0
#include "model/kernel.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include <cxxabi.h>
#include <fmt/format.h>

#include "base/sha256.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxDemangleBytes = 4096;  // the demangler may take exponential time
constexpr std::size_t kMaxShortNameBytes = 120;

std::string bounded_name(std::string_view recorded) {
  std::string name = clean_text(recorded);
  if (name.empty()) return "(unnamed)";
  if (name.size() <= kMaxKernelNameBytes) return name;
  const std::string middle = fmt::format("...{:016x}...", sha256_prefix(name));
  constexpr std::size_t kTail = 1024;
  const std::size_t head = kMaxKernelNameBytes - kTail - middle.size();
  std::size_t tail_start = name.size() - kTail;
  while ((static_cast<unsigned char>(name[tail_start]) & 0xC0U) == 0x80U) ++tail_start;
  return fmt::format("{}{}{}", truncate_utf8(name, head), middle, name.substr(tail_start));
}

std::string demangled(const std::string& name) {
  if (!name.starts_with("_Z") || name.size() > kMaxDemangleBytes) return name;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 && text ? std::string(text.get()) : name;
}

/// "void ns::f<int, float>(T*)" becomes "ns::f<...>": what stands in brackets is folded away.
std::string fold_arguments(std::string_view text) {
  std::string out;
  int angle = 0;
  int round = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("(anonymous namespace)")) {
      i += std::string_view("(anonymous namespace)").size() - 1;
      if (angle + round == 0) out += "(anonymous)";
      continue;
    }
    if (c == '<' && round == 0) {
      if (angle++ == 0) out += "<...>";
    } else if (c == '>' && round == 0 && angle > 0) {
      --angle;
    } else if (c == '(') {
      ++round;
    } else if (c == ')' && round > 0) {
      --round;
    } else if (angle + round == 0) {
      out += c;
    }
  }
  return out;
}

std::string shortened(const std::string& name) {
  std::string text = demangled(name);
  if (text.ends_with(".kd")) text.resize(text.size() - 3);  // AMD code objects
  const bool looks_like_cpp = text.find_first_of("<(") != std::string::npos;
  if (looks_like_cpp && !text.starts_with("Mem")) {
    std::string folded = fold_arguments(text);
    if (folded.starts_with("void ")) folded.erase(0, 5);
    while (!folded.empty() && folded.back() == ' ') folded.pop_back();
    if (!folded.empty()) text = std::move(folded);
  }
  if (text.size() <= kMaxShortNameBytes) return text;
  return std::string(truncate_utf8(text, kMaxShortNameBytes - 3)) + "...";
}

bool contains_ignoring_case(std::string_view text, std::string_view lowercase_word) {
  const auto same = [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
  };
  return std::search(text.begin(), text.end(), lowercase_word.begin(), lowercase_word.end(),
                     same) != text.end();
}

}  // namespace

std::shared_ptr<const KernelName> make_kernel_name(std::string_view recorded) {
  auto made = std::make_shared<KernelName>();
  made->name = bounded_name(recorded);
  made->short_name = shortened(made->name);
  made->id = sha256_prefix(made->name);
  return made;
}

std::string format_kernel_id(std::uint64_t id) {
  return fmt::format("{:016x}", id);
}

std::optional<std::uint64_t> parse_kernel_id(std::string_view text) {
  if (text.size() != 16) return std::nullopt;
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

KernelKind kind_of_kernel(std::string_view name) {
  // "nccl" is in NVIDIA's and AMD's kernel names alike: ncclDevKernel_..., rcclGenericKernel.
  static constexpr std::array<std::string_view, 4> kLibraries = {"nccl", "rccl", "msccl",
                                                                 "nvshmem"};
  const bool collective = std::ranges::any_of(
      kLibraries, [&](std::string_view library) { return contains_ignoring_case(name, library); });
  return collective ? KernelKind::kCollective : KernelKind::kCompute;
}

double stddev_ns(const KernelCounters& counters) {
  if (counters.calls < 2) return 0;
  const auto n = static_cast<double>(counters.calls);
  const double mean = static_cast<double>(counters.sum_ns) / n;
  return std::sqrt(std::max(counters.sum_squares_ns2 / n - mean * mean, 0.0));
}

}  // namespace gpuvigil
