// SPDX-License-Identifier: Apache-2.0
#include "collect/unsupported_calls.h"

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Timestamp kStart = Timestamp(seconds(1'800'000'000));

TEST(UnsupportedCalls, AreAskedAgainEverMoreRarely) {
  UnsupportedCalls calls(3);
  Timestamp now = kStart;
  std::vector<Duration> rests;
  for (int i = 0; i < 9; ++i) {
    EXPECT_TRUE(calls.is_worth_asking(1, now));
    calls.refused(1, now);
    const Timestamp refused = now;
    while (!calls.is_worth_asking(1, now)) now += seconds(30);
    rests.push_back(now - refused);
  }
  EXPECT_EQ(rests.front(), minutes(1));
  EXPECT_EQ(rests[1], minutes(2));
  EXPECT_EQ(rests[5], minutes(32));
  EXPECT_EQ(rests.back(), hours(1));
}

TEST(UnsupportedCalls, OneDoesNotSpeakForAnother) {
  UnsupportedCalls calls(3);
  calls.refused(1, kStart);
  EXPECT_TRUE(calls.is_worth_asking(0, kStart));
  EXPECT_FALSE(calls.is_worth_asking(1, kStart));
  EXPECT_TRUE(calls.is_worth_asking(2, kStart));
}

TEST(UnsupportedCalls, AnAnswerBeginsAnew) {
  UnsupportedCalls calls(1);
  for (int i = 0; i < 5; ++i) calls.refused(0, kStart);
  calls.answered(0);
  EXPECT_TRUE(calls.is_worth_asking(0, kStart));
  calls.refused(0, kStart);
  EXPECT_TRUE(calls.is_worth_asking(0, kStart + minutes(1)));
}

}  // namespace
}  // namespace gpuvigil
