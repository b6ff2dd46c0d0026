// SPDX-License-Identifier: Apache-2.0
#include "alert/grouping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alert/testing_script.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kStart;

Alert firing(std::string id, Severity severity = Severity::kWarning) {
  Alert alert;
  alert.id = std::move(id);
  alert.rule = "r";
  alert.severity = severity;
  alert.state = AlertState::kFiring;
  alert.notify = true;
  return alert;
}

/// A grouper whose alerts and time a test sets.
class Bench {
 public:
  explicit Bench(GroupingOptions options = {}) : grouper(options), options_(std::move(options)) {}

  /// "2 firing", "1 resolved": what is told at the end of `by`.
  std::vector<std::string> after(Duration by) {
    now += by;
    std::vector<std::string> told;
    for (const Notice& notice : grouper.update(alerts, now)) {
      told.push_back(std::to_string(notice.total) + (notice.is_resolved ? " resolved" : " firing"));
      keys.push_back(notice.key);
    }
    return told;
  }
  void restart() {
    Grouper next(options_);
    next.restore(grouper.open());
    grouper = std::move(next);
  }

  Grouper grouper;
  std::vector<Alert> alerts;
  std::vector<std::string> keys;
  Timestamp now = kStart;

 private:
  GroupingOptions options_;
};

TEST(Grouper, TellsWhatFiresTogetherOnceAndOnceItsEnd) {
  Bench bench;
  bench.alerts = {firing("a"), firing("b")};
  EXPECT_THAT(bench.after(0s), IsEmpty());
  EXPECT_EQ(bench.grouper.due(), kStart + 500ms);
  EXPECT_THAT(bench.after(500ms), ElementsAre("2 firing"));
  EXPECT_THAT(bench.after(1h), IsEmpty()) << "once";
  bench.alerts[0].state = AlertState::kResolved;
  EXPECT_THAT(bench.after(1s), IsEmpty()) << "not all of it is over";
  bench.alerts.pop_back();
  EXPECT_THAT(bench.after(1s), ElementsAre("2 resolved"));
  EXPECT_EQ(bench.keys[0], bench.keys[1]) << "one key for both";
  EXPECT_THAT(bench.after(1h), IsEmpty());
}

TEST(Grouper, SomethingNewIsANoticeOfItsOwn) {
  Bench bench;
  bench.alerts = {firing("a")};
  bench.after(0s);
  EXPECT_THAT(bench.after(1s), ElementsAre("1 firing"));
  bench.alerts.push_back(firing("b"));
  bench.after(1s);
  EXPECT_THAT(bench.after(1s), ElementsAre("1 firing")) << "an old one must not hide a new one";
  EXPECT_NE(bench.keys[0], bench.keys[1]);
}

TEST(Grouper, AStormIsFewNotices) {
  Bench bench;
  std::size_t told = 0;
  for (int second = 0; second < 60; ++second) {  // 64 devices x 20 rules, over twenty seconds
    if (second < 20) {
      for (int device = 0; device < 64; ++device) {
        const auto severity = second % 2 == 0 ? Severity::kWarning : Severity::kCritical;
        bench.alerts.push_back(
            firing(std::to_string(second) + "/" + std::to_string(device), severity));
      }
    }
    told += bench.after(500ms).size();
    told += bench.after(500ms).size();
  }
  EXPECT_LE(told, 6U) << "two bursts of two and what came after";
  std::size_t alerts = 0;
  for (const OpenNotice& open : bench.grouper.open()) {
    alerts += open.ids.size();
    EXPECT_LE(open.notice.alerts.size(), Notice::kMostAlerts);
  }
  EXPECT_EQ(alerts, 1280U) << "and none is lost";

  Bench at_once;
  at_once.alerts = bench.alerts;
  at_once.after(0s);
  EXPECT_EQ(at_once.after(1s).size(), 2U);
  at_once.alerts.clear();
  EXPECT_EQ(at_once.after(1s).size(), 2U) << "and their ends";
}

TEST(Grouper, WhatNobodyMustHearOfIsNotTold) {
  const auto f = [](auto&& change) {
    Bench bench;
    bench.alerts = {firing("a")};
    change(bench.alerts[0]);
    bench.after(0s);
    return bench.after(1s).size();
  };
  EXPECT_EQ(f([](Alert&) {}), 1U);
  EXPECT_EQ(f([](Alert& alert) { alert.notify = false; }), 0U);
  EXPECT_EQ(f([](Alert& alert) { alert.silenced = true; }), 0U);
  EXPECT_EQ(f([](Alert& alert) { alert.inhibited = true; }), 0U);
  EXPECT_EQ(f([](Alert& alert) { alert.acknowledged = true; }), 0U);
  EXPECT_EQ(f([](Alert& alert) { alert.state = AlertState::kPending; }), 0U);
}

TEST(Grouper, TheEndOfASilenceTellsWhatStillFires) {
  Bench bench;
  bench.alerts = {firing("a")};
  bench.alerts[0].silenced = true;
  bench.after(1h);
  bench.alerts[0].silenced = false;
  bench.after(1s);
  EXPECT_THAT(bench.after(1s), ElementsAre("1 firing"));
  bench.alerts[0].silenced = true;
  EXPECT_THAT(bench.after(1s), IsEmpty()) << "a silence is no end";
  bench.alerts.clear();
  EXPECT_THAT(bench.after(1s), ElementsAre("1 resolved")) << "who was called hears of the end";
}

TEST(Grouper, ARestartTellsNothingTwiceAndForgetsNoEnd) {
  Bench bench;
  bench.alerts = {firing("a")};
  bench.after(0s);
  bench.restart();  // before anybody was told: it is told by the next life
  bench.after(0s);
  EXPECT_THAT(bench.after(1s), ElementsAre("1 firing"));
  bench.restart();
  EXPECT_THAT(bench.after(1s), IsEmpty());
  EXPECT_THAT(bench.after(1h), IsEmpty());
  bench.alerts.clear();
  bench.restart();
  EXPECT_THAT(bench.after(1s), ElementsAre("1 resolved"));
}

TEST(Grouper, WhatIsOverBeforeItWasToldIsCounted) {
  Bench bench;
  bench.alerts = {firing("a")};
  bench.after(0s);
  bench.alerts.clear();
  EXPECT_THAT(bench.after(1s), IsEmpty());
  EXPECT_EQ(bench.grouper.never_told(), 1U);
}

}  // namespace
}  // namespace gpuvigil
