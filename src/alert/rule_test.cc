// SPDX-License-Identifier: Apache-2.0
#include "alert/rule.h"

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "alert/rule_metric.h"
#include "alert/testing_script.h"
#include "model/alert_query.h"
#include "model/metric.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using testing::kStart;

TEST(Rule, MessagesAreFilledIn) {
  const auto f = [](std::string_view text, Duration hold, double threshold, std::string_view want) {
    Rule rule;
    rule.message = text;
    rule.hold.before_firing = hold;
    rule.threshold = threshold;
    EXPECT_EQ(message_of(rule, {.device = 3, .threshold = threshold}), want);
  };
  f("GPU {device} above {threshold}% for {hold}", 30s, 90, "GPU 3 above 90% for 30 seconds");
  f("{hold}", 1s, 0, "1 second");
  f("{hold}", 120s, 0, "2 minutes");
  f("{hold}", 1h, 0, "1 hour");
  f("{hold}", 1500ms, 0, "1.5 seconds");
  f("{hold}", 0s, 0, "0 seconds");
  f("{threshold}{unknown}{", 0s, 92.5, "92.5{unknown}{");
}

TEST(Rule, BuiltInOnesAreSound) {
  EXPECT_TRUE(check_rules(builtin_rules({})).has_value());
  EXPECT_EQ(builtin_rules({}).size(), 20U);
  EXPECT_TRUE(check_rules(builtin_rules({.utilization_percent = 33.25,
                                         .utilization_for = 1ms,
                                         .memory_for = 90min,
                                         .resolve_after = 0s,
                                         .no_data_for = 24h}))
                  .has_value());
}

TEST(Rule, UnsoundOnesAreRefusedByName) {
  const auto f = [](Rule rule, std::string_view want) {
    const auto checked = check_rules(std::vector<Rule>{std::move(rule)});
    ASSERT_FALSE(checked.has_value()) << want;
    EXPECT_EQ(checked.error().message, want);
  };
  f({.name = "", .metric = "power", .hold = {}, .message = ""},
    "alert rule \"\": a rule needs a name");
  f({.name = "r", .metric = "joy", .hold = {}, .message = ""},
    "alert rule \"r\": no such metric: joy");
  f({.name = "r",
     .metric = "power",
     .threshold = std::numeric_limits<double>::quiet_NaN(),
     .hold = {},
     .message = ""},
    "alert rule \"r\": the threshold is no number");
  f({.name = "r", .metric = "power", .hold = {-1s, 0s}, .message = ""},
    "alert rule \"r\": a hold time is negative");
  Rule twice{.name = "r", .metric = "power", .hold = {}, .message = ""};
  EXPECT_FALSE(check_rules(std::vector<Rule>{twice, twice}).has_value());
  EXPECT_EQ(check_rules(std::vector<Rule>(kMaxRules + 1)).error().code, Errc::kTooLarge);
}

TEST(AlertSettings, OutOfRangeIsRefusedByName) {
  const auto f = [](AlertSettings settings, std::string_view word) {
    const auto checked = check_settings(settings);
    ASSERT_FALSE(checked.has_value()) << word;
    EXPECT_EQ(checked.error().code, Errc::kInvalidArgument);
    EXPECT_NE(checked.error().message.find(word), std::string::npos) << checked.error().message;
  };
  EXPECT_TRUE(check_settings({}).has_value());
  f({.utilization_percent = 101}, "utilization_percent");
  f({.memory_percent = std::numeric_limits<double>::quiet_NaN()}, "memory_percent");
  f({.utilization_for = -1s}, "utilization_for");
  f({.resolve_after = 25h}, "resolve_after");
  f({.no_data_for = 0s}, "no_data_for");
}

TEST(SelectAlerts, FiltersSortsAndCuts) {
  Frame frame;
  const auto add = [&](std::string id, Severity severity, AlertState state, std::uint32_t device,
                       Duration began) {
    Alert alert;
    alert.id = std::move(id);
    alert.severity = severity;
    alert.state = state;
    alert.device = device;
    alert.began = kStart + began;
    frame.alerts.push_back(std::move(alert));
  };
  add("a", Severity::kWarning, AlertState::kFiring, 0, 1s);
  add("b", Severity::kCritical, AlertState::kFiring, 1, 3s);
  add("c", Severity::kWarning, AlertState::kPending, 1, 2s);
  add("e", Severity::kWarning, AlertState::kResolved, 0, 0s);
  add("d", Severity::kCritical, AlertState::kResolved, 0, 0s);

  const auto f = [&](const AlertQuery& query, std::string_view want) {
    std::string got;
    for (const Alert* alert : select_alerts(frame, query)) got += alert->id;
    EXPECT_EQ(got, want);
  };
  f({}, "ba");
  f({.state = AlertStateFilter::kAll}, "bcade");
  f({.state = AlertStateFilter::kPending}, "c");
  f({.state = AlertStateFilter::kResolved}, "de");
  f({.severity = Severity::kCritical}, "b");
  f({.severity = Severity::kWarning, .state = AlertStateFilter::kAll}, "cae");
  f({.state = AlertStateFilter::kAll, .devices = {{1}}}, "bc");
  f({.state = AlertStateFilter::kAll, .devices = {std::vector<std::uint32_t>{}}}, "");
  f({.state = AlertStateFilter::kAll, .since = kStart + 2s}, "bc");
  f({.state = AlertStateFilter::kAll, .limit = 2}, "bc");
  f({.state = AlertStateFilter::kAll, .limit = 0}, "bcade");
  EXPECT_EQ(count_active_alerts(frame), 2U);
}

TEST(Metrics, EveryOneIsFoundByItsName) {
  for (const Metric& metric : kMetrics) EXPECT_EQ(find_metric(metric.name), &metric);
  EXPECT_EQ(find_metric("data_age"), nullptr);
  DeviceRow row;
  row.info = std::make_shared<DeviceInfo>();
  for (const Metric& metric : kMetrics) {
    const bool is_always_known = metric.name == "device_lost" || metric.name == "device_healthy";
    EXPECT_EQ(metric.read(row).has_value(), is_always_known) << metric.name;
    EXPECT_EQ(to_string(find_rule_metric(metric.name)->unit), metric.unit) << metric.name;
  }
}

/// Reads a condition and hands it to `check`.
template <class Check>
void reads(std::string_view text, Check check) {
  Rule rule;
  const auto read = read_condition(text, rule);
  ASSERT_TRUE(read.has_value()) << text << ": " << read.error().message;
  check(rule);
}

TEST(Condition, OfMetricsIsReadAsItIsWritten) {
  reads("gpu_utilization above 90 % until below 80% for 30 s", [](const Rule& rule) {
    EXPECT_EQ(rule.metric, "gpu_utilization");
    EXPECT_EQ(rule.threshold, 90);
    EXPECT_EQ(rule.clear, 80);
    EXPECT_EQ(rule.hold.before_firing, 30s);
  });
  reads("memory_free below 1.5GiB", [](const Rule& rule) {
    EXPECT_EQ(rule.comparison, Comparison::kBelow);
    EXPECT_EQ(rule.threshold, 1.5 * 1024 * 1024 * 1024);
  });
}

TEST(Condition, OfKernelsIsReadAsItIsWritten) {
  reads("p95 of kernel \"gemm*\" above 2 ms for 5 min", [](const Rule& rule) {
    EXPECT_EQ(rule.stat, KernelStat::kP95);
    EXPECT_EQ(rule.kernel, "gemm*");
    EXPECT_EQ(rule.metric, "kernel_p95_time");
    EXPECT_EQ(rule.threshold, 2) << "milliseconds";
    EXPECT_EQ(rule.over, 1min);
    EXPECT_EQ(rule.hold.before_firing, 5min);
  });
  reads("relative change of avg of kernel 'a b' over 10 min above 20 %", [](const Rule& rule) {
    EXPECT_EQ(rule.measure, Measure::kRelativeChange);
    EXPECT_EQ(rule.kernel, "a b");
    EXPECT_EQ(rule.threshold, 20);
    EXPECT_EQ(rule.over, 10min);
  });
  reads("change of p50 of kernel \"x\" over 1m above 500 us", [](const Rule& rule) {
    EXPECT_EQ(rule.measure, Measure::kChange);
    EXPECT_DOUBLE_EQ(rule.threshold, 0.5);
  });
  reads("calls of kernel \"*\" below 10 /s", [](const Rule& rule) {
    EXPECT_EQ(rule.stat, KernelStat::kCalls);
    EXPECT_EQ(rule.threshold, 10);
  });
}

TEST(Condition, OfWindowsLimitsAndEventsIsReadAsItIsWritten) {
  reads("rate of pcie_sent above 10 GiB/s", [](const Rule& rule) {
    EXPECT_EQ(rule.measure, Measure::kRate);
    EXPECT_EQ(rule.over, 1min);
    EXPECT_EQ(rule.threshold, 10.0 * 1024 * 1024 * 1024);
  });
  reads("increase of ecc_corrected over 1 h above 1000",
        [](const Rule& rule) { EXPECT_EQ(rule.measure, Measure::kIncrease); });
  reads("change of temperature over 5 min below -10 C",
        [](const Rule& rule) { EXPECT_EQ(rule.threshold, -10); });
  reads("growth of memory_usage over 30 min above 5 %",
        [](const Rule& rule) { EXPECT_EQ(rule.measure, Measure::kGrowth); });
  reads("temperature above slowdown_temperature - 3 C", [](const Rule& rule) {
    EXPECT_EQ(rule.limit_metric, "slowdown_temperature");
    EXPECT_EQ(rule.limit_factor, 1);
    EXPECT_EQ(rule.threshold, -3);
  });
  reads("power above 98 % of power_limit for 10m", [](const Rule& rule) {
    EXPECT_EQ(rule.limit_metric, "power_limit");
    EXPECT_DOUBLE_EQ(rule.limit_factor, 0.98);
  });
  reads("count of xid 48, 79,95 over 10 min above 0", [](const Rule& rule) {
    EXPECT_EQ(rule.event_kind, "xid");
    EXPECT_EQ(rule.event_codes, (std::vector<std::uint32_t>{48, 79, 95}));
    EXPECT_EQ(rule.metric, "xid_events");
  });
  reads("no data for 20 s", [](const Rule& rule) {
    EXPECT_EQ(rule.metric, "data_age");
    EXPECT_EQ(rule.threshold, 20);
    EXPECT_EQ(rule.hold.before_firing, 0s);
  });
  reads("no data of temperature for 1 min", [](const Rule& rule) {
    EXPECT_EQ(rule.metric, "temperature");
    EXPECT_EQ(rule.measure, Measure::kAge);
  });
}

TEST(Condition, MistakesAreToldWhereTheyAre) {
  const auto f = [](std::string_view text, std::string_view want) {
    Rule rule;
    const auto read = read_condition(text, rule);
    ASSERT_FALSE(read.has_value()) << text;
    EXPECT_EQ(read.error().message, want) << text;
  };
  f("", "expected a metric at its end");
  f("gpu_utilisation above 9", "no such metric: gpu_utilisation; did you mean gpu_utilization?");
  f("temperature over 80", "expected \"above\" or \"below\" before \"over 80\"");
  f("temperature above", "expected a metric at its end");
  f("temperature above 80 W", "\"W\" is no unit of temperature");
  f("temperature above 80 C forever", "expected its end before \"forever\"");
  f("temperature above 80 for 25 h", "a time is longer than 24 hours");
  f("temperature above 80 for 5", "expected a time such as 30 s or 5 min at its end");
  f("temperature above 80 until below 85", "\"until\" lies on the wrong side of the threshold");
  f("temperature above 80 until above 85", "expected \"below\" before \"above 85\"");
  f("temperature above power_limit", "temperature and power_limit have different units");
  f("temperature above slowdown_temperature until below 3",
    "\"until\" needs a threshold that is a number");
  f("rate of temperature above 1", "temperature is no counter: it has no rate and no increase");
  f("rate of pcie_sent over 100 ms above 1", "a window must be at least 1 s");
  f("change of temperature above 1", "expected \"over\" before \"above 1\"");
  f("p95 of kernel gemm above 2 ms",
    "expected a pattern of 1 to 256 bytes in quotes before \"gemm above 2 ms\"");
  f("p95 of kernel \"g\" above 2", "expected a unit of time such as ms at its end");
  f("count of joy over 1 h above 0",
    "expected a kind of event (xid, ecc_uncorrected, health, device_lost, device_back, mig) before "
    "\"joy over 1 h above 0\"");
  f("count of xid 1.5 over 1 h above 0", "codes are at most 64 whole numbers up to 1000000");
  f("no data for 10 ms", "a time without data must be at least 1 s");
  f("temperature above 1.2.3", "expected a number before \"1.2.3\"");
}

TEST(CompileRule, NamesEveryFieldThatIsWrong) {
  const auto wrong = compile_rule({.name = "a b",
                                   .when = "joy above 1",
                                   .keep = "soon",
                                   .severity = "page",
                                   .summary = "{joy}",
                                   .runbook = "file:///etc/passwd",
                                   .labels = {{"a b", "x"}, {"c", "\x1b"}}},
                                  RuleOrigin::kApi);
  ASSERT_FALSE(wrong.has_value());
  std::string fields;
  for (const FieldError& error : wrong.error()) fields += error.field + " ";
  EXPECT_EQ(fields, "name summary runbook when keep severity labels labels.c ");
  const auto rule = compile_rule({.name = "hot", .when = "temperature above 80 C", .keep = "5m"},
                                 RuleOrigin::kApi);
  ASSERT_TRUE(rule.has_value());
  EXPECT_EQ(rule->hold.before_resolving, 5min);
  EXPECT_EQ(message_of(*rule, {.device = 2}), "GPU 2: temperature above 80 C");
}

}  // namespace
}  // namespace gpuvigil
