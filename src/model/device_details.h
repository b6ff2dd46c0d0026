// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "model/device_metric.h"
#include "model/reading.h"

namespace gpuvigil {

/// A process that a driver says uses a device. Who it is: ProcessInfo.
struct DeviceProcess {
  enum class Type { kCompute, kGraphics, kBoth };
  std::uint32_t pid = 0;  ///< In the namespace in which the driver counts, the machine's.
  Type type = Type::kCompute;
  Reading<Bytes> memory = missing(Missing::kUnsupported);  ///< Device memory that it holds.
  /// Of the driver's last sampling period.
  Reading<Percent> sm_utilization = missing(Missing::kUnsupported);
  Reading<Percent> memory_utilization = missing(Missing::kUnsupported);
  Reading<Percent> encoder_utilization = missing(Missing::kUnsupported);
  Reading<Percent> decoder_utilization = missing(Missing::kUnsupported);

  friend bool operator==(const DeviceProcess&, const DeviceProcess&) = default;
};

[[nodiscard]] constexpr std::string_view to_string(DeviceProcess::Type type) {
  switch (type) {
    case DeviceProcess::Type::kCompute:
      return "compute";
    case DeviceProcess::Type::kGraphics:
      return "graphics";
    case DeviceProcess::Type::kBoth:
      return "compute+graphics";
  }
  return "compute";
}

/// One NVLink (or xGMI link) of a device.
struct DeviceLink {
  std::uint32_t index = 0;
  bool is_active = false;
  std::optional<std::uint32_t> version;
  std::string remote_pci_bus_id;  ///< Empty: unknown.
  std::string remote_type;        ///< "gpu", "switch", "cpu"; empty: unknown.
  Reading<Bytes> sent = missing(Missing::kUnsupported);  ///< Since the driver was loaded.
  Reading<Bytes> received = missing(Missing::kUnsupported);
  Reading<std::uint64_t> crc_errors = missing(Missing::kUnsupported);
  Reading<std::uint64_t> replay_errors = missing(Missing::kUnsupported);
  Reading<std::uint64_t> recovery_errors = missing(Missing::kUnsupported);

  friend bool operator==(const DeviceLink&, const DeviceLink&) = default;
};

/// Something that keeps a device from being well. The worst of them is its health.
struct HealthFinding {
  std::string code;    ///< "xid_79", "row_remap_failed", "hw_thermal_slowdown"; never changes.
  std::string detail;  ///< A sentence that says what is wrong, without a full stop.
  std::string advice;  ///< What to do about it; empty: nothing.

  friend bool operator==(const HealthFinding&, const HealthFinding&) = default;
};

/// What a device tells beyond the plain readings. Made by its backend once a round.
struct DeviceDetails {
  MetricSet metrics;
  Reading<std::vector<DeviceProcess>> processes = missing(Missing::kUnsupported);  ///< By pid.
  std::vector<DeviceLink> links;        ///< By index; empty: it has none.
  std::vector<HealthFinding> findings;  ///< Why it is not "ok"; the worst first.

  static constexpr std::size_t kMaxProcesses = 4'096;
  static constexpr std::size_t kMaxLinks = 64;
  static constexpr std::size_t kMaxFindings = 32;

  friend bool operator==(const DeviceDetails&, const DeviceDetails&) = default;
};

/// How near another device is.
struct PeerDevice {
  std::string uuid;
  std::string
      path;  ///< "nvlink", "internal", "single", "multiple", "hostbridge", "node", "system".
  std::uint32_t nvlinks = 0;  ///< That join both, directly or over a switch.

  friend bool operator==(const PeerDevice&, const PeerDevice&) = default;
};

/// What a device is and how it is set up: facts that change rarely and are asked for rarely. An
/// empty text or optional: nobody said it.
struct DeviceInventory {
  std::string vendor;              ///< "NVIDIA", "AMD", "Intel".
  std::string architecture;        ///< "Hopper", "gfx942".
  std::string compute_capability;  ///< "9.0".
  std::string serial;
  std::string board_part;
  std::string vbios;
  std::string driver_version;
  std::string runtime_version;  ///< The newest CUDA or ROCm that the driver can serve.
  std::optional<std::uint32_t> multiprocessors;
  std::optional<std::uint32_t> memory_bus_bits;
  std::optional<std::uint32_t> minor_number;  ///< Of /dev/nvidiaN.
  std::optional<std::int32_t> numa_node;
  std::string cpu_affinity;  ///< "0-15,32-47".
  std::string compute_mode;  ///< "default", "exclusive_process", "prohibited".
  std::optional<bool> persistence_mode;
  std::optional<bool> ecc_enabled;
  std::optional<bool> ecc_pending;  ///< After the next restart.
  std::optional<bool> mig_enabled;
  std::optional<bool> mig_pending;
  std::string recovery_action;  ///< What the driver asks for: "none", "gpu_reset", "node_reboot".
  std::string parent_uuid;      ///< Of a partition: the device that it is a part of.
  std::string profile;          ///< Of a partition: "1g.10gb".
  std::optional<std::uint32_t> gpu_instance;
  std::optional<std::uint32_t> compute_instance;
  std::vector<PeerDevice> peers;  ///< All other devices of its backend.

  friend bool operator==(const DeviceInventory&, const DeviceInventory&) = default;
};

}  // namespace gpuvigil
