// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "alert/life_cycle.h"
#include "base/result.h"
#include "model/alert.h"
#include "model/rule_text.h"

namespace gpuvigil {

enum class Comparison { kAbove, kBelow };

/// What of its subject a rule compares.
enum class Measure {
  kValue,           ///< What it is now; of a kernel, over the window.
  kRate,            ///< Growth a second of a counter, over the window.
  kIncrease,        ///< Growth of a counter over the window; a counter may begin again.
  kChange,          ///< The mean of the window less that of the window before.
  kRelativeChange,  ///< The same in percent of the window before.
  kGrowth,          ///< How much it rose if it rose in every part of the window, else 0.
  kAge,             ///< Seconds since there was a reading.
  kEvents,          ///< Events in the window.
};

/// What of a kernel is compared: times in milliseconds, calls a second, percent of the time.
enum class KernelStat { kNone, kP50, kP95, kP99, kAverage, kMax, kCalls, kTime };

/// The metric that rules have beyond the catalogue: seconds since a device last gave any reading.
inline constexpr std::string_view kDataAgeMetric = "data_age";

inline constexpr std::size_t kMaxRules = 1000;
inline constexpr std::size_t kMaxRuleText = 2000;  ///< Bytes of `when`, `summary`, `runbook`.
inline constexpr std::size_t kMaxLabels = 16;

/// When to raise an alert, as data.
struct Rule {
  std::string name;    ///< Its identity: "high_gpu_utilization".
  std::string metric;  ///< What alerts show: one of find_rule_metric(), "kernel_p95_time", ...
  Comparison comparison = Comparison::kAbove;
  double threshold = 0;  ///< In the metric's unit; reaching it is not crossing it.
  HoldTimes hold = {};
  Severity severity = Severity::kWarning;
  /// A sentence without a full stop, in which {device} stands for the index, {threshold} for the
  /// threshold and {hold} for how long before firing; see message_of().
  std::string message;

  Measure measure = Measure::kValue;
  Duration over{};  ///< The window, where the measure has one.
  /// While it fires, the condition is over only beyond this one; absent: beyond the threshold.
  std::optional<double> clear = {};
  /// Not empty: the threshold is this reading of the same device times `limit_factor`, plus
  /// `threshold`. Without that reading there is no evidence.
  std::string limit_metric = {};
  double limit_factor = 1;
  KernelStat stat = KernelStat::kNone;
  std::string kernel = {};                      ///< Glob of names, where there is a stat.
  std::string event_kind = {};                  ///< "xid", where events are counted.
  std::vector<std::uint32_t> event_codes = {};  ///< Empty: all of that kind.
  Labels labels = {};
  std::string runbook = {};
  bool notify = true;
  RuleOrigin origin = RuleOrigin::kBuiltIn;
  RuleText text = {};  ///< As it was written.
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

  friend bool operator==(const AlertSettings&, const AlertSettings&) = default;
};

/// Errors: kInvalidArgument, naming the setting and what it may be.
[[nodiscard]] Result<void> check_settings(const AlertSettings& settings);

/// The rules that every machine has, as they could be written. Which of them call people is chosen
/// so that a busy, healthy GPU with preallocated memory calls nobody.
/// Requires check_settings(settings).
[[nodiscard]] std::vector<RuleText> builtin_rule_texts(const AlertSettings& settings);

/// The same, ready to use.
[[nodiscard]] std::vector<Rule> builtin_rules(const AlertSettings& settings);

/// What a text means. Errors: every field that is wrong, with why; never empty then.
[[nodiscard]] std::expected<Rule, std::vector<FieldError>> compile_rule(const RuleText& text,
                                                                        RuleOrigin origin);

/// Reads a condition into the rule: metric, comparison, threshold, hold.before_firing, measure and
/// what goes with them.
///
///     condition := subject ("above" | "below") quantity ["until" ("below" | "above") amount]
///                  ["for" time] | "no data" ["of" metric] "for" time
///     subject   := metric | ("rate" | "increase" | "growth") "of" metric "over" time
///                | ["relative"] "change" "of" (metric | kernel) "over" time
///                | kernel ["over" time] | "count" "of" kind [code {"," code}] "over" time
///     kernel    := ("p50" | "p95" | "p99" | "avg" | "max" | "calls" | "time") "of" "kernel" "GLOB"
///     quantity  := amount | [number "%" "of"] metric [("+" | "-") amount]
///     amount    := number [unit]
///
/// Errors: kInvalidArgument, saying what was expected where.
[[nodiscard]] Result<void> read_condition(std::string_view text, Rule& rule);

/// Errors: kInvalidArgument for an unknown metric, a name twice or none, a threshold that is no
/// number, a negative hold; kTooLarge for more than kMaxRules.
[[nodiscard]] Result<void> check_rules(std::span<const Rule> rules);

/// True when both judge alike, so that an alert of the one goes on as an alert of the other.
[[nodiscard]] bool same_condition(const Rule& a, const Rule& b);

/// What stands for the words of a summary in braces.
struct MessageWords {
  std::uint32_t device = 0;
  std::string_view uuid = {};
  std::string_view kernel = {};
  double value = 0;
  double threshold = 0;
};

/// The message of an alert of `rule`: {device}, {uuid}, {kernel}, {value}, {threshold}, {hold},
/// {rule} and {metric} are filled in, other braces stay.
[[nodiscard]] std::string message_of(const Rule& rule, const MessageWords& words);

/// The first word in braces of a summary that message_of() does not know; empty: it knows all.
[[nodiscard]] std::string_view unknown_word(std::string_view summary);

/// "30 seconds", "1 minute", "1.5 seconds".
[[nodiscard]] std::string spell_duration(Duration duration);

}  // namespace gpuvigil
