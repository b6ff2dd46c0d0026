// SPDX-License-Identifier: Apache-2.0
#include "engine/backend_watch.h"

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using enum BackendState;

const Timestamp kStart = from_unix_ns(1'800'000'000'000'000'000);

/// The lines of one look at one backend, as "level event why".
std::string look(BackendWatch& watch, Timestamp now, BackendState state, std::string problem = "") {
  std::string out;
  const BackendStatus status{.name = "fake", .state = state, .problem = std::move(problem)};
  for (const BackendWatch::Line& line : watch.look({&status, 1}, now)) {
    EXPECT_EQ(line.backend, "fake");
    out += std::string(log_level_name(line.level)) + " " + std::string(line.event);
    if (!line.why.empty()) out += " " + line.why;
  }
  return out;
}

TEST(BackendWatch, WhatWorksFromTheBeginningIsNoNews) {
  BackendWatch watch;
  EXPECT_EQ(look(watch, kStart, kStarting), "");
  EXPECT_EQ(look(watch, kStart + 1s, kOk), "");
  EXPECT_EQ(look(watch, kStart + 2s, kOk), "");
}

TEST(BackendWatch, AFailureAndItsEndAreToldOnce) {
  BackendWatch watch;
  EXPECT_EQ(look(watch, kStart, kOk), "");
  EXPECT_EQ(look(watch, kStart + 1s, kFailing, "gone"), "warn backend.failing gone");
  EXPECT_EQ(look(watch, kStart + 2s, kFailing, "gone"), "");
  EXPECT_EQ(look(watch, kStart + 1h, kFailing, "gone"), "");
  EXPECT_EQ(look(watch, kStart + 1h, kOk), "info backend.ok");
}

TEST(BackendWatch, ADriverThatWasNeverThereIsNoAlarm) {
  BackendWatch watch;
  EXPECT_EQ(look(watch, kStart, kFailing, "no driver"), "info backend.failing no driver");
  EXPECT_EQ(look(watch, kStart + 1s, kOk), "info backend.ok");
  EXPECT_EQ(look(watch, kStart + 2s, kFailing, "no driver"), "warn backend.failing no driver");
}

TEST(BackendWatch, ReasonsThatChangeAreToldOnceAMinute) {
  BackendWatch watch;
  EXPECT_EQ(look(watch, kStart, kFailing, "a"), "info backend.failing a");
  EXPECT_EQ(look(watch, kStart + 59s, kFailing, "b"), "");
  EXPECT_EQ(look(watch, kStart + 60s, kFailing, "b"), "info backend.failing b");
  EXPECT_EQ(look(watch, kStart + 61s, kFailing, "a"), "");
}

TEST(BackendWatch, AHungDriverIsToldOnceHoweverItsSecondsCount) {
  BackendWatch watch;
  EXPECT_EQ(look(watch, kStart, kHung, "for 3 s"), "warn backend.hung for 3 s");
  EXPECT_EQ(look(watch, kStart + 2min, kHung, "for 123 s"), "");
  EXPECT_EQ(look(watch, kStart + 3min, kOk), "info backend.ok");
}

}  // namespace
}  // namespace gpuvigil
