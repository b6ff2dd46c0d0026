// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/frame.h"
#include "model/metric_id.h"

namespace gpuvigil {

/// A number that rules may compare: one of the catalogue, or one that only rules have.
struct RuleMetric {
  std::string_view name;
  Unit unit;
  MetricKind kind = MetricKind::kGauge;
  bool of_machine = false;  ///< Of the whole machine: `row` is not looked at.
  Reading<double> (*read)(const Frame& frame, const DeviceRow& row) = nullptr;
};

/// Nothing when there is no metric of that name; data_age has no read().
[[nodiscard]] std::optional<RuleMetric> find_rule_metric(std::string_view name);

/// Reads a metric that find_rule_metric() found.
[[nodiscard]] Reading<double> read_rule_metric(std::string_view name, const Frame& frame,
                                               const DeviceRow& row);

/// All names that there are, for "did you mean".
[[nodiscard]] std::vector<std::string_view> rule_metric_names();

}  // namespace gpuvigil
