// SPDX-License-Identifier: Apache-2.0
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/failpoint.h"
#include "base/json_reader.h"
#include "base/latest.h"
#include "base/sha256.h"
#include "base/task_queue.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

TEST(Decimal, ParsesMicrosecondsToNanosecondsWithoutADouble) {
  const auto f = [](std::string_view text, std::optional<std::int64_t> want) {
    EXPECT_EQ(parse_scaled(text, 3), want) << text;
  };
  f("0", 0);
  f("1", 1000);
  f("12.3456", 12346);
  f("1712195495505583.123", 1712195495505583123);
  f("-5", -5000);
  f("+5", 5000);
  f("2.0005", 2000);  // half to even
  f("2.0015", 2002);
  f("2.00050001", 2001);
  f("1e3", 1000000);
  f("1.5E-3", 2);
  f("0.0004", 0);
  f("1e300", std::nullopt);
  f("36893488147419103232", std::nullopt);
  f("9223372036854775.807", INT64_MAX);
  f("9223372036854775.808", std::nullopt);
  f("0.00000000000000000000000000001", 0);
  f("1e-999999999", 0);
  f("", std::nullopt);
  f("-", std::nullopt);
  f(".", std::nullopt);
  f("1.2.3", std::nullopt);
  f("NaN", std::nullopt);
  f("Infinity", std::nullopt);
  f("1 ", std::nullopt);
  f("1e", std::nullopt);
}

TEST(Text, CleanKeepsGoodTextAndReplacesTheRest) {
  const auto f = [](std::string_view in, std::string_view want) {
    EXPECT_EQ(clean_text(in), want);
  };
  f("void k<int>(float*)", "void k<int>(float*)");
  f("größe ☃ 😀", "größe ☃ 😀");
  f(std::string_view("a\0b", 3),
    "a\xEF\xBF\xBD"
    "b");
  f("tab\there", "tab\xEF\xBF\xBDhere");
  f("\xFF\xC3", "\xEF\xBF\xBD\xEF\xBF\xBD");
  f("\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong NUL
  f("\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // surrogate
  f("x\xE2\x80\xAEy", "x\xEF\xBF\xBDy");                      // right-to-left override
}

TEST(Text, TruncateNeverSplitsACharacter) {
  EXPECT_EQ(truncate_utf8("abc", 5), "abc");
  EXPECT_EQ(truncate_utf8("aé", 2), "a");
  EXPECT_EQ(truncate_utf8("😀", 3), "");
}

TEST(Text, NearestWordFindsATypoAndNothingForANonsense) {
  const std::vector<std::string_view> known = {"avg_time", "total_time", "calls"};
  EXPECT_EQ(nearest_word("total_tme", known), "total_time");
  EXPECT_EQ(nearest_word("zzzzzzzzzz", known), std::nullopt);
}

TEST(Sha256, PrefixIsTheFirstSixtyFourBits) {
  EXPECT_EQ(sha256_prefix("test"), 0x9f86d081884c7d65ULL);
}

TEST(BoundedQueue, KeepsItsBoundAndCountsWhatItDrops) {
  BoundedQueue<int> oldest(2, WhenFull::kDropOldest);
  EXPECT_TRUE(oldest.push(1));
  EXPECT_TRUE(oldest.push(2));
  EXPECT_FALSE(oldest.push(3));
  EXPECT_EQ(oldest.pop(), 2);
  EXPECT_EQ(oldest.dropped(), 1U);

  BoundedQueue<int> newest(1, WhenFull::kDropNewest);
  EXPECT_TRUE(newest.push(1));
  EXPECT_FALSE(newest.push(2));
  EXPECT_EQ(newest.drain(), std::deque<int>{1});
  EXPECT_EQ(newest.pop(), std::nullopt);
}

TEST(Latest, ReadersSeeWholeValuesWhileAWriterReplacesThem) {
  Latest<std::pair<int, int>> latest;
  EXPECT_EQ(latest.get(), nullptr);
  std::jthread writer([&] {
    for (int i = 1; i <= 10000; ++i) latest.set(std::make_shared<std::pair<int, int>>(i, -i));
  });
  int seen = 0;
  while (seen < 10000) {
    if (const auto value = latest.get()) {
      ASSERT_EQ(value->first, -value->second);
      ASSERT_GE(value->first, seen);
      seen = value->first;
    }
  }
}

TEST(Clock, ScaledTimeRunsSpeedTimesAsFast) {
  ManualClock base(from_unix_ns(1'000'000));
  const ScaledClock fast(base, 10.0);
  EXPECT_EQ(fast.now(), base.now());
  base.advance(2s);
  EXPECT_EQ(fast.now(), from_unix_ns(1'000'000) + 20s);
  EXPECT_EQ(fast.until(fast.now() + 5s), 500ms);
  EXPECT_EQ(fast.until(fast.now() - 5s), 0s);
}

TEST(TaskQueue, RunsInOrderOnItsOwnerAndRefusesWhatItHasNoRoomFor) {
  TaskQueue queue(2);
  std::vector<int> ran;
  std::jthread poster([&] {
    EXPECT_TRUE(queue.post([&] { ran.push_back(1); }));
    EXPECT_TRUE(queue.post([&] { ran.push_back(2); }));
    EXPECT_FALSE(queue.post([&] { ran.push_back(3); }));
  });
  poster.join();
  EXPECT_TRUE(queue.wait_and_run(1s));
  EXPECT_EQ(ran, (std::vector<int>{1, 2}));
  EXPECT_TRUE(queue.wait_and_run(0s));
  queue.close();
  EXPECT_FALSE(queue.post([] {}));
  EXPECT_FALSE(queue.wait_and_run(1h));
}

TEST(JsonReader, ReadsATreeAndRefusesWhatIsNoJson) {
  const auto read = parse_json(R"({"a":[1,2.5,"x",null,true],"b":{"c":-1},"a":7})", 1000);
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)["a"].as_array()->size(), 5U);
  EXPECT_EQ((*read)["b"]["c"].number_or(0), -1);
  EXPECT_EQ((*read)["a"].as_array()->at(2).string_or(""), "x");
  EXPECT_TRUE((*read)["zzz"]["y"].is_null());
  const auto f = [](std::string_view text, Errc want) {
    const auto got = parse_json(text, 1000);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, want) << text;
  };
  f("", Errc::kCorrupt);
  f("{", Errc::kCorrupt);
  f("{\"a\":1}x", Errc::kCorrupt);
  f("\"\xFF\"", Errc::kCorrupt);
  f(std::string(100, '['), Errc::kCorrupt);
  f(std::string(1001, ' '), Errc::kTooLarge);
}

TEST(Failpoint, FailsOnlyWhileArmedAndAfterItsSkips) {
  EXPECT_FALSE(failpoint("test.here"));
  {
    const FailpointArmed armed("test.here", 1);
    EXPECT_FALSE(failpoint("test.here"));
    EXPECT_TRUE(failpoint("test.here"));
    EXPECT_FALSE(failpoint("test.elsewhere"));
  }
  EXPECT_FALSE(failpoint("test.here"));
}

}  // namespace
}  // namespace gpuvigil
