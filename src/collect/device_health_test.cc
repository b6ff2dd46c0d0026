// SPDX-License-Identifier: Apache-2.0
#include "collect/device_health.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "collect/nvml_events.h"

namespace gpuvigil {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr Timestamp kNow = Timestamp(seconds(1'800'000'000));

HealthVerdict judge(const MetricSet& metrics, std::uint32_t reasons = 0,
                    std::vector<RecentXid> xids = {}, std::uint32_t action = 0) {
  return judge_health({.metrics = metrics,
                       .temperature = Celsius(60),
                       .throttle_reasons = reasons,
                       .xids = xids,
                       .recovery_action = action});
}

TEST(DeviceHealth, NothingIsWrongWithADeviceThatSaysNothing) {
  const MetricSet metrics;
  const auto verdict = judge_health({.metrics = metrics,
                                     .temperature = missing(Missing::kUnsupported),
                                     .throttle_reasons = missing(Missing::kUnsupported),
                                     .xids = {},
                                     .recovery_action = missing(Missing::kUnsupported)});
  EXPECT_EQ(verdict.health, Health::kOk);
  EXPECT_TRUE(verdict.findings.empty());
}

TEST(DeviceHealth, EachMetricThatMattersIsAFinding) {
  const auto f = [](MetricId id, Health health, std::string_view code) {
    MetricSet metrics;
    metrics[id] = 0.0;
    EXPECT_EQ(judge(metrics).health, Health::kOk);
    metrics[id] = 1.0;
    const auto verdict = judge(metrics);
    EXPECT_EQ(verdict.health, health);
    ASSERT_EQ(verdict.findings.size(), 1U);
    EXPECT_EQ(verdict.findings[0].code, code);
    EXPECT_FALSE(verdict.findings[0].detail.empty());
    EXPECT_FALSE(verdict.findings[0].advice.empty());
  };
  f(MetricId::kRemapFailed, Health::kFailed, "row_remap_failed");
  f(MetricId::kRemapPending, Health::kDegraded, "row_remap_pending");
  f(MetricId::kRetiredPagesPending, Health::kDegraded, "page_retirement_pending");
  f(MetricId::kEccUncorrectedVolatile, Health::kDegraded, "ecc_uncorrected");
}

TEST(DeviceHealth, LowClocksAreAFaultOnlyForSomeReasons) {
  const auto f = [](std::uint32_t reasons, std::string_view code) {
    const auto verdict = judge(MetricSet(), reasons);
    EXPECT_EQ(verdict.health, code.empty() ? Health::kOk : Health::kDegraded);
    if (!code.empty()) {
      EXPECT_EQ(verdict.findings.at(0).code, code);
    }
  };
  f(kThrottleGpuIdle, "");
  f(kThrottleSwPowerCap, "");
  f(kThrottleHwThermal, "hw_thermal_slowdown");
  f(kThrottleHwPowerBrake, "hw_power_brake");
  f(kThrottleSwThermal, "sw_thermal_slowdown");
}

TEST(DeviceHealth, IsTooHotFromItsOwnThresholdOn) {
  const auto f = [](double slowdown, Health want) {
    MetricSet metrics;
    metrics[MetricId::kSlowdownTemperature] = slowdown;
    EXPECT_EQ(judge(metrics).health, want);
  };
  f(61, Health::kOk);
  f(60, Health::kDegraded);
  f(0, Health::kOk);  // a driver that says no threshold this way
}

TEST(DeviceHealth, TheWorstComesFirst) {
  MetricSet metrics;
  metrics[MetricId::kRemapPending] = 1.0;
  const auto verdict =
      judge(metrics, kThrottleHwThermal, {{.number = 79, .at = kNow, .count = 2}}, 2);
  EXPECT_EQ(verdict.health, Health::kFailed);
  ASSERT_EQ(verdict.findings.size(), 4U);
  EXPECT_EQ(verdict.findings[0].code, "xid_79");
  EXPECT_EQ(verdict.findings[1].code, "recovery_action");
  EXPECT_NE(verdict.findings[1].detail.find("node_reboot"), std::string::npos);
}

TEST(DeviceHealth, FaultsOfProgramsAreNoneOfTheDevice) {
  EXPECT_EQ(judge(MetricSet(), 0, {{.number = 13, .at = kNow, .count = 9}}).health, Health::kOk);
  EXPECT_EQ(judge(MetricSet(), 0, {{.number = 63, .at = kNow, .count = 1}}).health,
            Health::kDegraded);
}

TEST(Xid, EveryRowSaysWhatItIsAndWhatToDo) {
  for (const Xid& xid : known_xids()) {
    EXPECT_FALSE(xid.what.empty()) << xid.number;
    EXPECT_EQ(&xid_of(xid.number), &xid);
    if (xid.severity == EventSeverity::kCritical) {
      EXPECT_FALSE(xid.advice.empty()) << xid.number;
      EXPECT_TRUE(xid.is_device) << xid.number;
    }
  }
  EXPECT_EQ(xid_of(99999).number, 0U);
}

TEST(XidBook, KeepsCriticalOnesAndForgetsWarnings) {
  XidBook book;
  book.add("GPU-a", 79, kNow);
  book.add("GPU-a", 63, kNow);
  book.add("GPU-a", 79, kNow + minutes(1));
  EXPECT_TRUE(book.of("GPU-b", kNow).empty());
  ASSERT_EQ(book.of("GPU-a", kNow).size(), 2U);
  const auto later = book.of("GPU-a", kNow + minutes(11));
  ASSERT_EQ(later.size(), 1U);
  EXPECT_EQ(later[0].number, 79U);
  EXPECT_EQ(later[0].count, 2U);
}

TEST(XidBook, IsLimited) {
  XidBook book;
  for (std::uint32_t number = 0; number < 1000; ++number) book.add("GPU-a", number, kNow);
  EXPECT_EQ(book.of("GPU-a", kNow).size(), XidBook::kMostOfDevice);
  for (int device = 0; device < 3000; ++device) book.add(std::to_string(device), 79, kNow);
  EXPECT_TRUE(book.of("2999", kNow).empty());
}

}  // namespace
}  // namespace gpuvigil
