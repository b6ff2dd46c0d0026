// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"
#include "model/frame.h"

namespace gpuvigil {

/// Which alerts are meant by their state: `active` is firing.
enum class AlertStateFilter { kActive, kPending, kResolved, kAll };

struct AlertQuery {
  std::optional<Severity> severity = {};  ///< Absent: all.
  AlertStateFilter state = AlertStateFilter::kActive;
  std::optional<std::vector<std::uint32_t>> devices = {};  ///< Indices in the frame; absent: all.
  std::optional<Timestamp> since = {};                     ///< Began at or after this.
  std::size_t limit = 50;                                  ///< 0: all of them.
};

/// The frame's alerts that match, newest first, ties by id. They live as long as the frame.
[[nodiscard]] std::vector<const Alert*> select_alerts(const Frame& frame, const AlertQuery& query);

/// How many are firing, whatever a query filters.
[[nodiscard]] std::size_t count_active_alerts(const Frame& frame);

}  // namespace gpuvigil
