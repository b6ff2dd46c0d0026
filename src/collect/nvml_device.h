// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "collect/device_health.h"
#include "collect/growing_counter.h"
#include "collect/nvml_gpm.h"
#include "collect/nvml_inventory.h"
#include "collect/nvml_library.h"
#include "collect/nvml_processes.h"
#include "collect/nvml_readings.h"
#include "collect/unsupported_calls.h"
#include "model/device.h"

namespace gpuvigil {

/// One GPU or MIG device: puts the questions of the tables to it and remembers between rounds what
/// only it needs to know.
///
/// Threading: not thread-safe, one thread at a time; calls of the driver may block.
class NvmlDeviceReader {
 public:
  static constexpr Duration kSlowPace = std::chrono::seconds(30);
  static constexpr Duration kInventoryPace = std::chrono::minutes(1);

  NvmlDeviceReader(std::shared_ptr<const NvmlLibrary> library, NvmlIdentity identity,
                   NvmlVersions versions);

  [[nodiscard]] const NvmlIdentity& identity() const { return identity_; }

  /// What it says now. `xids` are those that still say something about it.
  /// Errors: kNotFound (it is lost), kUnavailable (the driver is gone).
  [[nodiscard]] Result<DeviceSample> sample(Timestamp now, std::span<const RecentXid> xids);

 private:
  Result<void> ask_questions(Timestamp now, bool is_slow);
  Result<void> ask_fields(Timestamp now, bool is_slow);
  void store(NvmlPlace place, double raw, double scale);
  void refresh_inventory(Timestamp now);

  const std::shared_ptr<const NvmlLibrary> library_;
  const NvmlIdentity identity_;
  const NvmlVersions versions_;
  UnsupportedCalls rests_;  ///< Questions, then fields.
  NvmlReadings readings_;
  std::vector<GrowingCounter> counters_;  ///< By place.
  NvmlProcesses processes_;
  NvmlGpm gpm_;
  std::optional<Timestamp> slow_at_;
  std::optional<Timestamp> inventory_at_;
  std::shared_ptr<const DeviceInventory> inventory_;
};

}  // namespace gpuvigil
