// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"

namespace gpuvigil {

/// What people are told at once: alerts that began to fire together, or that those are all over.
struct Notice {
  static constexpr std::size_t kMostAlerts = 50;  ///< Told in full; the rest are a number.

  std::string key;  ///< The same when it is resolved: what pagers know the incident by.
  Labels group;     ///< What its alerts have in common: {{"severity", "critical"}}.
  bool is_resolved = false;
  bool is_test = false;       ///< Somebody tries a channel.
  std::vector<Alert> alerts;  ///< At most kMostAlerts.
  std::size_t total = 0;      ///< How many there are.
  Timestamp at{};             ///< When it was made.
};

/// All alerts that people may hear of: those that fire, and those that were over lately.
struct AlertRoll {
  std::vector<Alert> alerts;
  Timestamp at{};
};

}  // namespace gpuvigil
