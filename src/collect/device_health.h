// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "collect/xid.h"
#include "model/device.h"

namespace gpuvigil {

/// An XID that still says something about a device.
struct RecentXid {
  std::uint32_t number = 0;
  Timestamp at{};
  std::uint64_t count = 0;  ///< How often it came.
};

/// What an NVIDIA device's health follows from.
struct HealthInputs {
  const MetricSet& metrics;
  Reading<Celsius> temperature;
  Reading<std::uint32_t> throttle_reasons;
  std::span<const RecentXid> xids;
  Reading<std::uint32_t> recovery_action;  ///< 0: none.
};

struct HealthVerdict {
  Health health = Health::kOk;
  std::vector<HealthFinding> findings;  ///< The worst first.
};

/// How a device is, and why: the same for the same inputs, and nothing that is absent counts.
[[nodiscard]] HealthVerdict judge_health(const HealthInputs& inputs);

/// The driver's recovery action as DeviceInventory has it; "unknown" for a number from the future.
[[nodiscard]] std::string_view recovery_action_name(std::uint32_t action);

}  // namespace gpuvigil
