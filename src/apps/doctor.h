// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gpuvigil {

/// What `gpuvigil doctor` looks at: this machine and this process as they are, without changing
/// anything. Only look_at_nvml asks a driver.

enum class CheckStatus {
  kOk,
  kWarn,  ///< It works, but less well than it could.
  kFail,  ///< `gpuvigil serve` will not work.
  kSkip,  ///< There is nothing to look at.
};

struct Finding {
  CheckStatus status = CheckStatus::kOk;
  std::string found;   ///< In a clause; never a secret.
  std::string advice;  ///< What to do; empty where nothing has to be done.
};

struct DoctorContext {
  std::string root;         ///< A folder that stands for "/" in tests.
  std::string config_path;  ///< As serve's --config.

  /// "/dev/kfd" below the root.
  [[nodiscard]] std::string path(std::string_view absolute) const {
    return root + std::string(absolute);
  }
};

struct Check {
  std::string_view name;  ///< Stable: scripts read it.
  Finding (*look)(const DoctorContext& context);
};

/// All checks, in the order in which they are shown.
[[nodiscard]] std::span<const Check> doctor_checks();

struct CheckResult {
  std::string_view name;
  Finding finding;
};

[[nodiscard]] std::vector<CheckResult> examine(const DoctorContext& context);

/// "ok", "warn", "fail" or "skip".
[[nodiscard]] std::string_view status_name(CheckStatus status);

/// A line for each check, and below it what to do.
[[nodiscard]] std::string doctor_text(std::span<const CheckResult> results);
/// {"status":"ok","checks":[{"name":"port","status":"ok","found":"...","advice":null}]}
[[nodiscard]] std::string doctor_json(std::span<const CheckResult> results);

/// An answer of a server that is asked about itself may be as large as this.
inline constexpr std::size_t kMaxDoctorAnswer = 16 * 1024 * 1024;

// The checks of GPUs: what drivers of each maker have put into the file system.
[[nodiscard]] Finding look_at_nvidia(const DoctorContext& context);
/// What its library says when it is asked; the only check that asks a driver. One that does not
/// answer is left alone after a while.
[[nodiscard]] Finding look_at_nvml(const DoctorContext& context);
[[nodiscard]] Finding look_at_amd(const DoctorContext& context);
[[nodiscard]] Finding look_at_drm(const DoctorContext& context);

// The checks of profilers: who else looks at kernels, and with what.
/// Which processes have CUPTI or a profiler loaded, by what is mapped into those that this user may
/// look into. A file of /proc is all that is read of them.
[[nodiscard]] Finding look_at_profilers(const DoctorContext& context);
/// What programs tell the running server of themselves: those that see nothing just now, and why.
[[nodiscard]] Finding look_at_captures(const DoctorContext& context);
/// Versions of drivers and libraries that are known to be bad.
[[nodiscard]] Finding look_at_versions(const DoctorContext& context);

// The checks of containers: what they need to be started with.
[[nodiscard]] Finding look_at_container_gpus(const DoctorContext& context);
/// What it means that a node which this user may open by its mode fails with `error` (errno).
[[nodiscard]] Finding of_device_open(const std::string& path, int error);
/// Whose processes can be seen: pid namespace and hidepid.
[[nodiscard]] Finding look_at_pids(const DoctorContext& context);
[[nodiscard]] Finding look_at_agent_socket(const DoctorContext& context);
/// The agents that this environment asks drivers to load.
[[nodiscard]] Finding look_at_agents(const DoctorContext& context);

}  // namespace gpuvigil
