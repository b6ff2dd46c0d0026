// SPDX-License-Identifier: Apache-2.0
// Channels against receivers that misbehave in every way there is.
#include "notify/sender.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "notify/transport.h"
#include "outbound/testing_receiver.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::http_reply;
using testing::Received;
using testing::ScriptedReceiver;

std::shared_ptr<const ChannelSpec> webhook(const std::string& url, bool allow = true) {
  ChannelText text{.name = "hook", .kind = "webhook", .url = url, .secret = "key"};
  if (allow) text.allow = {"loopback"};
  auto made = compile_channel(text, RuleOrigin::kFile);
  EXPECT_TRUE(made.has_value());
  return *made;
}

std::shared_ptr<const Notice> notice(std::string key) {
  Alert alert;
  alert.message = "m";
  return std::make_shared<const Notice>(
      Notice{.key = std::move(key), .alerts = {alert}, .total = 1, .at = wall_time()});
}

/// What was done with, in order.
class Ledger {
 public:
  Sender::Done done() {
    return [this](const std::string&, const Notice& one) {
      const std::scoped_lock lock(mutex_);
      keys_.push_back(one.key);
      changed_.notify_all();
    };
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 60s, [&] { return keys_.size() >= count; });
  }
  std::vector<std::string> keys() {
    const std::scoped_lock lock(mutex_);
    return keys_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> keys_;
};

SenderOptions quick() {
  return {.backoff = {.first = 1ms, .most = 20ms}, .deadline = 2s};
}

/// Which notices a receiver was given, in order, tries included.
std::vector<std::string> keys_at(ScriptedReceiver& receiver) {
  std::vector<std::string> keys;
  for (const Received& one : receiver.received()) {
    const auto at = one.body.find(R"("key":")");
    keys.push_back(one.body.substr(at + 7, one.body.find('"', at + 7) - at - 7));
  }
  return keys;
}

TEST(Sender, DeliversInOrderAndSigned) {
  ScriptedReceiver receiver([](const Received&, std::size_t) { return http_reply(200); });
  Ledger ledger;
  Sender sender(webhook(receiver.url("/secret-path")), quick(), ledger.done());
  for (const char* key : {"a", "b", "c"}) sender.send(notice(key));
  ASSERT_TRUE(ledger.wait_for(3));
  EXPECT_THAT(ledger.keys(), ElementsAre("a", "b", "c"));
  EXPECT_THAT(keys_at(receiver), ElementsAre("a", "b", "c"));
  EXPECT_THAT(receiver.received()[0].head, HasSubstr("X-Gpuvigil-Signature: sha256="));
  EXPECT_EQ(sender.health().delivered, 3U);
  EXPECT_EQ(sender.health().queued, 0U);
}

TEST(Sender, TriesAgainUntilItIsTakenAndKeepsTheOrder) {
  ScriptedReceiver receiver([](const Received&, std::size_t number) -> std::string {
    switch (number) {
      case 0:
        return http_reply(500);
      case 1:
        return http_reply(429, "Retry-After: 1\r\n");
      case 2:
        return "";  // closes without a word
      case 3:
        return "no HTTP at all\r\n\r\n";
      case 4:
        return http_reply(503);
      default:
        return http_reply(200, "", std::string(std::size_t{8} << 20U, 'x'));  // a huge answer
    }
  });
  Ledger ledger;
  Sender sender(webhook(receiver.url()), quick(), ledger.done());
  const auto began = std::chrono::steady_clock::now();
  sender.send(notice("a"));
  sender.send(notice("b"));
  ASSERT_TRUE(ledger.wait_for(2));
  EXPECT_GE(std::chrono::steady_clock::now() - began, 1s) << "Retry-After is kept";
  EXPECT_THAT(ledger.keys(), ElementsAre("a", "b"));
  const auto keys = keys_at(receiver);
  EXPECT_EQ(std::ranges::count(keys, "b"), 1) << "nothing overtakes what is tried again";
  EXPECT_EQ(keys.back(), "b");
  EXPECT_EQ(sender.health().delivered, 2U);
  EXPECT_GE(sender.health().retries, 4U);
}

TEST(Sender, WhatIsRefusedForGoodIsDroppedAndCounted) {
  ScriptedReceiver other([](const Received&, std::size_t) { return http_reply(200); });
  ScriptedReceiver receiver([&](const Received&, std::size_t number) {
    return number == 0   ? http_reply(400)
           : number == 1 ? http_reply(302, "Location: " + other.url() + "\r\n")
                         : http_reply(204);
  });
  Ledger ledger;
  Sender sender(webhook(receiver.url()), quick(), ledger.done());
  for (const char* key : {"a", "b", "c"}) sender.send(notice(key));
  ASSERT_TRUE(ledger.wait_for(3));
  EXPECT_EQ(sender.health().dropped, 2U);
  EXPECT_EQ(sender.health().delivered, 1U);
  EXPECT_TRUE(other.received().empty()) << "a redirect is not followed";
}

TEST(Sender, ADeadChannelDelaysNoOther) {
  ScriptedReceiver dead(
      [](const Received&, std::size_t) { return std::string(ScriptedReceiver::kSilence); });
  ScriptedReceiver living([](const Received&, std::size_t) { return http_reply(200); });
  Ledger ledger;
  Ledger none;
  Sender stuck(webhook(dead.url()), quick(), none.done());
  Sender sender(webhook(living.url()), quick(), ledger.done());
  stuck.send(notice("a"));
  ASSERT_TRUE(dead.wait_for(1));
  sender.send(notice("a"));
  ASSERT_TRUE(ledger.wait_for(1));
  EXPECT_TRUE(none.keys().empty());
  stuck.stop();  // and does not wait for its deadline
}

TEST(Sender, ItsQueueIsBoundedAndKeepsTheNewest) {
  std::atomic<bool> well = false;
  ScriptedReceiver receiver(
      [&](const Received&, std::size_t) { return http_reply(well ? 200 : 503); });
  Ledger ledger;
  SenderOptions options = quick();
  options.capacity = 5;
  Sender sender(webhook(receiver.url()), options, ledger.done());
  sender.send(notice("first"));
  ASSERT_TRUE(receiver.wait_for(1));
  for (int i = 0; i < 20; ++i) sender.send(notice(std::to_string(i)));
  EXPECT_EQ(sender.health().dropped, 16U);
  well = true;
  ASSERT_TRUE(ledger.wait_for(21));
  EXPECT_EQ(sender.health().delivered, 5U);
  const auto keys = keys_at(receiver);
  EXPECT_EQ(keys.back(), "19");
}

TEST(Sender, WhatIsTooOldIsGivenUp) {
  ScriptedReceiver receiver([](const Received&, std::size_t) { return http_reply(503); });
  Ledger ledger;
  SenderOptions options = quick();
  options.give_up = 50ms;
  Sender sender(webhook(receiver.url()), options, ledger.done());
  sender.send(notice("a"));
  ASSERT_TRUE(ledger.wait_for(1));
  EXPECT_EQ(sender.health().dropped, 1U);
}

TEST(Sender, ALoopbackThatIsNotAllowedIsNotDialled) {
  ScriptedReceiver receiver([](const Received&, std::size_t) { return http_reply(200); });
  const auto done = Sender::try_once(*webhook(receiver.url("/hunter2"), false), quick(),
                                     {.notice = notice("a"), .roll = nullptr});
  ASSERT_FALSE(done.has_value());
  EXPECT_THAT(done.error().message, HasSubstr("not allowed"));
  EXPECT_EQ(done.error().message.find("hunter2"), std::string::npos);
  EXPECT_TRUE(receiver.received().empty());
}

TEST(Sender, AnAlertmanagerHasTheNewestRollAlone) {
  std::atomic<bool> well = false;
  ScriptedReceiver receiver(
      [&](const Received&, std::size_t) { return http_reply(well ? 200 : 503); });
  ChannelText text{.name = "am", .kind = "alertmanager", .url = receiver.url("")};
  text.allow = {"loopback"};
  Ledger ledger;
  Sender sender(*compile_channel(text, RuleOrigin::kFile), quick(), ledger.done());
  const auto roll = [](std::string rule) {
    Alert alert;
    alert.rule = std::move(rule);
    return std::make_shared<const AlertRoll>(AlertRoll{.alerts = {alert}, .at = wall_time()});
  };
  sender.send(roll("old"));
  ASSERT_TRUE(receiver.wait_for(1));
  sender.send(roll("new"));
  well = true;
  while (sender.health().delivered == 0) std::this_thread::yield();
  EXPECT_THAT(receiver.received().front().head, HasSubstr("POST /api/v2/alerts "));
  EXPECT_THAT(receiver.received().back().body, HasSubstr("new"));
}

TEST(RunCommand, GivesTheNoticeAndSaysHowItEnded) {
  EXPECT_TRUE(run_command({"/bin/sh", "-c", "grep -q needle"}, "a needle", 20s).has_value());
  const auto failed = run_command({"/bin/sh", "-c", "exit 3"}, "", 20s);
  ASSERT_FALSE(failed.has_value());
  EXPECT_THAT(failed.error().message, HasSubstr("ended with 3"));
  EXPECT_EQ(run_command({"/no/such/program"}, "", 20s).error().code, Errc::kNotFound);
  EXPECT_TRUE(run_command({"/bin/sh", "-c", "test -z \"$HOME\""}, "", 20s).has_value())
      << "nothing of our environment but PATH";
  const auto late = run_command({"/bin/sh", "-c", "sleep 60 & sleep 60"}, "", 200ms);
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, Errc::kTimeout);
}

}  // namespace
}  // namespace gpuvigil
