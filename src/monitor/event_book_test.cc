// SPDX-License-Identifier: Apache-2.0
#include "monitor/event_book.h"

#include <gtest/gtest.h>

#include "monitor/monitor.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNoon = from_unix_ns(1'767'355'200'000'000'000);

Event xid(std::uint32_t code, Duration after_noon, std::string uuid = "GPU-a") {
  return {.at = kNoon + after_noon,
          .uuid = std::move(uuid),
          .kind = "xid",
          .code = code,
          .severity = EventSeverity::kCritical,
          .message = "it happened",
          .advice = {}};
}

TEST(EventBook, ListsTheNewestFirstAndCountsByDeviceKindAndCode) {
  EventBook book;
  book.add(xid(79, 2s));
  book.add(xid(79, 1s));  // told late
  book.add(xid(48, 3s));
  book.add(xid(79, 4s, "GPU-b"));
  const auto log = book.log();
  ASSERT_EQ(log->events.size(), 4U);
  EXPECT_EQ(log->events[0].uuid, "GPU-b");
  EXPECT_EQ(log->events[1].code, 48U);
  EXPECT_EQ(log->events[3].at, kNoon + 1s);
  ASSERT_EQ(log->counts.size(), 3U);
  EXPECT_EQ(log->counts[1].code, 79U);
  EXPECT_EQ(log->counts[1].count, 2U);
  EXPECT_EQ(log->counts[1].first, kNoon + 1s);
  EXPECT_EQ(log->counts[1].last, kNoon + 2s);
  EXPECT_EQ(book.log(), log);  // nothing came: nothing is made anew
  book.add(xid(1, 5s));
  EXPECT_EQ(log->events.size(), 4U);
  EXPECT_EQ(book.log()->events.size(), 5U);
}

TEST(EventBook, IsBoundedAndSaysWhatItCouldNotCount) {
  EventBook book;
  constexpr std::size_t kMany = EventLog::kMostCounts + 10;
  for (std::uint32_t i = 0; i < kMany; ++i) book.add(xid(i, i * 1ms));
  const auto log = book.log();
  EXPECT_EQ(log->events.size(), EventLog::kMostEvents);
  EXPECT_EQ(log->events.front().code, kMany - 1);
  EXPECT_EQ(log->counts.size(), EventLog::kMostCounts);
  EXPECT_EQ(log->uncounted, 10U);
  EXPECT_EQ(log->total, kMany);
  Event ugly = xid(1, 0s);
  ugly.at = kNoon + 1h;
  ugly.message = std::string(10'000, 'x') + "\x01\xff";
  book.add(ugly);
  EXPECT_LE(book.log()->events.front().message.size(), 512U);
}

DeviceSample sample_of(Health health, std::vector<HealthFinding> findings = {}) {
  DeviceSample sample = absent_sample(Missing::kUnsupported, kNoon);
  sample.health = health;
  auto details = std::make_shared<DeviceDetails>();
  details->findings = std::move(findings);
  sample.details = details;
  return sample;
}

TEST(Monitor, AChangeOfHealthIsAnEvent) {
  Monitor monitor;
  const DeviceSlot slot =
      monitor.device({.uuid = "GPU-a", .name = {}, .pci_bus_id = {}, .source = "nvml"});
  const auto f = [&](const DeviceSample& sample, std::size_t events, std::string_view kind,
                     std::string_view message) {
    monitor.sample(slot, sample);
    const auto log = monitor.build(kNoon, true)->events;
    ASSERT_EQ(log->events.size(), events);
    if (events == 0) return;
    EXPECT_EQ(log->events.front().kind, kind);
    EXPECT_EQ(log->events.front().message, message);
    EXPECT_EQ(log->events.front().uuid, "GPU-a");
  };
  f(sample_of(Health::kOk), 0, "", "");
  f(sample_of(Health::kOk), 0, "", "");
  f(sample_of(Health::kDegraded, {{"row_remap_pending", "rows wait to be replaced", "reset it"}}),
    1, "health", "health went from ok to degraded: rows wait to be replaced");
  f(sample_of(Health::kLost), 2, "device_lost", "the device does not answer any more");
  f(sample_of(Health::kLost), 2, "device_lost", "the device does not answer any more");
  f(sample_of(Health::kOk), 3, "device_back", "the device is back and ok");
}

TEST(Monitor, WhatIsUnwellFromTheBeginningIsAnEventToo) {
  Monitor monitor;
  const DeviceSlot slot =
      monitor.device({.uuid = "GPU-a", .name = {}, .pci_bus_id = {}, .source = "nvml"});
  monitor.sample(slot, sample_of(Health::kFailed));
  EXPECT_EQ(monitor.build(kNoon, true)->events->events.front().kind, "health");
}

}  // namespace
}  // namespace gpuvigil
