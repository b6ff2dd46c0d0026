// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/units.h"
#include "model/device_details.h"
#include "model/reading.h"

namespace gpuvigil {

/// A process by which no other is meant: numbers are given out again after a process has ended.
struct ProcessKey {
  std::uint32_t pid = 0;          ///< In our own namespace.
  std::uint64_t start_ticks = 0;  ///< Of the system's clock since it was booted; /proc/PID/stat.

  friend auto operator<=>(const ProcessKey&, const ProcessKey&) = default;
};

/// Where a process runs, as far as its control groups and the system's managers tell. Empty:
/// nowhere in particular, or nobody said it.
struct ProcessPlace {
  std::string container_id;       ///< 64 hex digits.
  std::string container_runtime;  ///< "docker", "containerd", "crio", "podman".
  std::string pod_uid;
  std::string pod_namespace;  ///< This and the next two: where the kubelet can be asked.
  std::string pod_name;
  std::string pod_container;
  std::string slurm_job;
  std::string slurm_step;
  std::string unit;  ///< Of systemd: "ollama.service".

  friend bool operator==(const ProcessPlace&, const ProcessPlace&) = default;
};

/// Who a process is. Texts are clean UTF-8; what cannot be read is absent.
struct ProcessInfo {
  ProcessKey key;
  std::optional<Timestamp> started;
  std::optional<std::uint32_t> parent;  ///< Its pid.
  std::optional<std::uint32_t> uid;     ///< Effective.
  std::string user;                     ///< Empty: the uid has no name.
  std::string name;                     ///< As the kernel calls it, at most 64 bytes.
  std::string command;                  ///< Its arguments, at most 1024 bytes.
  ProcessPlace place;
  bool is_set_user_id = false;  ///< It has the rights of another user or group than its starter's.
  /// Whether an agent of ours stands in its environment; absent where we may not look.
  std::optional<bool> has_agent_set_up;

  friend bool operator==(const ProcessInfo&, const ProcessInfo&) = default;
};

using ProcessInfos = std::unordered_map<std::uint32_t, std::shared_ptr<const ProcessInfo>>;

/// The port through which frames learn who a pid is.
///
/// Threading: one thread, the engine's.
class ProcessDirectory {
 public:
  virtual ~ProcessDirectory() = default;

  /// Says which processes are of interest from now on, and gives what is known of them; never
  /// waits. Never null. A pid that is not there: not looked up yet, or gone.
  virtual std::shared_ptr<const ProcessInfos> look_up(std::span<const std::uint32_t> pids) = 0;

  /// How many processes were left out for want of room since it began; one that is left out twice
  /// running counts once.
  [[nodiscard]] virtual std::uint64_t dropped() const { return 0; }
};

/// How much a program's agent tells, from most to least.
enum class CaptureDetail : std::uint8_t { kFull, kSampledDetail, kCountsOnly, kOff };

[[nodiscard]] constexpr std::string_view to_string(CaptureDetail detail) {
  switch (detail) {
    case CaptureDetail::kFull:
      return "full";
    case CaptureDetail::kSampledDetail:
      return "sampled";
    case CaptureDetail::kCountsOnly:
      return "counts";
    case CaptureDetail::kOff:
      return "off";
  }
  return "off";
}

/// Device memory of a process, as its own allocations tell.
struct CapturedMemory {
  std::uint32_t device = 0;  ///< Index in Frame::devices.
  Bytes allocated{};
  Bytes peak{};  ///< The most that it ever had.

  friend bool operator==(const CapturedMemory&, const CapturedMemory&) = default;
};

/// What captures the kernels of a process, and how well.
struct CaptureState {
  std::string writer;   ///< "cuda", "opencl", "sdk".
  std::string runtime;  ///< "CUPTI 13.0.1"; empty: it did not say.
  CaptureDetail detail = CaptureDetail::kFull;
  std::string blind;                     ///< Why it sees nothing just now; empty: it sees.
  std::optional<double> cost_percent;    ///< Of wall time, over the last seconds.
  std::vector<CapturedMemory> memories;  ///< One a device.

  friend bool operator==(const CaptureState&, const CaptureState&) = default;
};

/// What one process does on one device.
struct ProcessUse {
  std::uint32_t device = 0;            ///< Index in Frame::devices.
  std::optional<DeviceProcess> told;   ///< What the driver says of it.
  std::optional<std::uint64_t> calls;  ///< Of kernels that its agent counted, since it attached.
  std::optional<std::uint64_t> kernel_ns;  ///< The sum of their durations, exactly.
  std::optional<CapturedMemory> memory;    ///< What its agent counted.
};

/// One process that uses a device.
struct ProcessRow {
  std::uint32_t pid = 0;
  std::shared_ptr<const ProcessInfo> who;  ///< Null: not looked up yet, or gone.
  std::vector<CaptureState> captures;      ///< Empty: nothing captures its kernels.
  std::vector<ProcessUse> uses;            ///< By device.
};

/// Why the kernels of a process are not seen, and what to do; empty where they are.
[[nodiscard]] std::string why_no_kernels(const ProcessRow& process);

}  // namespace gpuvigil
