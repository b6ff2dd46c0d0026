// SPDX-License-Identifier: Apache-2.0
#include "monitor/memory_sweep.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

Timestamp at(std::int64_t ns) {
  return from_unix_ns(ns);
}

struct Use {
  std::int64_t start;
  std::int64_t end;
  std::uint64_t bytes;
};

std::uint64_t brute_force(const std::vector<Use>& uses) {
  std::uint64_t most = 0;
  for (const Use& at_start : uses) {
    std::uint64_t sum = 0;
    for (const Use& use : uses) {
      if (use.start <= at_start.start && at_start.start < use.end) sum += use.bytes;
    }
    most = std::max({most, sum, at_start.bytes});
  }
  return most;
}

TEST(MemorySweep, CountsWhatRunsAtOnce) {
  const auto f = [](const std::vector<Use>& uses, std::uint64_t largest, std::uint64_t total) {
    MemorySweep sweep;
    for (const Use& use : uses) sweep.add(0, at(use.start), at(use.end), use.bytes);
    EXPECT_EQ(sweep.result().largest_overlap_bytes, largest);
    EXPECT_EQ(sweep.result().total_bytes, total);
    EXPECT_EQ(sweep.result().executions, uses.size());
  };
  f({}, 0, 0);
  f({{0, 10, 5}}, 5, 5);
  f({{0, 10, 5}, {5, 15, 7}}, 12, 12);
  f({{0, 10, 5}, {10, 15, 7}}, 7, 12);  // one after the other
  f({{10, 15, 7}, {0, 10, 5}}, 7, 12);
  f({{5, 5, 9}, {0, 10, 5}}, 9, 14);  // no length: never beside another
}

TEST(MemorySweep, ExecutionsWithoutAStartCountOneAfterTheOther) {
  MemorySweep sweep;
  sweep.add(0, std::nullopt, at(10), 100);
  sweep.add(0, std::nullopt, at(10), 300);
  sweep.add_many(10, 2'000, 400);
  const MemoryReuse reuse = sweep.result();
  EXPECT_EQ(reuse.largest_overlap_bytes, 400U);
  EXPECT_EQ(reuse.total_bytes, 2'400U);
  EXPECT_EQ(reuse.executions, 12U);
}

RC_GTEST_PROP(MemorySweep, EqualsAskingAtEveryStart,
              (const std::vector<std::tuple<std::uint8_t, std::uint8_t, std::uint8_t>>& raw)) {
  MemorySweep sweep;
  MemorySweep small(16);
  std::vector<Use> uses;
  for (const auto& [start, length, bytes] : raw) {
    uses.push_back({start, start + length % 20, bytes});
    sweep.add(0, at(uses.back().start), at(uses.back().end), bytes);
    small.add(0, at(uses.back().start), at(uses.back().end), bytes);
    RC_ASSERT(sweep.result().largest_overlap_bytes == brute_force(uses));
  }
  RC_ASSERT(small.result().largest_overlap_bytes <= sweep.result().largest_overlap_bytes);
  if (small.inexact() == 0) {
    RC_ASSERT(small.result().largest_overlap_bytes == sweep.result().largest_overlap_bytes);
  }
}

TEST(MemorySweep, RebaseMovesOneDeviceAgainstTheOthers) {
  MemorySweep sweep;
  sweep.add(0, at(0), at(10), 5);
  sweep.add(1, at(0), at(10), 7);
  EXPECT_EQ(sweep.result().largest_overlap_bytes, 12U);
  sweep.rebase(1, Duration(100));
  EXPECT_EQ(sweep.result().largest_overlap_bytes, 7U);
}

TEST(MemorySweep, NonsenseStaysFinite) {
  MemorySweep sweep;
  sweep.add(0, at(0), at(10), UINT64_MAX);
  sweep.add(0, at(0), at(10), UINT64_MAX);
  for (int i = 0; i < 4; ++i) sweep.add(0, at(0), at(10), INT64_MAX);
  EXPECT_EQ(sweep.result().total_bytes, UINT64_MAX);
  EXPECT_EQ(sweep.result().largest_overlap_bytes, UINT64_MAX);
}

}  // namespace
}  // namespace gpuvigil
