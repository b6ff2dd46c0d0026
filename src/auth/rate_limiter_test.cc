// SPDX-License-Identifier: Apache-2.0
#include "auth/rate_limiter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNow = Timestamp(std::chrono::seconds(1'800'000'000));
constexpr Rate kRate = {.per_second = 10, .burst = 50};

TEST(RateLimiter, GivesTheBurstAndThenTheRate) {
  RateLimiter limiter;
  for (std::uint32_t i = 0; i < 50; ++i) {
    const auto verdict = limiter.take("a", kRate, kNow);
    EXPECT_TRUE(verdict.allowed);
    EXPECT_EQ(verdict.remaining, 49 - i);
  }
  const auto refused = limiter.take("a", kRate, kNow);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, 100ms);
  EXPECT_FALSE(limiter.take("a", kRate, kNow + 99ms).allowed);
  EXPECT_TRUE(limiter.take("a", kRate, kNow + 100ms).allowed);
  EXPECT_FALSE(limiter.take("a", kRate, kNow + 100ms).allowed);
  EXPECT_TRUE(limiter.take("b", kRate, kNow + 100ms).allowed);  // another one is not concerned
}

RC_GTEST_PROP(RateLimiter, NeverAllowsMoreThanBurstAndRate, ()) {
  const Rate rate = {.per_second = *rc::gen::element(0.5, 1.0, 7.0, 1000.0),
                     .burst = *rc::gen::inRange(1U, 20U)};
  const auto pauses = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 400));
  RateLimiter limiter;
  Timestamp now = kNow;
  int allowed = 0;
  for (const int pause : pauses) {
    now += std::chrono::milliseconds(pause);
    allowed += limiter.take("a", rate, now).allowed ? 1 : 0;
  }
  const double seconds = std::chrono::duration<double>(now - kNow).count();
  RC_ASSERT(allowed <= rate.burst + rate.per_second * seconds + 1e-6);
}

TEST(RateLimiter, KnowsABoundedNumberAndForgetsWhoHasRested) {
  RateLimiter limiter;
  for (std::size_t i = 0; i < RateLimiter::kMaxClients; ++i) {
    limiter.take(fmt::to_string(i), kRate, kNow);
  }
  EXPECT_EQ(limiter.clients(), RateLimiter::kMaxClients);
  for (int i = 0; i < 50; ++i)
    EXPECT_TRUE(limiter.take(fmt::format("new{}", i), kRate, kNow).allowed);
  EXPECT_FALSE(limiter.take("another", kRate, kNow).allowed);  // all the new ones share a bucket
  EXPECT_EQ(limiter.crowded(), 51U);
  EXPECT_EQ(limiter.clients(), RateLimiter::kMaxClients);
  EXPECT_TRUE(limiter.take("another", kRate, kNow + 1s).allowed);
  EXPECT_EQ(limiter.clients(), 1U);
}

TEST(Rate, IsReadAndWritten) {
  EXPECT_EQ(parse_rate("10"), (Rate{10, 50}));
  EXPECT_EQ(parse_rate("10:5"), (Rate{10, 5}));
  EXPECT_EQ(parse_rate("0.1"), (Rate{0.1, 1}));
  EXPECT_EQ(parse_rate("0.5:3"), (Rate{0.5, 3}));
  EXPECT_EQ(to_string(Rate{0.5, 3}), "0.5:3");
  for (const auto* text : {"", "0", "-1", "x", "10:", "10:0", "10:x", ":5", "10:5:5", "1e9", "nan",
                           "inf", "10 ", "10:2.5"}) {
    EXPECT_FALSE(parse_rate(text)) << text;
  }
}

}  // namespace
}  // namespace gpuvigil
