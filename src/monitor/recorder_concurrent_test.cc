// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "monitor/counting_intake.h"
#include "monitor/recorder.h"

namespace gpuvigil {
namespace {

using testing::CountingIntake;

constexpr std::uint32_t kNames = 40;
constexpr int kThreads = 8;

struct Call {
  std::string name;
  std::uint32_t device;
  std::uint64_t duration;
  std::uint64_t memory;
};

std::vector<Call> random_calls(std::size_t count) {
  std::mt19937_64 random(7);
  std::vector<Call> calls;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t name = static_cast<std::uint32_t>(random() % kNames);
    calls.push_back({"kernel " + std::to_string(name), name % 2, random() % (1U << (name % 22U)),
                     random() % 3 == 0 ? random() % 1'000 : Recorder::kNoMemory});
  }
  return calls;
}

void record_share(Recorder& recorder, const std::vector<Call>& calls, std::size_t part,
                  std::size_t parts) {
  for (std::size_t i = part; i < calls.size(); i += parts) {
    const Call& call = calls[i];
    if (i % 2 == 0) {
      recorder.record(call.name, call.device, call.duration, call.memory);
    } else {
      recorder.record(recorder.intern(call.name, call.device), call.duration, call.memory);
    }
  }
}

void collect(Recorder& recorder, CountingIntake& intake) {
  recorder.collect(intake, OwnerId{1}, [](std::uint32_t device) { return DeviceSlot{device}; });
}

/// Totals, buckets and extremes; sums of squares are exact here because they stay below 2^53.
void expect_equal(const CountingIntake& got, const CountingIntake& want) {
  ASSERT_EQ(got.totals.size(), want.totals.size());
  for (const auto& [key, total] : want.totals) {
    const auto& other = got.totals.at(key);
    EXPECT_EQ(other.counters.calls, total.counters.calls) << key.first;
    EXPECT_EQ(other.counters.sum_ns, total.counters.sum_ns) << key.first;
    EXPECT_EQ(other.counters.min_ns, total.counters.min_ns) << key.first;
    EXPECT_EQ(other.counters.max_ns, total.counters.max_ns) << key.first;
    EXPECT_EQ(other.counters.sum_squares_ns2, total.counters.sum_squares_ns2) << key.first;
    EXPECT_EQ(other.counters.memory_calls, total.counters.memory_calls) << key.first;
    EXPECT_EQ(other.counters.memory_bytes, total.counters.memory_bytes) << key.first;
    EXPECT_EQ(other.largest_memory_bytes, total.largest_memory_bytes) << key.first;
    for (std::uint32_t b = 0; b < SketchScheme::kBuckets; ++b) {
      ASSERT_EQ(other.sketch.count(b), total.sketch.count(b)) << key.first << " bucket " << b;
    }
  }
}

class RecorderConcurrent : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(RecorderConcurrent, EightThreadsCountWhatOneDoesWhileBeingCollected) {
  const std::atomic<std::int64_t> now{1'000};
  const std::vector<Call> calls = random_calls(40'000);

  CountingIntake want;
  Recorder alone({}, now);
  record_share(alone, calls, 0, 1);
  collect(alone, want);

  CountingIntake got;
  Recorder recorder({.max_threads = GetParam()}, now);
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      record_share(recorder, calls, static_cast<std::size_t>(t), kThreads);
      --running;
    });
  }
  while (running > 0) collect(recorder, got);
  for (auto& thread : threads) thread.join();
  collect(recorder, got);
  EXPECT_TRUE(got.consistent);
  expect_equal(got, want);
  EXPECT_EQ(got.listed.size() + got.losses[Loss::kExecutionsOverrun], calls.size());
}

INSTANTIATE_TEST_SUITE_P(ShardsForAllAndForFew, RecorderConcurrent, ::testing::Values(256U, 2U));

TEST(RecorderConcurrentHammer, OneSeriesWithoutAPauseIsConservedExactly) {
  const std::atomic<std::int64_t> now{1'000};
  constexpr std::uint64_t kCalls = 200'000;
  Recorder recorder({}, now);
  const std::uint32_t id = recorder.intern("hot", 0);
  std::atomic<bool> done{false};
  std::thread thread([&] {
    for (std::uint64_t i = 0; i < kCalls; ++i) recorder.record(id, 100 + i * 7919 % 5'000);
    done = true;
  });
  CountingIntake got;
  while (!done) collect(recorder, got);
  thread.join();
  collect(recorder, got);

  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < kCalls; ++i) sum += 100 + i * 7919 % 5'000;
  const auto& total = got.totals.at({"hot", 0});
  EXPECT_TRUE(got.consistent);
  EXPECT_EQ(total.counters.calls, kCalls);
  EXPECT_EQ(total.counters.sum_ns, sum);
  EXPECT_EQ(total.counters.min_ns, 100U);
  EXPECT_EQ(total.counters.max_ns, 5'099U);
  EXPECT_EQ(total.sketch.total(), kCalls);
}

TEST(RecorderConcurrentLife, ThreadsAndRecordersComeAndGoInAnyOrder) {
  const std::atomic<std::int64_t> now{1'000};
  for (int round = 0; round < 20; ++round) {
    auto recorder = std::make_unique<Recorder>(RecorderLimits{}, now);
    std::atomic<int> recorded{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        recorder->record("k", 0, 10);
        ++recorded;
        recorded.notify_all();
      });
    }
    for (int seen = recorded; seen < 4; seen = recorded) recorded.wait(seen);
    CountingIntake got;
    collect(*recorder, got);
    EXPECT_EQ(got.totals.at({"k", 0}).counters.calls, 4U);
    recorder.reset();  // while the threads are ending
    for (auto& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace gpuvigil
