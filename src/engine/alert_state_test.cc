// SPDX-License-Identifier: Apache-2.0
#include "engine/alert_state.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

constexpr Timestamp kAt = from_unix_ns(1'767'323'045'123'456'789);

/// Something of everything, in words that JSON has to escape.
AlertStateFile full_state() {
  Alert alert{.id = "0123456789abcdef",
              .rule = "slow",
              .severity = Severity::kCritical,
              .state = AlertState::kFiring,
              .message = "GPU 1: \"gemm<float>\"\n\x01",
              .began = kAt,
              .metric = "kernel_p95_time",
              .value = 0.1,
              .threshold = 1.0 / 3,
              .device = 1,
              .uuid = "GPU-1",
              .kernel = "gemm<float>"};
  alert.acknowledged = true;
  alert.acknowledged_by = "token";
  alert.labels = {{"team", "ml"}, {"a", ""}};
  alert.runbook = "https://example.org/r";
  alert.notify = true;
  Alert over = alert;
  over.state = AlertState::kResolved;
  over.resolved_at = kAt + std::chrono::seconds(1);
  const Notice notice{.key = "gpuvigil-1",
                      .group = {{"severity", "critical"}},
                      .is_resolved = true,
                      .alerts = {alert, over},
                      .total = 70,
                      .at = kAt};
  AlertStateFile state;
  state.living = {{alert,
                   {.phase = AlertPhase::kFiring,
                    .since = kAt,
                    .evidence = std::chrono::milliseconds(1500),
                    .evident_at = {}}}};
  state.open = {{notice, {alert.id, "other"}}};
  state.outgoing = {{std::make_shared<const Notice>(notice), {"hook", "mail"}}};
  state.silences = {{.id = "s",
                     .matchers = {{.label = "rule", .pattern = "x*", .is_equal = false}},
                     .starts = kAt,
                     .ends = kAt + std::chrono::hours(1),
                     .comment = "work",
                     .created_by = "local"}};
  state.rules = {{.name = "slow",
                  .when = "p95 of kernel \"gemm*\" above 2 ms",
                  .keep = "5s",
                  .severity = "critical",
                  .summary = "{kernel}",
                  .runbook = "https://example.org/r",
                  .labels = {{"team", "ml"}},
                  .notify = false}};
  state.channels = {{.name = "mail",
                     .kind = "email",
                     .url = "smtp://127.0.0.1:25",
                     .secret = "hunter2",
                     .sender = "gpu@example.org",
                     .to = {"ops@example.org"},
                     .user = "me",
                     .matchers = {"team=ml"},
                     .allow = {"loopback"},
                     .ca_file = "/ca.pem"}};
  return state;
}

TEST(AlertState, IsReadAsItWasWritten) {
  const AlertStateFile state = full_state();
  const std::string text = format_alert_state(state);
  const auto read = parse_alert_state(text);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(format_alert_state(*read), text) << "nothing is lost on the way";
  ASSERT_EQ(read->living.size(), 1U);
  const LivingAlert& living = read->living.front();
  EXPECT_EQ(living.alert.message, state.living.front().alert.message);
  EXPECT_EQ(living.alert.threshold, 1.0 / 3);
  EXPECT_EQ(living.alert.began, kAt);
  EXPECT_EQ(living.progress.phase, AlertPhase::kFiring);
  EXPECT_EQ(living.progress.evidence, std::chrono::milliseconds(1500));
  EXPECT_EQ(read->outgoing.front().channels, state.outgoing.front().channels);
  EXPECT_EQ(read->outgoing.front().notice->total, 70U);
  EXPECT_EQ(read->rules, state.rules);
  EXPECT_EQ(read->channels, state.channels);
  EXPECT_EQ(read->silences.front().ends, state.silences.front().ends);
}

TEST(AlertState, AnEmptyOneIsOneToo) {
  const auto read = parse_alert_state(format_alert_state({}));
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(read->living.empty() && read->open.empty() && read->channels.empty());
}

TEST(AlertState, OfAnotherVersionOrNoneIsRefused) {
  for (const std::string_view text :
       {"", "{}", "[]", "null", "{\"version\":\"2\"}", "{\"version\""}) {
    EXPECT_FALSE(parse_alert_state(text).has_value()) << text;
  }
}

TEST(AlertState, WhateverHappenedToTheFileItIsReadOrRefused) {
  const std::string sound = format_alert_state(full_state());
  std::mt19937 random(22);
  std::size_t read = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string text = sound.substr(0, i % 3 == 0 ? random() % sound.size() : sound.size());
    for (std::size_t k = random() % 4; k-- > 0 && !text.empty();) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    if (const auto state = parse_alert_state(text)) {
      ++read;
      EXPECT_FALSE(format_alert_state(*state).empty());
    }
  }
  EXPECT_GT(read, 0U);
}

}  // namespace
}  // namespace gpuvigil
