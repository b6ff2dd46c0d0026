// SPDX-License-Identifier: Apache-2.0
#include "monitor/interval_union.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

Timestamp at(std::int64_t ns) {
  return from_unix_ns(ns);
}

struct Span {
  std::int64_t from;
  std::int64_t to;
};

/// The union by marking every nanosecond.
std::uint64_t brute_force(const std::vector<Span>& spans, std::int64_t until) {
  std::set<std::int64_t> marked;
  for (const Span& s : spans) {
    for (std::int64_t t = s.from; t < std::min(s.to, until); ++t) marked.insert(t);
  }
  return marked.size();
}

std::vector<Span> spans_of(const std::vector<std::pair<std::int16_t, std::uint8_t>>& raw) {
  std::vector<Span> spans;
  for (const auto& [from, length] : raw) spans.push_back({from % 2000, from % 2000 + length % 40});
  return spans;
}

TEST(IntervalUnion, CountsOverlapOnceAndGapsNever) {
  const auto f = [](const std::vector<Span>& spans, std::int64_t until, std::uint64_t want) {
    IntervalUnion u(1024);
    for (const Span& s : spans) u.add(at(s.from), at(s.to));
    EXPECT_EQ(u.length_until(at(until)), want);
  };
  f({}, 100, 0);
  f({{10, 20}}, 100, 10);
  f({{10, 20}}, 15, 5);  // reaches beyond the instant
  f({{10, 20}}, 10, 0);
  f({{10, 20}, {20, 30}}, 100, 20);  // touch
  f({{10, 20}, {15, 30}}, 100, 20);
  f({{10, 40}, {15, 30}}, 100, 30);  // inside
  f({{30, 40}, {10, 20}}, 100, 20);  // late
  f({{30, 40}, {10, 35}}, 100, 30);
  f({{10, 20}, {30, 40}, {5, 50}}, 100, 45);
  f({{20, 10}, {7, 7}}, 100, 0);  // reversed, empty
}

TEST(IntervalUnion, LastEndIsClippedAtTheInstant) {
  IntervalUnion u(1024);
  EXPECT_EQ(u.last_end_until(at(5)), std::nullopt);
  u.add(at(10), at(20));
  u.add(at(30), at(40));
  EXPECT_EQ(u.last_end_until(at(10)), std::nullopt);
  EXPECT_EQ(u.last_end_until(at(15)), at(15));
  EXPECT_EQ(u.last_end_until(at(25)), at(20));
  EXPECT_EQ(u.last_end_until(at(99)), at(40));
}

TEST(IntervalUnion, ShiftMovesEverything) {
  IntervalUnion u(1024);
  u.add(at(30), at(40));
  u.add(at(10), at(20));
  u.shift(1000ns);
  EXPECT_EQ(u.length_until(at(1000)), 0U);
  EXPECT_EQ(u.length_until(at(1035)), 15U);
  u.shift(Duration::max());  // nonsense saturates
  EXPECT_EQ(u.length_until(at(INT64_MAX)), 0U);
}

RC_GTEST_PROP(IntervalUnion, EqualsMarkingEveryNanosecondInAnyOrderOfQuestions,
              (std::vector<std::pair<std::int16_t, std::uint8_t>> raw,
               std::vector<std::int16_t> instants)) {
  const std::vector<Span> spans = spans_of(raw);
  IntervalUnion u(1 << 20);
  std::vector<Span> told;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    u.add(at(spans[i].from), at(spans[i].to));
    told.push_back(spans[i]);
    if (i < instants.size()) {
      RC_ASSERT(u.length_until(at(instants[i] % 2100)) == brute_force(told, instants[i] % 2100));
    }
  }
  RC_ASSERT(u.length_until(at(5000)) == brute_force(spans, 5000));
  RC_ASSERT(u.inexact() == 0U);
}

RC_GTEST_PROP(IntervalUnion, WithFewRunsItIsALowerBoundThatSaysSo,
              (std::vector<std::pair<std::int16_t, std::uint8_t>> raw)) {
  const std::vector<Span> spans = spans_of(raw);
  IntervalUnion u(16);
  for (const Span& s : spans) u.add(at(s.from), at(s.to));
  RC_ASSERT(u.memory_bytes() <= 16 * IntervalUnion::kBytesPerRun);
  const std::uint64_t truth = brute_force(spans, 5000);
  const std::uint64_t got = u.length_until(at(5000));
  RC_ASSERT(got <= truth);
  if (u.inexact() == 0) RC_ASSERT(got == truth);
  std::uint64_t last = u.length_until(at(-2100));
  for (std::int64_t t = -2099; t < 2100; ++t) {  // grows, and never faster than time
    const std::uint64_t now = u.length_until(at(t));
    RC_ASSERT(now >= last);
    RC_ASSERT(now - last <= 1U);
    last = now;
  }
}

TEST(IntervalUnion, InOrderManyMoreThanItKeepsStaysExact) {
  IntervalUnion u(64);
  for (std::int64_t i = 0; i < 100'000; ++i) {
    u.add(at(i * 10), at(i * 10 + 4));
    if (i % 3 == 0) u.add(at(i * 10 - 5), at(i * 10 - 3));  // a little late
  }
  EXPECT_EQ(u.length_until(at(1'000'000)), 400'000U + 33'334U * 2U);
  EXPECT_EQ(u.inexact(), 0U);
  EXPECT_LE(u.memory_bytes(), 64 * IntervalUnion::kBytesPerRun);
  EXPECT_EQ(u.last_end_until(at(2'000'000)), at(999'994));
}

TEST(IntervalUnion, LoweringTheLimitSealsAtOnce) {
  IntervalUnion u(1 << 16);
  for (std::int64_t i = 0; i < 10'000; ++i) u.add(at(i * 10), at(i * 10 + 4));
  u.set_limit(100);
  EXPECT_LE(u.memory_bytes(), 100 * IntervalUnion::kBytesPerRun);
  EXPECT_EQ(u.length_until(at(1'000'000)), 40'000U);
  u.add(at(5), at(8));
  EXPECT_EQ(u.inexact(), 1U);
}

}  // namespace
}  // namespace gpuvigil
