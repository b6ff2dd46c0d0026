// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "fleet/promql_client.h"
#include "model/fleet.h"
#include "model/history.h"

namespace gpuvigil {

/// Where the steps of an answer lie.
struct HistorySteps {
  Timestamp first{};
  Duration step{};
  std::size_t points = 0;
};

/// The steps of a query, which are multiples of what was asked and not shorter than `resolution`:
/// machines write no oftener.
[[nodiscard]] HistorySteps steps_of(const HistoryQuery& query, Duration resolution);

/// One value a step; not a number: a gap.
using StepValues = std::vector<double>;

/// Reads histories out of a server of time series, in pieces that stay small in memory.
///
/// Threading: one thread.
class StoredHistory {
 public:
  /// `is_over` says that nobody waits any longer. All must outlive this.
  StoredHistory(PromqlClient& client, Duration resolution, std::function<bool()> is_over)
      : client_(client), resolution_(resolution), is_over_(std::move(is_over)) {}

  /// `matcher` says whose, where the query names no device.
  /// Errors: those of PromqlClient; kTooLarge beyond the limits of HistoryQuery; kTimeout.
  [[nodiscard]] Result<HistoryAnswer> devices(const HistoryQuery& query,
                                              const std::string& matcher);
  [[nodiscard]] Result<FleetHistory> nodes(const FleetHistoryQuery& query);

 private:
  using ByLabel = std::map<std::string, StepValues, std::less<>>;

  /// What an expression is at the end of each step, by the value of a label.
  [[nodiscard]] Result<ByLabel> fetch(const std::string& expression, const HistorySteps& steps,
                                      std::string_view label);

  PromqlClient& client_;
  const Duration resolution_;
  const std::function<bool()> is_over_;
};

}  // namespace gpuvigil
