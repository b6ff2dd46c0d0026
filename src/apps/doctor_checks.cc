// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "apps/config.h"
#include "apps/doctor.h"
#include "apps/doctor_files.h"
#include "auth/token_file.h"
#include "base/clock.h"
#include "base/json_reader.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "base/version.h"
#include "net/http_client.h"
#include "net/socket.h"
#include "views/human.h"

namespace gpuvigil {
namespace {

namespace fs = std::filesystem;

constexpr Duration kPatience = std::chrono::seconds(2);
constexpr std::uint64_t kLeastMemory = 128 * 1024 * 1024;  ///< With room for a busy machine.
constexpr std::uint64_t kOwnFiles = 64;                    ///< Beside those of connections.

/// The configuration that serve would use; the defaults where it is wrong, which has its own check.
Config applied_config(const DoctorContext& context) {
  return load_config(context.config_path).value_or(Config());
}

/// The first words of a file of /sys or /proc; nothing where it cannot be read.
std::optional<std::string> word_in(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  if (!(file >> word)) return std::nullopt;
  return word;
}

Finding look_at_program(const DoctorContext&) {
  return {CheckStatus::kOk, fmt::format("gpuvigil {}, {}", version(), compiler()), ""};
}

Finding look_at_system(const DoctorContext& context) {
  utsname name{};
  ::uname(&name);
  std::error_code error;
  const bool wsl = fs::exists(context.path("/dev/dxg"), error);
  return {CheckStatus::kOk,
          fmt::format("{} {} {}, glibc {}{}", name.sysname, name.release, name.machine,
                      gnu_get_libc_version(), wsl ? ", WSL" : ""),
          ""};
}

Finding look_at_configuration(const DoctorContext& context) {
  const auto config = load_config(context.config_path);
  if (!config) {
    return {CheckStatus::kFail, config.error().message,
            "mend it; gpuvigil config validate tells every mistake"};
  }
  const std::string path = find_config(context.config_path);
  return {CheckStatus::kOk, path.empty() ? "no file, so the defaults" : path, ""};
}

Finding look_at_state(const DoctorContext& context) {
  std::string path = applied_config(context).server.state_directory;
  if (path.empty()) path = default_state_directory();
  if (path.empty()) {
    return {CheckStatus::kWarn, "nowhere to keep tokens", "set HOME, or server.state_directory"};
  }
  struct stat info{};
  if (::lstat(context.path(path).c_str(), &info) != 0) {
    return errno == ENOENT
               ? Finding{CheckStatus::kSkip, path + " is not there yet", ""}
               : Finding{CheckStatus::kWarn, fmt::format("{}: {}", path, std::strerror(errno)),
                         "let this user look at it"};
  }
  if (!S_ISDIR(info.st_mode)) {
    return {CheckStatus::kFail, path + " is no directory", "move it away"};
  }
  const std::string mode =
      fmt::format("{}, mode {:04o}, of user {}", path, info.st_mode & 07777U, info.st_uid);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return {CheckStatus::kFail, mode, fmt::format("run: chmod go-w '{}'", path)};
  }
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    return {CheckStatus::kWarn, mode,
            fmt::format("run as that user, or: chown {} '{}'", ::geteuid(), path)};
  }
  return {CheckStatus::kOk, mode, ""};
}

/// What answers at that address, if it is a gpuvigil.
std::optional<std::string> gpuvigil_at(const std::string& url, const std::string& certificate) {
  const auto answer = http_get(url + "version", {.timeout = kPatience, .ca_file = certificate});
  if (!answer || answer->status != 200) return std::nullopt;
  const auto json = parse_json(answer->body, 64 * 1024);
  if (!json || (*json)["name"].string_or("") != "gpuvigil") return std::nullopt;
  return clean_text((*json)["version"].string_or("of unknown version"));
}

Finding look_at_port(const DoctorContext& context) {
  const Config::Server config = applied_config(context).server;
  const std::string& listen = config.listen;
  const auto address = parse_listen(listen);
  const auto endpoint =
      address ? Endpoint::parse(address->address, address->port) : std::unexpected(address.error());
  if (!endpoint) return {CheckStatus::kFail, endpoint.error().message, "mend server.listen"};
  const auto socket = listen_on(*endpoint);
  if (socket) return {CheckStatus::kOk, listen + " is free", ""};
  const std::string url =
      fmt::format("{}://{}/", config.tls_certificate.empty() ? "http" : "https", listen);
  if (const auto other = gpuvigil_at(url, config.tls_certificate)) {
    return {CheckStatus::kOk, fmt::format("gpuvigil {} answers at {}", *other, url),
            *other == version() ? "" : "restart it to run this version"};
  }
  return {CheckStatus::kFail, socket.error().message,
          "end what listens there, or set server.listen"};
}

Finding look_at_open_files(const DoctorContext& context) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::uint64_t wanted = applied_config(context).limits.connections + kOwnFiles;
  const std::string found = fmt::format("{} (at most {}), for limits.connections = {}",
                                        limit.rlim_cur, limit.rlim_max, wanted - kOwnFiles);
  if (limit.rlim_cur >= wanted) return {CheckStatus::kOk, found, ""};
  return {CheckStatus::kWarn, found,
          fmt::format("connections beyond the limit are refused; run: ulimit -n {}, or lower "
                      "limits.connections",
                      wanted)};
}

Finding look_at_memlock(const DoctorContext&) {
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  return {CheckStatus::kOk,
          limit.rlim_cur == RLIM_INFINITY ? "unlimited" : human_bytes(Bytes(limit.rlim_cur)), ""};
}

Finding look_at_clock(const DoctorContext& context) {
  const Timestamp now = wall_time();
  const std::string source =
      word_in(context.path("/sys/devices/system/clocksource/clocksource0/current_clocksource"))
          .value_or("unknown");
  timex state{};
  const bool is_synchronised = ::adjtimex(&state) != TIME_ERROR;
  const std::string found = fmt::format("{}, clock source {}, {}synchronised", human_timestamp(now),
                                        source, is_synchronised ? "" : "not ");
  using namespace std::chrono_literals;
  if (now < std::chrono::sys_days(2026y / 1 / 1)) {
    return {CheckStatus::kWarn, found, "set the clock: this version is younger than its time"};
  }
  if (source == "hpet" || source == "acpi_pm") {
    return {CheckStatus::kWarn, found,
            "reading this clock source is slow; boot with clocksource=tsc"};
  }
  if (!is_synchronised) {
    return {CheckStatus::kWarn, found,
            "times of several machines will differ; run chrony or timesyncd"};
  }
  return {CheckStatus::kOk, found, ""};
}

/// A limit of a control group as its file has it, "VALUE [SCALE]".
struct GroupLimit {
  double value;
  double scale;
};

/// That of this process's group (version 2), or of the nearest one above it that has it.
std::optional<GroupLimit> group_limit(const DoctorContext& context, std::string_view file) {
  std::ifstream groups(context.path("/proc/self/cgroup"));
  std::string line;
  while (std::getline(groups, line) && !line.starts_with("0::/")) {
  }
  if (!line.starts_with("0::/")) return std::nullopt;
  for (fs::path group = line.substr(4);; group = group.parent_path()) {
    std::ifstream limit(context.path("/sys/fs/cgroup/") + (group / file).string());
    GroupLimit found{.value = 0, .scale = 1};
    if (limit >> found.value) {  // "max" is no number
      limit >> found.scale;
      return found;
    }
    if (group.empty()) return std::nullopt;
  }
}

Finding look_at_container(const DoctorContext& context) {
  const auto memory = group_limit(context, "memory.max");
  const auto cpu = group_limit(context, "cpu.max");
  if (!is_container(context) && !memory && !cpu)
    return {CheckStatus::kSkip, "no limits of a container", ""};
  std::string found =
      memory ? "memory " + human_bytes(Bytes(static_cast<std::uint64_t>(memory->value)))
             : "memory unlimited";
  found +=
      cpu ? fmt::format(", {:.2f} processors", cpu->value / cpu->scale) : ", processors unlimited";
  if (memory && memory->value < kLeastMemory) {
    return {CheckStatus::kWarn, found,
            fmt::format("give it {} of memory", human_bytes(Bytes(kLeastMemory)))};
  }
  return {CheckStatus::kOk, found, ""};
}

Finding look_at_local_users(const DoctorContext&) {
  const UniqueFd netlink(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, 4));  // NETLINK_SOCK_DIAG
  if (!netlink) {
    return {CheckStatus::kWarn, fmt::format("no socket diagnosis: {}", std::strerror(errno)),
            "allow AF_NETLINK sockets, so that users of this machine can be told apart"};
  }
  const passwd* user = ::getpwuid(::geteuid());
  return {CheckStatus::kOk,
          fmt::format("user {} ({})", ::geteuid(),
                      user == nullptr ? "without a name" : clean_text(user->pw_name)),
          ""};
}

constexpr std::array kChecks{
    Check{"program", look_at_program},
    Check{"system", look_at_system},
    Check{"nvidia", look_at_nvidia},
    Check{"nvml", look_at_nvml},
    Check{"amd", look_at_amd},
    Check{"drm", look_at_drm},
    Check{"versions", look_at_versions},
    Check{"profilers", look_at_profilers},
    Check{"captures", look_at_captures},
    Check{"agents", look_at_agents},
    Check{"agent_socket", look_at_agent_socket},
    Check{"configuration", look_at_configuration},
    Check{"state", look_at_state},
    Check{"port", look_at_port},
    Check{"open_files", look_at_open_files},
    Check{"memlock", look_at_memlock},
    Check{"clock", look_at_clock},
    Check{"container", look_at_container},
    Check{"container_gpu", look_at_container_gpus},
    Check{"pids", look_at_pids},
    Check{"local_users", look_at_local_users},
};

}  // namespace

std::span<const Check> doctor_checks() {
  return kChecks;
}

}  // namespace gpuvigil
