// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "alert/life_cycle.h"
#include "base/result.h"
#include "model/alert.h"

namespace gpuvigil {

enum class Comparison { kAbove, kBelow };

/// The metric that rules have beyond kMetrics: seconds since a device last gave any reading.
inline constexpr std::string_view kDataAgeMetric = "data_age";

inline constexpr std::size_t kMaxRules = 1000;

/// When to raise an alert on a device, as data.
struct Rule {
  std::string name;    ///< Its identity: "high_gpu_utilization".
  std::string metric;  ///< Of kMetrics, or kDataAgeMetric.
  Comparison comparison = Comparison::kAbove;
  double threshold = 0;  ///< In the metric's unit; reaching it is not crossing it.
  HoldTimes hold = {};
  Severity severity = Severity::kWarning;
  /// A sentence without a full stop, in which {device} stands for the index, {threshold} for the
  /// threshold and {hold} for how long before firing.
  std::string message;
};

/// What can be set about the rules that are always there.
struct AlertSettings {
  double utilization_percent = 90;
  Duration utilization_for = std::chrono::seconds(30);
  double memory_percent = 95;
  Duration memory_for{};
  /// How long utilization and memory must be below before their alerts resolve.
  Duration resolve_after = std::chrono::seconds(5);
  Duration no_data_for = std::chrono::seconds(10);
};

/// Errors: kInvalidArgument, naming the setting and what it may be.
[[nodiscard]] Result<void> check_settings(const AlertSettings& settings);

/// The rules that every machine has: utilization, memory, a lost device, a silent one.
/// Requires check_settings(settings).
[[nodiscard]] std::vector<Rule> builtin_rules(const AlertSettings& settings);

/// Errors: kInvalidArgument for an unknown metric, a name twice or none, a threshold that is no
/// number, a negative hold; kTooLarge for more than kMaxRules.
[[nodiscard]] Result<void> check_rules(std::span<const Rule> rules);

/// The message of an alert that `rule` raises on the device of that index.
[[nodiscard]] std::string message_of(const Rule& rule, std::uint32_t device);

/// "30 seconds", "1 minute", "1.5 seconds".
[[nodiscard]] std::string spell_duration(Duration duration);

}  // namespace gpuvigil
