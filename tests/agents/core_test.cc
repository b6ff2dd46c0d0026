// SPDX-License-Identifier: Apache-2.0
//
// The parts of the agents' core that are functions of numbers.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

extern "C" {
#include "budget.h"
#include "busy.h"
}
#include "gpuvigil/segment.h"

namespace gpuvigil {
namespace {

// ---- the budget ----

constexpr std::uint64_t kSecond = 1'000'000'000;

/// The levels after rounds of one second each, in which it cost so many percent of the budget.
std::vector<std::uint32_t> levels(budget now, const std::vector<double>& percents) {
  std::vector<std::uint32_t> after;
  for (const double percent : percents) {
    const double cost = percent / 100 * now.allowed * kSecond;
    now = gpuvigil_budget_next(now, static_cast<std::uint64_t>(cost), kSecond);
    after.push_back(now.level);
  }
  return after;
}

TEST(Budget, IsReadFromText) {
  const auto f = [](const char* text, double want) {
    EXPECT_DOUBLE_EQ(gpuvigil_budget_make(text).allowed, want) << (text != nullptr ? text : "-");
  };
  f(nullptr, 0.01);
  f("2", 0.02);
  f("0.5", 0.005);
  f("100", 1);
  for (const char* wrong : {"", "0", "-1", "101", "1%", "x", "nan", "inf", "1e9", "0,5"}) {
    f(wrong, 0.01);
  }
}

TEST(Budget, StepsDownBeforeItIsUsedUp) {
  const auto f = [](std::vector<double> percents, std::vector<std::uint32_t> want) {
    EXPECT_EQ(levels(gpuvigil_budget_make(nullptr), percents), want);
  };
  f({79, 79, 79}, {0, 0, 0});
  f({81, 50, 81}, {1, 1, 2});
  f({400}, {2});
  f({400, 400, 400, 400}, {2, 4, 5, 5});
  f({81, 81, 81, 81, 99, 99}, {1, 2, 3, 4, 4, 4});  // it goes on counting within its budget
  f({81, 81, 81, 81, 101, 81}, {1, 2, 3, 4, 5, 5});
  static_assert(BUDGET_LEVELS == 6U);
  EXPECT_EQ(gpuvigil_budget_levels[0].detail, GPUVIGIL_DETAIL_FULL);
  EXPECT_EQ(gpuvigil_budget_levels[BUDGET_LEVELS - 1].detail, GPUVIGIL_DETAIL_OFF);
}

TEST(Budget, StepsUpAfterACalmAndWaitsLongerWhereThatWasWrong) {
  budget now = gpuvigil_budget_make(nullptr);
  const auto run = [&](double percent, int rounds) {
    for (int i = 0; i < rounds; ++i) {
      const double cost = percent / 100 * now.allowed * kSecond;
      now = gpuvigil_budget_next(now, static_cast<std::uint64_t>(cost), kSecond);
    }
    return now.level;
  };
  EXPECT_EQ(run(90, 1), 1U);
  EXPECT_EQ(run(10, 9), 1U);
  EXPECT_EQ(run(10, 1), 0U);
  EXPECT_EQ(run(90, 1), 1U);  // too early
  EXPECT_EQ(run(10, 19), 1U);
  EXPECT_EQ(run(10, 1), 0U);
  EXPECT_EQ(run(90, 1), 1U);
  EXPECT_EQ(run(10, 20), 1U);
  EXPECT_EQ(run(20, 1000), 1U);  // not calm enough to look closer
  EXPECT_EQ(run(10, 40), 0U);
  EXPECT_EQ(run(5, 60), 0U);
  EXPECT_EQ(now.calm_needed, 10U);  // it has proved right
  EXPECT_EQ(gpuvigil_budget_next(now, 5, 0).level, 0U);
}

// ---- busy times ----

TEST(Busy, IsTheLengthOfTheUnion) {
  const auto f = [](const std::vector<busy_run>& runs, std::uint64_t until, std::uint64_t want) {
    auto busy = std::make_unique<busy_union>();
    for (const busy_run& run : runs) gpuvigil_busy_add(busy.get(), run.from, run.to);
    EXPECT_EQ(gpuvigil_busy_until(busy.get(), until), want);
  };
  f({}, 100, 0);
  f({{10, 20}}, 100, 10);
  f({{10, 20}}, 15, 5);
  f({{10, 20}}, 10, 0);
  f({{20, 10}, {5, 5}}, 100, 0);
  f({{10, 20}, {15, 30}, {30, 40}}, 100, 30);
  f({{50, 60}, {10, 20}, {15, 55}}, 100, 50);
  f({{10, 100}, {20, 30}, {40, 50}}, 100, 90);
}

TEST(Busy, AgreesWithABitmapInAnyOrder) {
  std::mt19937 random(3);
  for (int round = 0; round < 30; ++round) {
    auto busy = std::make_unique<busy_union>();
    std::vector<bool> map(20'000);
    std::uint64_t before = 0;
    for (int i = 0; i < 1200; ++i) {
      const std::uint64_t from = random() % 19'000;
      const std::uint64_t to = from + random() % 40;
      gpuvigil_busy_add(busy.get(), from, to);
      for (std::uint64_t t = from; t < to; ++t) map[t] = true;
      if (i % 97 != 0) continue;
      const std::uint64_t length = gpuvigil_busy_until(busy.get(), 20'000);
      ASSERT_EQ(length, static_cast<std::uint64_t>(std::ranges::count(map, true)));
      ASSERT_GE(length, before);
      before = length;
    }
  }
}

/// The same through batches, as agents add them.
void add_in_batches(busy_union* busy, const std::vector<busy_run>& runs) {
  auto batch = std::make_unique<busy_batch>();
  bool has_any = false;
  for (const busy_run& run : runs) {
    if (run.from >= run.to) continue;
    if (has_any && gpuvigil_busy_gather(batch.get(), run.from, run.to)) continue;
    if (has_any) {
      gpuvigil_busy_end(batch.get());
      gpuvigil_busy_add_batch(busy, batch.get());
    }
    gpuvigil_busy_begin(batch.get(), run.from, run.to);
    has_any = true;
  }
  if (!has_any) return;
  gpuvigil_busy_end(batch.get());
  gpuvigil_busy_add_batch(busy, batch.get());
}

TEST(Busy, IsTheSameInBatches) {
  std::mt19937 random(5);
  for (int round = 0; round < 40; ++round) {
    const bool is_in_order = round % 2 == 0;
    auto one_by_one = std::make_unique<busy_union>();
    auto batched = std::make_unique<busy_union>();
    std::uint64_t at = 1000;
    for (int part = 0; part < 12; ++part) {
      std::vector<busy_run> runs;
      for (std::size_t i = 0, count = random() % 700; i < count; ++i) {
        at += random() % 30;
        const std::uint64_t from = is_in_order ? at : at - random() % 200;
        runs.push_back({.from = from, .to = from + random() % 40});
      }
      for (const busy_run& run : runs) gpuvigil_busy_add(one_by_one.get(), run.from, run.to);
      add_in_batches(batched.get(), runs);
      const std::uint64_t until = at - random() % 100;
      ASSERT_EQ(gpuvigil_busy_until(batched.get(), until),
                gpuvigil_busy_until(one_by_one.get(), until))
          << round << " " << part;
      ASSERT_LE(batched->run_count, BUSY_RUNS);
    }
  }
}

TEST(Busy, WhatIsTooOldIsALowerBoundAndNothingGrowsWithoutEnd) {
  auto busy = std::make_unique<busy_union>();
  for (std::uint64_t i = 0; i < 100'000; ++i) gpuvigil_busy_add(busy.get(), 10 * i, 10 * i + 4);
  EXPECT_EQ(gpuvigil_busy_until(busy.get(), 1'000'000), 400'000U);
  gpuvigil_busy_add(busy.get(), 5, 9);  // long sealed
  EXPECT_EQ(gpuvigil_busy_until(busy.get(), 1'000'000), 400'000U);
  std::mt19937 random(4);  // late ones by the thousand, back to before what is sealed
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t from = 900'000 + random() % 200'000;
    gpuvigil_busy_add(busy.get(), from, from + 3);
    if (i % 1000 != 0) continue;
    EXPECT_LE(gpuvigil_busy_until(busy.get(), 2'000'000), 1'200'000U);
  }
  EXPECT_LE(busy->run_count, BUSY_RUNS);
}

}  // namespace
}  // namespace gpuvigil
