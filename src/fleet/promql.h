// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/fleet.h"
#include "model/history.h"

namespace gpuvigil {

/// How a metric of history is called in a server of time series, and what its values there are
/// multiplied with to be ours.
struct StoredMetric {
  std::string name;
  std::string only = {};   ///< A matcher that it needs: `state="ok"`; empty: none.
  std::string total = {};  ///< The metric that it is a share of; empty: it is none.
  double scale = 1;
};

/// Expressions over time look so far ahead of the instant that they are asked for: VictoriaMetrics,
/// asked by their own time, gives what was before it in place of what came in its last half minute.
inline constexpr std::chrono::seconds kAhead{60};

/// Nothing for a name that is not in kMetrics.
[[nodiscard]] std::optional<StoredMetric> stored_metric(std::string_view metric);

/// A text as PromQL reads it, with its quotes: `"a\"b"`.
[[nodiscard]] std::string promql_text(std::string_view text);

/// `uuid=~"GPU-1|GPU-2"`: the label is exactly one of these, whatever characters they have.
[[nodiscard]] std::string promql_one_of(std::string_view label,
                                        std::span<const std::string> values);

/// One value a device and step: what `window` comes to that ends kAhead after each point.
[[nodiscard]] std::string device_expression(const StoredMetric& metric, std::string_view matcher,
                                            HistoryAggregate aggregate, Duration window);

/// The same, and then all devices of a node, or of all nodes, as one.
[[nodiscard]] std::string fleet_expression(const StoredMetric& metric, std::string_view matcher,
                                           HistoryAggregate aggregate, Duration window,
                                           FleetGroup group, bool adds_up);

}  // namespace gpuvigil
