// SPDX-License-Identifier: Apache-2.0
#include "monitor/window_ladder.h"

#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

std::shared_ptr<const SeriesKey> key_of(std::uint64_t number) {
  static std::map<std::uint64_t, std::shared_ptr<const SeriesKey>> keys;
  auto& key = keys[number];
  if (!key)
    key = std::make_shared<const SeriesKey>(
        SeriesKey{.name = {}, .kind = {}, .device = static_cast<std::uint32_t>(number)});
  return key;
}

/// What happened in one step: series, and how long each of its executions took.
using Happened = std::map<std::uint64_t, std::vector<std::uint64_t>>;

LadderStep step_of(Timestamp from, Timestamp to, const Happened& happened) {
  auto delta = std::make_shared<WindowDelta>();
  auto order = std::make_shared<std::vector<std::uint64_t>>();
  delta->from = from;
  delta->to = to;
  for (const auto& [number, durations] : happened) {
    std::map<std::uint32_t, std::uint32_t> buckets;
    SeriesDelta series{.key = key_of(number), .last_end = to};
    for (const std::uint64_t duration : durations) {
      series.counters.add(duration);
      ++buckets[SketchScheme::bucket_of(duration)];
    }
    series.first_bucket = static_cast<std::uint32_t>(delta->buckets.size());
    for (const auto& [bucket, count] : buckets) delta->buckets.push_back({bucket, count});
    series.bucket_count = static_cast<std::uint32_t>(buckets.size());
    delta->series.push_back(series);
    order->push_back(number);
  }
  return {std::move(delta), std::move(order)};
}

struct Sum {
  KernelCounters counters;
  std::map<std::uint32_t, std::uint64_t> buckets;
};
using Sums = std::map<std::uint64_t, Sum>;

void add(Sums& sums, const WindowDelta& delta) {
  std::map<std::uint64_t, int> seen;
  for (const SeriesDelta& series : delta.series) {
    RC_ASSERT(++seen[series.key->device] == 1);
    Sum& sum = sums[series.key->device];
    sum.counters.merge(series.counters);
    std::uint32_t last = 0;
    for (const BucketCount& b : delta.buckets_of(series)) {
      RC_ASSERT(sum.buckets.empty() || last == 0 || b.bucket > last);
      last = b.bucket;
      sum.buckets[b.bucket] += b.count;
    }
  }
}

/// Every suffix of the ladder equals the sum of the pushes in it.
void compare(const WindowLadder& ladder, const std::vector<LadderStep>& pushed) {
  Sums got;
  Sums want;
  std::size_t push = pushed.size();
  Timestamp later = pushed.back().delta->to;
  for (std::size_t i = ladder.steps.size(); i-- > 0;) {
    const WindowDelta& step = *ladder.steps[i];
    RC_ASSERT(step.to == later);  // no hole, no overlap
    later = step.from;
    add(got, step);
    while (push > 0 && pushed[push - 1].delta->from >= step.from) add(want, *pushed[--push].delta);
    RC_ASSERT(pushed[push].delta->from == step.from);
    RC_ASSERT(got.size() == want.size());
    for (const auto& [number, sum] : want) {
      const Sum& have = got.at(number);
      RC_ASSERT(have.counters.calls == sum.counters.calls);
      RC_ASSERT(have.counters.sum_ns == sum.counters.sum_ns);
      RC_ASSERT(have.counters.min_ns == sum.counters.min_ns);
      RC_ASSERT(have.counters.max_ns == sum.counters.max_ns);
      RC_ASSERT(have.buckets == sum.buckets);
    }
  }
}

RC_GTEST_PROP(WindowLadder, EveryWindowEqualsWhatWasPushed,
              (const std::vector<std::vector<std::uint16_t>>& raw, std::uint8_t period)) {
  RC_PRE(!raw.empty());
  const std::vector<Duration> periods = {100ms, 250ms, 1s, 1'300ms, 10s};
  const Duration step = periods[period % periods.size()];
  LadderBuilder builder(24 * 1'024);  // so little that it has to merge early and drop
  std::vector<LadderStep> pushed;
  Timestamp from = from_unix_ns(1'700'000'000'370'000'000);
  for (std::size_t i = 0; i < 3 * raw.size(); ++i, from += step) {
    Happened happened;
    for (const std::uint16_t value : raw[i % raw.size()]) {
      happened[value % 7].push_back(value * (i + 1));
    }
    pushed.push_back(step_of(from, from + step, happened));
    builder.push(pushed.back());
    RC_ASSERT(builder.memory_bytes() <= 24U * 1'024U || builder.ladder()->steps.size() == 1U);
  }
  compare(*builder.ladder(), pushed);
}

TEST(WindowLadder, StepsGrowCoarserWithAgeAndReachAnHourBack) {
  LadderBuilder builder;
  const Timestamp start = from_unix_ns(0) + 1h;
  for (int i = 0; i < 3 * 3600; ++i) {
    builder.push(step_of(start + i * 1s, start + (i + 1) * 1s, {{1, {100}}}));
  }
  const auto& steps = builder.ladder()->steps;
  const Timestamp now = start + 3h;
  EXPECT_EQ(steps.back()->to, now);
  EXPECT_LE(steps.front()->from, now - 75min);
  EXPECT_LE(steps.size(), 210U);
  std::uint64_t calls = 0;
  for (const auto& step : steps) {
    const Duration age = now - step->to;
    const Duration width = step->to - step->from;
    EXPECT_LE(width, age < 60s ? 1s : age < 15min ? Duration(10s) : Duration(1min));
    calls += step->series.at(0).counters.calls;
  }
  EXPECT_EQ(calls, static_cast<std::uint64_t>((now - steps.front()->from) / 1s));
}

TEST(WindowLadder, FramesFasterThanASecondBecomeSteppedSeconds) {
  LadderBuilder builder;
  const Timestamp start = from_unix_ns(0);
  for (int i = 0; i < 35; ++i) {
    builder.push(step_of(start + i * 100ms, start + (i + 1) * 100ms, {{1, {100}}}));
  }
  const auto& steps = builder.ladder()->steps;
  ASSERT_EQ(steps.size(), 4U);
  EXPECT_EQ(steps[0]->series.at(0).counters.calls, 10U);
  EXPECT_EQ(steps[3]->series.at(0).counters.calls, 5U);
  EXPECT_EQ(steps[3]->to, start + 3'500ms);
}

TEST(WindowLadder, WithLittleMemoryItMergesUpToTenMinutesAndThenDrops) {
  constexpr std::size_t kBytes = 16 * 1'024;
  LadderBuilder builder(kBytes);
  const Timestamp start = from_unix_ns(0);
  Happened happened;
  for (std::uint64_t series = 0; series < 8; ++series) happened[series] = {100 * series};
  for (int i = 0; i < 3 * 3600; ++i) {
    builder.push(step_of(start + i * 1s, start + (i + 1) * 1s, happened));
    ASSERT_LE(builder.memory_bytes(), kBytes);
  }
  const auto& steps = builder.ladder()->steps;
  Duration widest{};
  for (const auto& step : steps) widest = std::max(widest, step->to - step->from);
  EXPECT_GT(widest, 1min);
  EXPECT_LE(widest, 10min);
  EXPECT_LE(steps.front()->from, start + 3h - 20min);  // coarser, but far back
}

TEST(WindowLadder, AnIdleHourCostsNothing) {
  LadderBuilder builder;
  for (int i = 0; i < 3600; ++i)
    builder.push(step_of(from_unix_ns(0) + i * 1s, from_unix_ns(0) + (i + 1) * 1s, {}));
  EXPECT_LT(builder.memory_bytes(), 32'768U);
}

}  // namespace
}  // namespace gpuvigil
