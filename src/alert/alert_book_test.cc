// SPDX-License-Identifier: Apache-2.0
#include "alert/alert_book.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "alert/testing_script.h"
#include "model/alert_query.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using testing::drawing;
using testing::kStart;
using testing::looks_from;

/// A machine of as many devices as were asked for, one second apart.
class Machine {
 public:
  explicit Machine(std::size_t devices) {
    frame_.edge = kStart;
    for (std::uint32_t i = 0; i < devices; ++i) {
      auto info = std::make_shared<DeviceInfo>();
      info->uuid = "GPU-" + std::to_string(i);
      info->source = "nvml";
      frame_.devices.push_back({.info = info, .index = i, .sample = {}, .activity = {}});
      set_utilization(i, 10.0);
    }
  }

  void set_utilization(std::size_t device, double percent) {
    sample(device).gpu_utilization = Percent(percent);
  }
  DeviceSample& sample(std::size_t device) { return frame_.devices.at(device).sample; }
  Frame& frame() { return frame_; }

  /// The next edge: every device that has readings answered just now.
  std::vector<Alert> tick(AlertBook& book) {
    auto changes = look(book);
    book.write_to(frame_);
    return changes;
  }

  /// The same without writing the alerts into the frame.
  std::vector<Alert> look(AlertBook& book) {
    frame_.edge += 1s;
    ++frame_.seq;
    for (DeviceRow& row : frame_.devices) {
      if (answering_) row.sample.at = frame_.edge;
    }
    return book.update(frame_);
  }
  void stop_answering() { answering_ = false; }

 private:
  Frame frame_;
  bool answering_ = true;
};

TEST(AlertBook, UtilizationFiresAfterThirtySecondsAndResolvesAfterFive) {
  AlertBook book{AlertSettings{}};
  Machine machine(2);
  machine.tick(book);
  machine.set_utilization(0, 92.5);
  machine.tick(book);
  const Timestamp held_since = machine.frame().edge;
  ASSERT_EQ(machine.frame().alerts.size(), 1U);
  EXPECT_EQ(machine.frame().alerts[0].state, AlertState::kPending);
  EXPECT_EQ(machine.frame().alerts[0].began, held_since);
  EXPECT_EQ(machine.frame().alerts_today, 0U);
  const std::string id = machine.frame().alerts[0].id;

  for (int second = 1; second < 30; ++second) ASSERT_TRUE(machine.tick(book).empty());
  const auto fired = machine.tick(book);
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_EQ(fired[0].message, "GPU 0 utilization above 90% for 30 seconds");
  EXPECT_EQ(fired[0].id, id);
  EXPECT_EQ(fired[0].rule, "high_gpu_utilization");
  EXPECT_EQ(fired[0].severity, Severity::kWarning);
  EXPECT_EQ(fired[0].state, AlertState::kFiring);
  EXPECT_EQ(fired[0].began, held_since + 30s);
  EXPECT_EQ(fired[0].metric, "gpu_utilization");
  EXPECT_EQ(fired[0].threshold, 90);
  EXPECT_EQ(fired[0].uuid, "GPU-0");
  EXPECT_EQ(machine.frame().alerts_today, 1U);

  machine.set_utilization(0, 99.5);
  machine.tick(book);
  machine.set_utilization(0, 91);
  machine.tick(book);
  EXPECT_EQ(machine.frame().alerts.at(0).value, 99.5) << "the worst while it fired";

  machine.set_utilization(0, 90);  // reaching the threshold is not crossing it
  for (int second = 0; second < 5; ++second) ASSERT_TRUE(machine.tick(book).empty());
  const auto resolved = machine.tick(book);
  ASSERT_EQ(resolved.size(), 1U);
  EXPECT_EQ(resolved[0].state, AlertState::kResolved);
  EXPECT_EQ(resolved[0].resolved_at, machine.frame().edge);
  EXPECT_EQ(resolved[0].id, id);
  EXPECT_EQ(resolved[0].value, 99.5);
  EXPECT_EQ(count_active_alerts(machine.frame()), 0U);
  EXPECT_EQ(machine.frame().alerts.size(), 1U) << "kept among the resolved";
  EXPECT_EQ(machine.frame().alerts_today, 1U);
}

TEST(AlertBook, ARecordingIsJudgedByItsKernelBusyTime) {
  AlertBook book{AlertSettings{.utilization_for = 0s}};
  Machine machine(1);
  auto info = std::make_shared<DeviceInfo>(*machine.frame().devices[0].info);
  info->source = "replay";
  machine.frame().devices[0].info = info;
  machine.sample(0) = absent_sample(Missing::kNotRecorded, kStart);
  machine.frame().devices[0].kernel_busy = Percent(97);
  const auto fired = machine.tick(book);
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_EQ(fired[0].message, "GPU 0 utilization above 90%");
  machine.frame().devices[0].kernel_busy = missing(Missing::kRecordingEnded);
  for (int second = 0; second < 100; ++second) ASSERT_TRUE(machine.tick(book).empty());
  EXPECT_EQ(count_active_alerts(machine.frame()), 1U) << "no data is no evidence";
}

TEST(AlertBook, MemoryIsCriticalAtOnce) {
  AlertBook book{AlertSettings{}};
  Machine machine(1);
  machine.sample(0).memory_total = Bytes(1000);
  machine.sample(0).memory_used = Bytes(951);
  const auto fired = machine.tick(book);
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_EQ(fired[0].message, "GPU 0 memory usage above 95%");
  EXPECT_EQ(fired[0].severity, Severity::kCritical);
  EXPECT_NEAR(fired[0].value, 95.1, 1e-9);
  machine.sample(0).memory_total = Bytes(0);
  EXPECT_TRUE(machine.tick(book).empty()) << "of nothing there is no percentage";
}

TEST(AlertBook, ALostDeviceFiresAndResolvesWhenItIsBack) {
  AlertBook book{AlertSettings{}};
  Machine machine(2);
  machine.tick(book);
  machine.sample(1) = absent_sample(Missing::kLost, machine.frame().edge);
  const auto fired = machine.tick(book);
  ASSERT_EQ(fired.size(), 1U);
  EXPECT_EQ(fired[0].rule, "device_lost");
  EXPECT_EQ(fired[0].severity, Severity::kCritical);
  EXPECT_EQ(fired[0].device, 1U);
  for (int second = 0; second < 60; ++second) {
    ASSERT_TRUE(machine.tick(book).empty()) << "lost is told once, not as silence too";
  }
  machine.sample(1) = DeviceSample{.gpu_utilization = Percent(5)};
  const auto resolved = machine.tick(book);
  ASSERT_EQ(resolved.size(), 1U);
  EXPECT_EQ(resolved[0].state, AlertState::kResolved);
}

TEST(AlertBook, SilenceOfTenSecondsIsAWarning) {
  const auto f = [](const auto& fall_silent, std::string_view source, bool want) {
    AlertBook book{AlertSettings{}};
    Machine machine(1);
    auto info = std::make_shared<DeviceInfo>(*machine.frame().devices[0].info);
    info->source = source;
    machine.frame().devices[0].info = info;
    machine.tick(book);
    fall_silent(machine);
    for (int second = 0; second < 10; ++second) ASSERT_TRUE(machine.tick(book).empty());
    const auto fired = machine.tick(book);
    ASSERT_EQ(fired.size(), want ? 1U : 0U) << source;
    if (!want) return;
    EXPECT_EQ(fired[0].message, "GPU 0 has given no data for 10 seconds");
    EXPECT_EQ(fired[0].severity, Severity::kWarning);
    EXPECT_EQ(fired[0].metric, "data_age");
    machine.sample(0).gpu_utilization = Percent(1);
    machine.sample(0).at = machine.frame().edge + 1s;
    EXPECT_EQ(machine.tick(book).size(), 1U) << "resolved by the next answer";
  };
  const auto old = [](Machine& machine) { machine.stop_answering(); };
  const auto absent = [](Missing why) {
    return [why](Machine& machine) { machine.sample(0) = absent_sample(why, {}); };
  };
  f(old, "nvml", true);
  f(absent(Missing::kStale), "nvml", true);
  f(absent(Missing::kDriverError), "nvml", true);
  f(absent(Missing::kNotSampled), "demo", true);
  f(absent(Missing::kUnsupported), "nvml", false);
  f(absent(Missing::kNoPermission), "nvml", false);
  f(old, "replay", false);
  f(absent(Missing::kNotSampled), "replay", false);
  f(old, "sdk", false);
}

TEST(AlertBook, AnAlertFollowsItsDeviceToAnotherIndex) {
  AlertBook book{AlertSettings{.utilization_for = 0s}};
  Machine machine(2);
  machine.set_utilization(0, 99);
  EXPECT_EQ(machine.tick(book).size(), 1U);
  std::swap(machine.frame().devices[0], machine.frame().devices[1]);
  EXPECT_TRUE(machine.tick(book).empty());
  EXPECT_EQ(count_active_alerts(machine.frame()), 1U);
}

TEST(AlertBook, TodayEndsAtMidnight) {
  AlertBook book{AlertSettings{.utilization_for = 0s, .resolve_after = 0s}};
  Machine machine(1);
  machine.frame().edge = std::chrono::floor<std::chrono::days>(kStart) + std::chrono::days(1) - 4s;
  for (const double percent : {99., 1., 99.}) {
    machine.set_utilization(0, percent);
    machine.tick(book);
  }
  EXPECT_EQ(machine.frame().alerts_today, 2U);
  machine.tick(book);
  EXPECT_EQ(machine.frame().alerts_today, 0U) << "it is tomorrow, and nothing began there";
  EXPECT_EQ(count_active_alerts(machine.frame()), 1U);
}

TEST(AlertBook, KeepsTheNewestThousandResolvedAndCountsTheRest) {
  AlertBook book{AlertSettings{.utilization_for = 0s, .resolve_after = 0s}};
  Machine machine(1);
  for (int i = 0; i < 1100; ++i) {
    machine.set_utilization(0, 99);
    machine.look(book);
    machine.set_utilization(0, 1);
    machine.look(book);
  }
  book.write_to(machine.frame());
  EXPECT_EQ(machine.frame().alerts.size(), AlertBook::kMaxResolved);
  EXPECT_EQ(book.forgotten(), 100U);
  EXPECT_EQ(machine.frame().alerts[0].resolved_at, machine.frame().edge);
  EXPECT_EQ(machine.frame().alerts_today, 1100U);
  std::set<std::string> ids;
  for (const Alert& alert : machine.frame().alerts) ids.insert(alert.id);
  EXPECT_EQ(ids.size(), AlertBook::kMaxResolved);
}

TEST(AlertBook, DevicesBeyondTheLimitAreCounted) {
  AlertBook book{AlertSettings{}};
  Machine machine(AlertBook::kMaxDevices + 3);
  machine.tick(book);
  EXPECT_EQ(book.devices_unwatched(), 3U);
}

TEST(AlertBookDeathTest, PeeksAreNotForIt) {
  AlertBook book{AlertSettings{}};
  Frame frame;
  frame.is_edge = false;
  EXPECT_DEATH(static_cast<void>(book.update(frame)), "is_edge");
}

/// Whole books against the life cycle's drawing, one rule and three devices.
RC_GTEST_PROP(AlertBook, EveryDeviceHasALifeOfItsOwn,
              (std::vector<std::uint8_t> a, std::vector<std::uint8_t> b)) {
  const HoldTimes hold{2s, 1s};
  AlertBook book(std::vector<Rule>{
      {.name = "hot", .metric = "temperature", .threshold = 80, .hold = hold, .message = "hot"}});
  const std::vector<std::string> looks = {looks_from(a), looks_from(b)};
  Machine machine(2);
  std::vector<std::string> drawn(2);
  std::uint32_t fired = 0;
  for (std::size_t i = 0; i < std::min(looks[0].size(), looks[1].size()); ++i) {
    for (std::size_t device = 0; device < 2; ++device) {
      Reading<Celsius> reading = missing(Missing::kStale);
      if (looks[device][i] != '?') reading = Celsius(looks[device][i] == 'T' ? 85 : 80);
      machine.sample(device).temperature = reading;
    }
    const auto changes = machine.tick(book);
    for (std::size_t device = 0; device < 2; ++device) {
      const auto mine = [&](const Alert& alert) { return alert.device == device; };
      const auto change = std::ranges::find_if(changes, mine);
      const auto active = std::ranges::find_if(machine.frame().alerts, [&](const Alert& alert) {
        return mine(alert) && alert.state != AlertState::kResolved;
      });
      if (change != changes.end()) {
        drawn[device] += change->state == AlertState::kFiring ? '!' : '.';
        fired += change->state == AlertState::kFiring ? 1U : 0U;
      } else if (active == machine.frame().alerts.end()) {
        drawn[device] += '-';
      } else {
        drawn[device] += active->state == AlertState::kPending ? 'p' : 'f';
      }
    }
  }
  for (std::size_t device = 0; device < 2; ++device) {
    RC_ASSERT(drawn[device] == drawing(hold, looks[device].substr(0, drawn[device].size())));
  }
  RC_ASSERT(machine.frame().alerts_today == fired);
}

}  // namespace
}  // namespace gpuvigil
