// SPDX-License-Identifier: Apache-2.0
#include "collect/sample_report.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "collect/testing_driver.h"

namespace gpuvigil {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::device_named;
using testing::kNoon;
using testing::sample_with;

constexpr SamplerOptions kOptions{.period = seconds(1), .deadline = milliseconds(500)};

TEST(SampleReport, ADeadlineIsMissedOnceAPeriod) {
  const auto f = [](Duration after_due, std::uint64_t want) {
    EXPECT_EQ(missed_deadlines(kOptions, kNoon, kNoon + after_due), want);
  };
  f(seconds(-5), 0);
  f(milliseconds(0), 0);
  f(milliseconds(500), 0);
  f(milliseconds(501), 1);
  f(milliseconds(1499), 1);
  f(milliseconds(1500), 2);
  f(seconds(60), 60);
}

std::shared_ptr<SampleReport> report_of_two() {
  auto report = std::make_shared<SampleReport>();
  report->backend = "fake";
  report->state = BackendState::kOk;
  report->at = kNoon;
  report->next_due = kNoon + seconds(1);
  report->samples_late = 3;
  report->devices.push_back({std::make_shared<DeviceInfo>(device_named("GPU-a")), sample_with(70)});
  report->devices.push_back(
      {std::make_shared<DeviceInfo>(device_named("GPU-b")), absent_sample(Missing::kLost, kNoon)});
  return report;
}

TEST(SampleReport, IsItselfUntilTheNextRoundIsLate) {
  const std::shared_ptr<const SampleReport> report = report_of_two();
  EXPECT_EQ(as_of(report, kOptions, {}, kNoon + milliseconds(1500)), report);
}

TEST(SampleReport, GoesStaleAndCountsWhenTheNextRoundIsLate) {
  const CallInProgress call{.what = "sample of GPU-a", .since = kNoon + seconds(1)};
  const auto stale = as_of(report_of_two(), kOptions, call, kNoon + milliseconds(3700));
  EXPECT_EQ(stale->state, BackendState::kHung);
  EXPECT_EQ(stale->problem, "fake: sample of GPU-a has not answered for 2 s");
  EXPECT_EQ(stale->samples_late, 3U + 3U * 2U);
  const DeviceSample& first = stale->devices[0].sample;
  EXPECT_EQ(first.gpu_utilization.error(), Missing::kStale);
  EXPECT_EQ(first.health, Health::kDegraded);
  // What was missing keeps its reason.
  EXPECT_EQ(first.memory_used.error(), Missing::kUnsupported);
  EXPECT_EQ(stale->devices[1].sample.gpu_utilization.error(), Missing::kLost);
  EXPECT_EQ(stale->devices[1].sample.health, Health::kLost);
}

TEST(SampleReport, SaysThatNothingIsNewWhenNoCallIsGoingOn) {
  const auto stale = as_of(report_of_two(), kOptions, {}, kNoon + seconds(10));
  EXPECT_EQ(stale->problem, "fake: nothing new for 10 s");
}

std::shared_ptr<SampleReport> report_of(const std::vector<SampledDevice>& devices) {
  auto report = std::make_shared<SampleReport>();
  report->backend = "fake";
  report->state = BackendState::kOk;
  report->at = kNoon;
  report->next_due = kNoon + seconds(1);
  report->devices = devices;
  return report;
}

SampledDevice device_with(const std::string& uuid, DeviceSample sample, bool is_listed = true) {
  return {.info = std::make_shared<DeviceInfo>(device_named(uuid)),
          .sample = std::move(sample),
          .is_listed = is_listed};
}

TEST(MergedReport, TakesFromEachBoardWhatTheRosterLists) {
  const auto nothing = absent_sample(Missing::kNotSampled, kNoon);
  const auto lost = absent_sample(Missing::kLost, kNoon);
  const auto roster = report_of({device_with("GPU-a", nothing), device_with("GPU-b", lost, false),
                                 device_with("GPU-c", nothing)});
  auto said_of_lost = sample_with(20);
  said_of_lost.inventory = std::make_shared<DeviceInventory>();
  auto first = report_of({device_with("GPU-a", sample_with(10))});
  first->at = kNoon - seconds(1);
  first->samples_late = 2;
  auto second = report_of({device_with("GPU-b", said_of_lost)});
  second->at = kNoon - seconds(60);
  second->state = BackendState::kHung;
  second->samples_late = 3;
  const std::vector<std::shared_ptr<const SampleReport>> boards = {first, second};
  const auto merged = merge_reports(*roster, boards);
  EXPECT_EQ(merged->devices[0].sample.gpu_utilization, Percent(10));
  // What it was stays known; what it said is no more, and nobody waits for it.
  EXPECT_EQ(merged->devices[1].sample.gpu_utilization.error(), Missing::kLost);
  EXPECT_EQ(merged->devices[1].sample.inventory, said_of_lost.inventory);
  EXPECT_EQ(merged->devices[2].sample.gpu_utilization.error(), Missing::kNotSampled);
  EXPECT_EQ(merged->state, BackendState::kStarting);  // one was not asked yet
  EXPECT_EQ(merged->at, kNoon - seconds(1));
  EXPECT_EQ(merged->samples_late, 5U);
}

TEST(MergedReport, ABoardThatHangsIsTheProblemUnlessTheDriverIs) {
  const auto nothing = absent_sample(Missing::kNotSampled, kNoon);
  auto roster = report_of({device_with("GPU-a", nothing)});
  auto board = report_of({device_with("GPU-a", sample_with(10))});
  board->state = BackendState::kHung;
  board->problem = "fake: sample of GPU-a has not answered for 5 s";
  const std::vector<std::shared_ptr<const SampleReport>> boards = {board};
  EXPECT_EQ(merge_reports(*roster, boards)->state, BackendState::kHung);
  EXPECT_EQ(merge_reports(*roster, boards)->problem, board->problem);
  roster->state = BackendState::kHung;  // which says less than the name of the device
  roster->problem = "fake: the list of devices has not answered for 5 s";
  EXPECT_EQ(merge_reports(*roster, boards)->problem, board->problem);
  roster->state = BackendState::kFailing;
  roster->problem = "fake: no driver";
  EXPECT_EQ(merge_reports(*roster, boards)->state, BackendState::kFailing);
  EXPECT_EQ(merge_reports(*roster, boards)->problem, "fake: no driver");
}

TEST(SampleReport, ALateRosterMakesNoReadingStale) {
  const std::shared_ptr<const SampleReport> roster =
      report_of({device_with("GPU-a", sample_with(5))});
  EXPECT_EQ(as_of_roster(roster, kOptions, {}, kNoon + seconds(1)), roster);
  const CallInProgress call{.what = "the list of devices", .since = kNoon + seconds(1)};
  const auto late = as_of_roster(roster, kOptions, call, kNoon + seconds(9));
  EXPECT_EQ(late->state, BackendState::kHung);
  EXPECT_EQ(late->problem, "fake: the list of devices has not answered for 8 s");
  EXPECT_EQ(late->samples_late, 0U);
  EXPECT_EQ(late->devices[0].sample.gpu_utilization, Percent(5));
}

TEST(SampleReport, TicksDoNotDrift) {
  const auto f = [](Duration after, Duration want) {
    EXPECT_EQ(next_tick(kNoon, seconds(1), kNoon + after), kNoon + want);
  };
  f(seconds(-3), seconds(1));
  f(seconds(0), seconds(1));
  f(milliseconds(999), seconds(1));
  f(milliseconds(1000), seconds(2));
  f(milliseconds(3600), seconds(4));
}

TEST(Nonsense, BecomesADriverErrorAndDegradesTheDevice) {
  const auto f = [](auto member, auto value, bool is_sense) {
    DeviceSample sample;
    sample.memory_total = Bytes(1000);
    sample.*member = value;
    EXPECT_EQ(refuse_nonsense(sample), is_sense ? 0U : 1U);
    EXPECT_EQ((sample.*member).has_value(), is_sense);
    if (!is_sense) {
      EXPECT_EQ((sample.*member).error(), Missing::kDriverError);
    }
    EXPECT_EQ(sample.health, is_sense ? Health::kOk : Health::kDegraded);
  };
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  using S = DeviceSample;
  f(&S::gpu_utilization, Percent(0), true);
  f(&S::gpu_utilization, Percent(100), true);
  f(&S::gpu_utilization, Percent(255), false);
  f(&S::gpu_utilization, Percent(-1), false);
  f(&S::gpu_utilization, Percent(kNan), false);
  f(&S::temperature, Celsius(-20), true);
  f(&S::temperature, Celsius(105), true);
  f(&S::temperature, Celsius(4095), false);
  f(&S::temperature, Celsius(-273), false);
  f(&S::temperature, Celsius(kNan), false);
  f(&S::power, Watts(0), true);
  f(&S::power, Watts(-3), false);
  f(&S::power, Watts(4294967.295), false);
  f(&S::power, Watts(std::numeric_limits<double>::infinity()), false);
  f(&S::power_limit, Watts(700), true);
  f(&S::power_limit, Watts(kNan), false);
  f(&S::sm_clock, Megahertz(0), true);
  f(&S::sm_clock, Megahertz(UINT32_MAX), false);
  f(&S::memory_clock, Megahertz(1593), true);
  f(&S::memory_clock, Megahertz(UINT32_MAX), false);
  f(&S::memory_used, Bytes(1000), true);
  f(&S::memory_used, Bytes(1001), false);
  f(&S::throttle_reasons, 0x1ffU, true);
  f(&S::throttle_reasons, UINT32_MAX, false);
  f(&S::processes, 0U, true);
  f(&S::processes, UINT32_MAX, false);
}

TEST(Nonsense, MemoryWithoutItsTotalHasAnAbsoluteLimit) {
  const auto f = [](std::uint64_t total, std::uint64_t used, std::uint64_t want) {
    DeviceSample sample;
    sample.memory_total = Bytes(total);
    sample.memory_used = Bytes(used);
    EXPECT_EQ(refuse_nonsense(sample), want);
  };
  f(0, 5, 1);
  f(UINT64_MAX, 5, 1);
  f(UINT64_MAX, UINT64_MAX, 2);
  f(10, 5, 0);
}

TEST(Nonsense, WhatIsAbsentIsNoNonsense) {
  DeviceSample sample = absent_sample(Missing::kUnsupported, kNoon);
  EXPECT_EQ(refuse_nonsense(sample), 0U);
  EXPECT_EQ(sample.power.error(), Missing::kUnsupported);
}

TEST(BackendState, HasANameForEachState) {
  EXPECT_EQ(to_string(BackendState::kStarting), "starting");
  EXPECT_EQ(to_string(BackendState::kOk), "ok");
  EXPECT_EQ(to_string(BackendState::kFailing), "failing");
  EXPECT_EQ(to_string(BackendState::kHung), "hung");
}

TEST(RefuseNonsense, ChecksEveryMetricOfTheCatalogue) {
  for (const DeviceMetric& metric : kDeviceMetrics) {
    SCOPED_TRACE(metric.name);
    const auto after = [&](double value) {
      auto details = std::make_shared<DeviceDetails>();
      details->metrics[metric.id] = value;
      DeviceSample sample = sample_with(50);
      sample.details = details;
      const std::uint64_t refused = refuse_nonsense(sample);
      EXPECT_TRUE(details->metrics[metric.id].has_value());  // what others hold stays as it was
      EXPECT_EQ(sample.health, refused == 0 ? Health::kOk : Health::kDegraded);
      return reading_of(sample, metric.id);
    };
    EXPECT_EQ(after(metric.max), metric.max);
    EXPECT_EQ(after(0), 0.0);
    EXPECT_EQ(after(std::nextafter(metric.max, 1e300)).error(), Missing::kDriverError);
    EXPECT_EQ(after(std::numeric_limits<double>::quiet_NaN()).error(), Missing::kDriverError);
    EXPECT_EQ(after(metric.unit == Unit::kCelsius ? -61 : -1).error(), Missing::kDriverError);
  }
}

}  // namespace
}  // namespace gpuvigil
