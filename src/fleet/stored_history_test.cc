// SPDX-License-Identifier: Apache-2.0
#include "fleet/stored_history.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "outbound/testing_receiver.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::http_reply;
using testing::Received;
using testing::ScriptedReceiver;

Timestamp at(Duration since_epoch) {
  return from_unix_ns(since_epoch.count());
}

HistoryQuery query_of(Duration from, Duration to, Duration step) {
  HistoryQuery query;
  query.metrics = {"power"};
  query.from = at(from);
  query.to = at(to);
  query.step = step;
  return query;
}

/// An answer with one device.
std::string answer(std::string_view uuid, std::string_view values) {
  return http_reply(200, {},
                    fmt::format(R"({{"status":"success","data":{{"result":[)"
                                R"({{"metric":{{"uuid":"{}"}},"values":[{}]}}]}}}})",
                                uuid, values));
}

Result<HistoryAnswer> ask(const HistoryQuery& query, ScriptedReceiver& receiver,
                          bool is_over = false) {
  auto client = PromqlClient::open(
      {.base = *OutboundUrl::parse(receiver.url()), .outbound = {.addresses = {.loopback = true}}});
  StoredHistory history(**client, 10s, [is_over] { return is_over; });
  return history.devices(query, "host=\"a\"");
}

TEST(HistorySteps, AreMultiplesThatAreNotFinerThanWhatIsWritten) {
  const auto f = [](Duration step, Duration resolution, Duration want) {
    EXPECT_EQ(steps_of(query_of(0s, 100s, step), resolution).step, want);
  };
  f(1s, 15s, 15s);
  f(10s, 15s, 20s);
  f(60s, 15s, 60s);
  f(15s, 15s, 15s);
  const HistorySteps steps = steps_of(query_of(95s, 121s, 10s), 10s);
  EXPECT_EQ(steps.first, at(90s));
  EXPECT_EQ(steps.points, 4U);
}

TEST(StoredHistory, PutsValuesWhereTheyBelong) {
  ScriptedReceiver receiver([](const Received&, std::size_t) {
    return answer("GPU-1", R"([49.999,"1"],[69.999,"3"],[79.999,"4"])");
  });
  auto query = query_of(100s, 140s, 10s);
  query.wants_trend = true;
  const auto got = ask(query, receiver);
  ASSERT_TRUE(got) << got.error().message;
  ASSERT_EQ(got->series.size(), 1U);
  const auto& values = got->series[0].values;
  ASSERT_EQ(values.size(), 4U);
  EXPECT_EQ(values[0], 1);
  EXPECT_TRUE(std::isnan(values[1]));
  EXPECT_EQ(values[2], 3);
  EXPECT_EQ(values[3], 4);
  EXPECT_DOUBLE_EQ(got->coverage, 0.75);
  EXPECT_NEAR(got->series[0].trend->slope_per_hour.value(), 360, 1e-9);
  EXPECT_THAT(receiver.received()[0].body, HasSubstr("start=49.999&end=79.999&step=10&"));
  EXPECT_THAT(receiver.received()[0].body, HasSubstr("host%3D%22a%22"));
}

TEST(StoredHistory, TellsOfWhoWasNamedEvenWhereNothingIsKnown) {
  ScriptedReceiver receiver(
      [](const Received&, std::size_t) { return answer("GPU-1", R"([49.999,"1"])"); });
  auto query = query_of(100s, 110s, 10s);
  query.devices = {"GPU-1", "GPU-2"};
  const auto got = ask(query, receiver);
  ASSERT_TRUE(got);
  ASSERT_EQ(got->series.size(), 2U);
  EXPECT_EQ(got->series[1].uuid, "GPU-2");
  EXPECT_TRUE(std::isnan(got->series[1].values[0]));
  EXPECT_THAT(receiver.received()[0].body, HasSubstr("uuid%3D%7E%22GPU-1%7CGPU-2%22"));
}

TEST(StoredHistory, AsksInPiecesAndInSmallerOnesWhereThatIsTooMuch) {
  ScriptedReceiver receiver([](const Received&, std::size_t number) {
    return number == 0 ? http_reply(422) : answer("GPU-1", R"([-50.001,"1"])");
  });
  const auto got = ask(query_of(0s, 150'000s, 10s), receiver);
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->points, 15'000U);
  const auto asked = receiver.received();
  ASSERT_EQ(asked.size(), 4U);
  EXPECT_THAT(asked[0].body, HasSubstr("start=-50.001&end=99939.999"));
  EXPECT_THAT(asked[1].body, HasSubstr("start=-50.001&end=49939.999"));
  EXPECT_THAT(asked[2].body, HasSubstr("start=49949.999&end=99939.999"));
  EXPECT_THAT(asked[3].body, HasSubstr("start=99949.999&end=149939.999"));
}

TEST(StoredHistory, RefusesTooManyPointsBeforeItAsks) {
  ScriptedReceiver receiver(
      [](const Received&, std::size_t) { return answer("GPU-1", R"([-50.001,"1"])"); });
  const auto got = ask(query_of(0s, 10s * 200'000, 10s), receiver);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::kTooLarge);
  EXPECT_TRUE(receiver.received().empty());
}

TEST(StoredHistory, EndsWhenNobodyWaits) {
  ScriptedReceiver receiver(
      [](const Received&, std::size_t) { return answer("GPU-1", R"([-50.001,"1"])"); });
  const auto got = ask(query_of(0s, 10s, 10s), receiver, true);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::kTimeout);
}

}  // namespace
}  // namespace gpuvigil
