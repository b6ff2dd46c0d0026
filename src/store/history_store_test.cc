// SPDX-License-Identifier: Apache-2.0
#include "store/history_store.h"

#include <atomic>
#include <cmath>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "base/testing_tree.h"
#include "store/testing_history.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using testing::kHistoryStart;

Frame frame_at(Timestamp at, double watts) {
  Frame frame;
  frame.edge = at;
  DeviceRow row;
  row.info = std::make_shared<const DeviceInfo>(
      DeviceInfo{.uuid = "GPU-a", .name = "", .pci_bus_id = "", .source = "test"});
  row.sample.power = Watts(watts);
  frame.devices.push_back(row);
  return frame;
}

HistoryQuery power_query(Timestamp from, Timestamp to) {
  return {.metrics = {"power"},
          .devices = {},
          .from = from,
          .to = to,
          .step = 1s,
          .aggregate = HistoryAggregate::kAverage,
          .wants_trend = false};
}

Result<HistoryAnswer> ask(HistoryStore& store, const HistoryQuery& query) {
  auto promise = std::make_shared<std::promise<Result<HistoryAnswer>>>();
  auto waiting = promise->get_future();
  const bool taken = store.ask(
      query, [promise](Result<HistoryAnswer> answer) { promise->set_value(std::move(answer)); });
  if (!taken) return fail(Errc::kUnavailable, "too many");
  return waiting.get();
}

TEST(HistoryStore, AnswersWhileItWrites) {
  const testing::Tree tree;
  for (const std::string& path : {tree.path("h.db"), std::string()}) {
    const ManualClock clock(kHistoryStart);
    auto store = HistoryStore::open({.path = path, .limits = {}}, clock);
    ASSERT_TRUE(store) << store.error().message;
    std::atomic<bool> done{false};
    std::thread asker([&] {
      while (!done) {
        const auto answer = ask(**store, power_query(kHistoryStart, kHistoryStart + 50s));
        if (!answer || answer->series.empty()) continue;
        for (std::size_t i = 0; i < answer->points; ++i) {
          const double value = answer->series[0].values[i];
          EXPECT_TRUE(std::isnan(value) || value == 100.5 + static_cast<double>(i)) << value;
        }
      }
    });
    for (int i = 0; i < 50; ++i) (*store)->append(frame_at(kHistoryStart + i * 1s, 100.5 + i), {});
    done = true;
    asker.join();
    const auto answer = ask(**store, power_query(kHistoryStart, kHistoryStart + 50s));
    ASSERT_TRUE(answer) << answer.error().message;
    ASSERT_EQ(answer->series.size(), 1U);
    EXPECT_EQ(answer->series[0].values[49], 149.5);
    EXPECT_EQ((*store)->status().rows, 50U);
  }
}

TEST(HistoryStore, WritesWhatWaitsBeforeItEnds) {
  const testing::Tree tree;
  const ManualClock clock(kHistoryStart);
  const HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  {
    auto store = HistoryStore::open(options, clock);
    ASSERT_TRUE(store);
    for (int i = 0; i < 100; ++i) (*store)->append(frame_at(kHistoryStart + i * 1s, i), {});
  }
  auto store = HistoryStore::open(options, clock);
  ASSERT_TRUE(store);
  const auto answer = ask(**store, power_query(kHistoryStart, kHistoryStart + 100s));
  ASSERT_TRUE(answer && answer->series.size() == 1);
  EXPECT_EQ(answer->series[0].values[99], 99);
}

}  // namespace
}  // namespace gpuvigil
