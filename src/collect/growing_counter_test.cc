// SPDX-License-Identifier: Apache-2.0
#include "collect/growing_counter.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

constexpr double kWrap = 4294967296.0;

TEST(GrowingCounter, GoesOnWhereTheDriverWrapsOrBeginsAgain) {
  const auto f = [](const std::vector<double>& raw, double want) {
    GrowingCounter counter;
    double total = 0;
    for (const double value : raw) total = counter.advance(value);
    EXPECT_EQ(total, want);
  };
  f({5}, 5);
  f({5, 5, 9}, 9);
  f({kWrap - 10, 20}, kWrap + 20);
  f({kWrap - 10, 20, 30}, kWrap + 30);
  f({1000, 20}, 1020);                 // the driver began again
  f({kWrap * 3, 20}, kWrap * 3 + 20);  // and did not wrap at 32 bits
}

RC_GTEST_PROP(GrowingCounter, FollowsACounterOfThirtyTwoBits, (std::vector<std::uint32_t> steps)) {
  // Whatever moves less than half a lap between two looks is counted exactly.
  GrowingCounter counter;
  double truth = 0;
  (void)counter.advance(0);
  for (const std::uint32_t step : steps) {
    truth += step % 2147483647U;
    RC_ASSERT(counter.advance(std::fmod(truth, kWrap)) == truth);
  }
}

}  // namespace
}  // namespace gpuvigil
