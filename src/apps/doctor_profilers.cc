// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/utsname.h>

#include "apps/client.h"
#include "apps/config.h"
#include "apps/doctor.h"
#include "apps/doctor_files.h"
#include "apps/doctor_versions.h"
#include "base/json_reader.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostProcesses = 65'536;
constexpr std::size_t kMostLines = 100'000;  ///< Of one process: the kernel's default is 65 530.
constexpr std::size_t kMostNamed = 8;        ///< Processes in one finding.

/// A profiler by a library that it puts into its program.
struct ProfilerMark {
  std::string_view file;  ///< What the library's name begins with.
  std::string_view name;
};
constexpr std::array kProfilers = {
    ProfilerMark{"libToolsInjection", "Nsight Systems"},
    ProfilerMark{"libcuda-injection.so", "Nsight Compute"},
    ProfilerMark{"libTreeLauncherTargetInjection.so", "Nsight Compute"},
    ProfilerMark{"libsanitizer-collection.so", "Compute Sanitizer"},
    ProfilerMark{"libcudadebugger.so", "cuda-gdb"},
    ProfilerMark{"libproton.so", "Triton's Proton"},
    ProfilerMark{"librocprofiler-sdk-tool.so", "rocprofv3"},
};
constexpr std::string_view kOurs = "libgpuvigil_cuda.so";
constexpr std::string_view kTorch = "libtorch_cpu.so";
constexpr std::string_view kCupti = "libcupti.so";

/// A process in which a profiler's interface is loaded.
struct Holder {
  int pid = 0;
  std::string name;
  std::string cupti;          ///< The file's name; empty: it is not loaded.
  std::string_view profiler;  ///< Empty: none that we know.
  bool is_ours = false;
  bool is_torch = false;
};

struct Holders {
  std::vector<Holder> found;
  std::size_t unreadable = 0;
};

/// What of it is mapped; nothing where the process may not be looked at.
std::optional<Holder> look_into(const DoctorContext& context, int pid) {
  const std::string folder = fmt::format("/proc/{}", pid);
  std::ifstream maps(context.path(folder + "/maps"));
  Holder holder;
  std::string line;
  std::size_t lines = 0;
  if (!maps) return std::nullopt;
  while (lines < kMostLines && std::getline(maps, line)) {
    ++lines;
    const std::size_t slash = line.rfind('/');
    if (slash == std::string::npos) continue;
    const std::string_view file = std::string_view(line).substr(slash + 1);
    if (file.starts_with(kCupti)) holder.cupti = clean_text(truncate_utf8(file, 80));
    if (file.starts_with(kOurs)) holder.is_ours = true;
    if (file.starts_with(kTorch)) holder.is_torch = true;
    for (const ProfilerMark& mark : kProfilers) {
      if (file.starts_with(mark.file)) holder.profiler = mark.name;
    }
  }
  if (maps.bad()) return std::nullopt;
  holder.pid = pid;
  holder.name = first_line(context.path(folder + "/comm"));
  return holder;
}

Holders find_holders(const DoctorContext& context) {
  Holders holders;
  std::vector<int> pids;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(context.path("/proc"), error)) {
    const std::string name = entry.path().filename();
    int pid = 0;
    const auto [end, failed] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (failed == std::errc() && end == name.data() + name.size()) pids.push_back(pid);
    if (pids.size() == kMostProcesses) break;
  }
  std::ranges::sort(pids);
  for (const int pid : pids) {
    const auto holder = look_into(context, pid);
    if (!holder) {
      ++holders.unreadable;
    } else if (!holder->cupti.empty() || !holder->profiler.empty()) {
      holders.found.push_back(*holder);
    }
  }
  return holders;
}

std::string words_of(const Holder& holder) {
  std::string words = fmt::format("{} {}: ", holder.pid, holder.name);
  if (!holder.profiler.empty()) {
    words += holder.profiler;
    if (holder.is_ours) words += " beside gpuvigil's agent";
  } else if (holder.is_ours) {
    words += "gpuvigil's agent, " + holder.cupti;
  } else if (holder.is_torch) {
    words += fmt::format("PyTorch, {} (which it loads whether it profiles or not)", holder.cupti);
  } else {
    words += holder.cupti + " without gpuvigil's agent";
  }
  return words;
}

std::string list_of(const std::vector<std::string>& all) {
  const std::size_t shown = std::min(all.size(), kMostNamed);
  std::string text = fmt::format("{}", fmt::join(all.begin(), all.begin() + shown, "\n"));
  if (shown < all.size()) text += fmt::format("\nand {} more", all.size() - shown);
  return text;
}

/// "580.65.06" of "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun ...".
std::optional<VersionNumber> driver_version(const DoctorContext& context) {
  std::string_view line;
  const std::string text = first_line(context.path("/proc/driver/nvidia/version"));
  for (line = text; !line.empty();) {
    const std::string_view word = line.substr(0, line.find(' '));
    if (word.find('.') != std::string_view::npos) {
      if (const auto version = read_version(word)) return version;
    }
    line.remove_prefix(std::min(line.size(), word.size() + 1));
  }
  return std::nullopt;
}

std::string text_of(const VersionNumber& version) {
  return fmt::format("{}.{}.{}", version[0], version[1], version[2]);
}

/// Whom the server of this configuration knows to capture kernels; nothing where none answers.
std::optional<JsonValue> ask_server(const DoctorContext& context) {
  const Config::Server config = load_config(context.config_path).value_or(Config()).server;
  const ClientOptions client{
      .server =
          fmt::format("{}://{}", config.tls_certificate.empty() ? "http" : "https", config.listen),
      .ca_file = config.tls_certificate};
  const auto answer = ask(client, "/api/v1/gpu/processes", {});
  if (!answer) return std::nullopt;
  auto json = parse_json(*answer, kMaxDoctorAnswer);
  if (!json) return std::nullopt;
  return std::move(*json);
}

}  // namespace

Finding look_at_profilers(const DoctorContext& context) {
  const Holders holders = find_holders(context);
  const std::string hidden =
      holders.unreadable == 0
          ? ""
          : fmt::format("; processes of others that could not be looked into: {}",
                        holders.unreadable);
  if (holders.found.empty()) {
    return {CheckStatus::kSkip, "no process has CUPTI or a profiler loaded" + hidden, ""};
  }
  std::vector<std::string> all;
  bool is_disturbed = false;
  // Those that matter first.
  for (const bool wanted : {true, false}) {
    for (const Holder& holder : holders.found) {
      if (holder.profiler.empty() == wanted) continue;
      all.push_back(words_of(holder));
      is_disturbed = is_disturbed || wanted;
    }
  }
  if (is_disturbed) {
    return {CheckStatus::kWarn, list_of(all) + hidden,
            "while that profiler runs, gpuvigil's agent sees no kernels of its program: end it to "
            "see them here"};
  }
  return {CheckStatus::kOk, list_of(all) + hidden, ""};
}

Finding look_at_captures(const DoctorContext& context) {
  const auto answer = ask_server(context);
  if (!answer) return {CheckStatus::kSkip, "no server to ask which programs it sees", ""};
  std::vector<std::string> blind;
  std::size_t seen = 0;
  const auto* processes = (*answer)["processes"].as_array();
  for (std::size_t i = 0; processes != nullptr && i < processes->size(); ++i) {
    const JsonValue& process = (*processes)[i];
    const auto* captures = process["captures"].as_array();
    for (std::size_t k = 0; captures != nullptr && k < captures->size(); ++k) {
      const JsonValue& capture = (*captures)[k];
      const std::string why = clean_text(capture["blind"].string_or(""));
      ++seen;
      if (why.empty()) continue;
      blind.push_back(fmt::format("{} {}: {} is blind: {}", process["pid"].number_or(0),
                                  clean_text(process["name"].string_or("?")),
                                  clean_text(capture["by"].string_or("?")), why));
    }
  }
  if (blind.empty()) {
    return {
        seen == 0 ? CheckStatus::kSkip : CheckStatus::kOk,
        fmt::format("{} programs tell of their kernels", seen == 0 ? "no" : std::to_string(seen)),
        ""};
  }
  return {CheckStatus::kWarn, list_of(blind),
          "end the other profiler, or set GPUVIGIL_CUPTI_POLICY=owner for the program; see "
          "docs/agents.md"};
}

Finding look_at_versions(const DoctorContext& context) {
  std::vector<std::string> known;
  std::set<std::string> bad;
  std::string advice;
  const auto add = [&](Versioned what, const std::string& name, const VersionNumber& version) {
    const KnownProblem* const problem = known_problem(what, version);
    const std::string found = fmt::format("{} {}", name, text_of(version));
    known.push_back(found);
    if (problem == nullptr ||
        !bad.insert(fmt::format("{} is {}", found, problem->problem)).second) {
      return;
    }
    advice += fmt::format("{}{}", advice.empty() ? "" : "; ", problem->advice);
  };
  if (const auto driver = driver_version(context)) {
    add(Versioned::kNvidiaDriver, "NVIDIA's driver", *driver);
  }
  if (!nodes(context, "/dev/dri", "renderD").empty()) {
    utsname name{};
    ::uname(&name);
    if (const auto kernel = read_version(name.release)) add(Versioned::kKernel, "Linux", *kernel);
  }
  std::set<std::string> files;
  if (const auto library = find_library(context, kCupti)) {
    std::error_code error;
    const fs::path real = fs::weakly_canonical(context.path(*library), error);
    files.insert(real.filename());
  }
  for (const Holder& holder : find_holders(context).found) files.insert(holder.cupti);
  for (const std::string& file : files) {
    if (const auto release = cupti_release(file)) add(Versioned::kCupti, "CUPTI", *release);
  }
  if (known.empty()) return {CheckStatus::kSkip, "no version of which anything is known", ""};
  if (bad.empty()) {
    return {CheckStatus::kOk,
            fmt::format("{}: nothing is known against them", fmt::join(known, ", ")), ""};
  }
  return {CheckStatus::kWarn, fmt::format("{}", fmt::join(bad, "\n")), advice};
}

}  // namespace gpuvigil
