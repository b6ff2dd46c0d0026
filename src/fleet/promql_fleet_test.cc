// SPDX-License-Identifier: Apache-2.0
#include "fleet/promql_fleet.h"

#include <condition_variable>
#include <mutex>
#include <vector>

#include <gtest/gtest.h>

#include "outbound/testing_receiver.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using testing::http_reply;
using testing::Received;
using testing::ScriptedReceiver;

constexpr Timestamp kNow = from_unix_ns(1'700'000'000'000'000'000);
constexpr std::string_view kNode = R"({"status":"success","data":{"result":[)"
                                   R"({"metric":{"instance":"a"},"value":[1,"1700000000"]}]}})";

/// Answers as they come.
class Answers {
 public:
  using State = std::shared_ptr<const FleetState>;

  auto taker() {
    return [this](Result<State> got) {
      const std::scoped_lock lock(mutex_);
      all_.push_back(std::move(got));
      changed_.notify_all();
    };
  }
  std::vector<Result<State>> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 20s, [&] { return all_.size() >= count; });
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Result<State>> all_;
};

std::unique_ptr<PromqlFleet> start(const std::string& url, const Clock& clock) {
  auto fleet = PromqlFleet::start(
      {.server = {.base = *OutboundUrl::parse(url), .outbound = {.addresses = {.loopback = true}}},
       .host = "a"},
      clock);
  return *std::move(fleet);
}

TEST(PromqlFleet, AsksOnceForManyWhoLook) {
  ManualClock clock(kNow);
  ScriptedReceiver receiver(
      [](const Received&, std::size_t) { return http_reply(200, {}, kNode); });
  Answers answers;
  const auto fleet = start(receiver.url(), clock);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(fleet->ask_nodes(answers.taker()));
  for (const auto& got : answers.wait(5)) {
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ((*got)->nodes[0].name, "a");
  }
  EXPECT_EQ(receiver.received().size(), 3U);
  clock.advance(PromqlFleet::kStateAge);
  ASSERT_TRUE(fleet->ask_nodes(answers.taker()));
  (void)answers.wait(6);
  EXPECT_EQ(receiver.received().size(), 6U);
  EXPECT_EQ(fleet->status().queries, 6U);
  EXPECT_TRUE(fleet->status().is_up);
}

TEST(PromqlFleet, CountsWhatFailsAndSaysWhy) {
  ManualClock clock(kNow);
  ScriptedReceiver receiver([](const Received&, std::size_t) { return http_reply(503); });
  Answers answers;
  const auto fleet = start(receiver.url(), clock);
  ASSERT_TRUE(fleet->ask_nodes(answers.taker()));
  EXPECT_EQ(answers.wait(1)[0].error().code, Errc::kUnavailable);
  const FleetStatus status = fleet->status();
  EXPECT_FALSE(status.is_up);
  EXPECT_NE(status.problem.find("503"), std::string::npos) << status.problem;
  EXPECT_EQ(status.queries_failed, 1U);
}

TEST(PromqlFleet, RefusesMoreThanMayWaitAndEndsAtOnce) {
  ManualClock clock(kNow);
  ScriptedReceiver receiver(
      [](const Received&, std::size_t) { return std::string(ScriptedReceiver::kSilence); });
  Answers answers;
  std::size_t taken = 0;
  {
    const auto fleet = start(receiver.url(), clock);
    ASSERT_TRUE(fleet->ask_nodes(answers.taker()));
    ASSERT_TRUE(receiver.wait_for(1));
    for (std::size_t i = 0; i < PromqlFleet::kMaxWaiting + 5; ++i) {
      taken += fleet->ask_nodes(answers.taker()) ? 1 : 0;
    }
    EXPECT_EQ(taken, PromqlFleet::kMaxWaiting);
    EXPECT_EQ(fleet->status().queries_refused, 5U);
  }
  const auto all = answers.wait(taken + 1);
  EXPECT_EQ(all.size(), taken + 1);
  for (const auto& got : all) EXPECT_FALSE(got);
}

TEST(PromqlFleet, DoesNotAskWhatHasWaitedTooLong) {
  ManualClock clock(kNow);
  ScriptedReceiver receiver([](const Received&, std::size_t number) {
    return number == 0 ? std::string(ScriptedReceiver::kSilence) : http_reply(200, {}, kNode);
  });
  Answers answers;
  const auto fleet = start(receiver.url(), clock);
  ASSERT_TRUE(fleet->ask_nodes(answers.taker()));
  ASSERT_TRUE(fleet->ask_nodes(answers.taker()));
  ASSERT_TRUE(receiver.wait_for(1));
  clock.advance(PromqlFleet::kTimeLimit);
  const auto all = answers.wait(2);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].error().code, Errc::kTimeout);
  EXPECT_EQ(receiver.received().size(), 1U);
}

}  // namespace
}  // namespace gpuvigil
