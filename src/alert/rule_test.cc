// SPDX-License-Identifier: Apache-2.0
#include "alert/rule.h"

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

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
    EXPECT_EQ(message_of(rule, 3), want);
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
  EXPECT_EQ(builtin_rules({}).size(), 4U);
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
  }
}

}  // namespace
}  // namespace gpuvigil
