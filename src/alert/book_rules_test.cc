// SPDX-License-Identifier: Apache-2.0
// What rules of every kind come to in a book of alerts.
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "alert/alert_book.h"
#include "alert/testing_cases.h"
#include "alert/testing_script.h"
#include "model/alert_query.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kStart;

Rule rule_from(const RuleText& text) {
  auto rule = compile_rule(text, RuleOrigin::kFile);
  EXPECT_TRUE(rule.has_value()) << (rule ? "" : rule.error().front().reason);
  return *rule;
}
Rule rule_of(std::string when) {
  return rule_from(RuleText{.name = "r", .when = std::move(when)});
}

/// Devices whose driver answers every second.
class Bench {
 public:
  explicit Bench(std::vector<Rule> rules, std::size_t devices = 1) : book_(std::move(rules)) {
    frame_.edge = kStart;
    for (std::uint32_t i = 0; i < devices; ++i) {
      auto info = std::make_shared<DeviceInfo>();
      info->uuid = "GPU-" + std::to_string(i);
      info->source = "nvml";
      frame_.devices.push_back({.info = info, .index = i, .sample = {}, .activity = {}});
      sample(i).gpu_utilization = Percent(10);
      details_.push_back(std::make_shared<DeviceDetails>());
    }
  }
  DeviceSample& sample(std::size_t i = 0) { return frame_.devices.at(i).sample; }
  MetricSet& metrics(std::size_t i = 0) { return details_.at(i)->metrics; }
  Frame& frame() { return frame_; }
  AlertBook& book() { return book_; }

  /// The next edge, and what changed: "fired r", "resolved r".
  std::vector<std::string> tick(Duration by = 1s) {
    frame_.edge += by;
    for (std::size_t i = 0; i < frame_.devices.size(); ++i) {
      sample(i).at = frame_.edge;
      sample(i).details = std::make_shared<const DeviceDetails>(*details_[i]);
    }
    std::vector<std::string> told;
    for (const Alert& alert : book_.update(frame_)) {
      told.push_back((alert.state == AlertState::kFiring ? "fired " : "resolved ") + alert.rule);
    }
    book_.write_to(frame_);
    return told;
  }

  /// The book of the next life, with what is kept of this one.
  void restart() {
    AlertBook next(book_.rules());
    EXPECT_THAT(next.restore(book_.living(), frame_.edge), IsEmpty());
    book_ = std::move(next);
  }

 private:
  AlertBook book_;
  Frame frame_;
  std::vector<std::shared_ptr<DeviceDetails>> details_;
};

/// How the alert of one rule on one device lives through a script of testing_cases.h.
std::string life(int fire, int keep, std::string_view looks) {
  Rule rule = rule_of("temperature above 80 C until below 70 C");
  rule.hold = {fire * 1s, keep * 1s};
  Bench bench({rule});
  std::string drawn;
  std::string id;
  for (const char look : looks) {
    if (look == 'R') {
      bench.restart();
      continue;
    }
    bench.sample().temperature = missing(Missing::kStale);
    if (look != '?') bench.sample().temperature = Celsius(look == 'H' ? 90 : look == 'M' ? 75 : 60);
    const auto told = bench.tick();
    const bool lives = !bench.book().living().empty();
    if (lives) {
      const std::string now = bench.book().living()[0].alert.id;
      if (!drawn.empty() && (drawn.back() == 'p' || drawn.back() == 'f' || drawn.back() == '!')) {
        EXPECT_EQ(now, id) << "one life, one id: " << looks;
      }
      id = now;
    }
    if (!told.empty()) {
      drawn += told[0].starts_with("fired") ? '!' : '.';
    } else if (!lives) {
      drawn += '-';
    } else {
      drawn += bench.book().living()[0].alert.state == AlertState::kPending ? 'p' : 'f';
    }
  }
  return drawn;
}

TEST(AlertLife, FollowsItsCases) {
  for (const testing::LifeCase& one : testing::life_cases()) {
    EXPECT_EQ(life(one.fire, one.keep, one.looks), one.want)
        << one.looks << " fire " << one.fire << " keep " << one.keep;
  }
}

TEST(BookRules, TheCardsOwnLimitIsTheThreshold) {
  Bench bench({rule_of("temperature above slowdown_temperature - 3 C")});
  bench.sample().temperature = Celsius(88);
  EXPECT_THAT(bench.tick(), IsEmpty()) << "without the limit there is no evidence";
  bench.metrics()[MetricId::kSlowdownTemperature] = 91;
  EXPECT_THAT(bench.tick(), IsEmpty()) << "reaching is not crossing";
  bench.sample().temperature = Celsius(89);
  EXPECT_THAT(bench.tick(), ElementsAre("fired r"));
  EXPECT_EQ(bench.frame().alerts[0].threshold, 88);
}

TEST(BookRules, ARateIsOverItsWindowAndSurvivesResets) {
  Bench bench({rule_of("rate of pcie_sent over 10 s above 100 B/s")});
  double sent = 1e9;
  const auto f = [&](double by, int seconds) {
    std::vector<std::string> told;
    for (int i = 0; i < seconds; ++i) {
      sent += by;
      bench.metrics()[MetricId::kPcieSent] = sent;
      for (auto& one : bench.tick()) told.push_back(one);
    }
    return told;
  };
  EXPECT_THAT(f(50, 30), IsEmpty());
  EXPECT_THAT(f(200, 20), ElementsAre("fired r"));
  EXPECT_THAT(f(50, 20), ElementsAre("resolved r"));
  sent = 0;  // the driver was loaded again
  EXPECT_THAT(f(50, 30), IsEmpty()) << "a counter that begins again is no burst";
}

TEST(BookRules, AnIncreaseIsToldFromTheFirstError) {
  Bench bench({rule_of("increase of ecc_uncorrected over 1 min above 0")});
  bench.metrics()[MetricId::kEccUncorrectedTotal] = 7;
  for (int i = 0; i < 5; ++i) EXPECT_THAT(bench.tick(), IsEmpty()) << "old errors are no news";
  bench.metrics()[MetricId::kEccUncorrectedTotal] = 8;
  EXPECT_THAT(bench.tick(), ElementsAre("fired r"));
  std::vector<std::string> told;
  for (int i = 0; i < 70; ++i) {
    for (auto& one : bench.tick()) told.push_back(one);
  }
  EXPECT_THAT(told, ElementsAre("resolved r"));
}

TEST(BookRules, AChangeIsAgainstTheWindowBefore) {
  Bench bench({rule_of("change of power over 30 s above 50 W")});
  bench.sample().power = Watts(300);
  for (int i = 0; i < 60; ++i) EXPECT_THAT(bench.tick(), IsEmpty());
  bench.sample().power = Watts(400);
  std::vector<std::string> told;
  for (int i = 0; i < 90; ++i) {
    for (auto& one : bench.tick()) told.push_back(one);
  }
  EXPECT_THAT(told, ElementsAre("fired r", "resolved r"));
}

TEST(BookRules, OnlyGrowthInEveryPartIsSteady) {
  const std::string when = "growth of memory_usage over 1 min above 5 %";
  const auto f = [&](auto&& at) {
    Bench bench({rule_of(when)});
    bench.sample().memory_total = Bytes(1000);
    std::vector<std::string> told;
    for (int i = 0; i < 120; ++i) {
      bench.sample().memory_used = Bytes(static_cast<std::uint64_t>(at(i)));
      for (auto& one : bench.tick()) told.push_back(one);
    }
    return told;
  };
  EXPECT_THAT(f([](int i) { return 100 + 2 * i; }), ElementsAre("fired r")) << "a leak";
  EXPECT_THAT(f([](int i) { return i < 60 ? 100 : 900; }), IsEmpty()) << "a model was loaded";
  EXPECT_THAT(f([](int i) { return 100 + 300 * (i % 20) / 20; }), IsEmpty()) << "a saw";
}

TEST(BookRules, WhatIsNeverGivenIsNotMissed) {
  Bench bench({rule_of("no data of power for 5 s")});
  for (int i = 0; i < 20; ++i) EXPECT_THAT(bench.tick(), IsEmpty());
  bench.sample().power = Watts(100);
  bench.tick();
  bench.sample().power = missing(Missing::kStale);
  for (int i = 0; i < 5; ++i) EXPECT_THAT(bench.tick(), IsEmpty());
  EXPECT_THAT(bench.tick(), ElementsAre("fired r"));
  bench.sample().power = Watts(100);
  EXPECT_THAT(bench.tick(), ElementsAre("resolved r"));
}

TEST(BookRules, EventsOfTheListCountAndOthersDoNot) {
  Bench bench({rule_of("count of xid 48, 79 over 1 min above 0")}, 2);
  const auto happen = [&](std::uint32_t code, std::string uuid) {
    auto log = std::make_shared<EventLog>(*bench.frame().events);
    log->events.insert(
        log->events.begin(),
        {.at = bench.frame().edge, .uuid = std::move(uuid), .kind = "xid", .code = code});
    bench.frame().events = log;
  };
  happen(13, "GPU-0");
  EXPECT_THAT(bench.tick(), IsEmpty()) << "a faulty program is not the device";
  happen(79, "GPU-1");
  EXPECT_THAT(bench.tick(), ElementsAre("fired r"));
  EXPECT_EQ(bench.frame().alerts[0].uuid, "GPU-1");
  happen(79, "GPU-1");
  EXPECT_THAT(bench.tick(), IsEmpty());
  EXPECT_EQ(bench.frame().alerts[0].value, 2);
  EXPECT_THAT(bench.tick(61s), ElementsAre("resolved r"));
}

/// A step of the ladder in which kernels ran for so many milliseconds each.
void run_kernels(Frame& frame, const std::vector<std::pair<std::string, double>>& runs) {
  auto delta = std::make_shared<WindowDelta>();
  delta->from = frame.edge;
  delta->to = frame.edge + 1s;
  for (const auto& [name, ms] : runs) {
    const auto ns = static_cast<std::uint64_t>(ms * 1e6);
    SeriesDelta series;
    series.key =
        std::make_shared<SeriesKey>(SeriesKey{make_kernel_name(name), KernelKind::kCompute, 0});
    series.counters.add(ns);
    series.first_bucket = static_cast<std::uint32_t>(delta->buckets.size());
    series.bucket_count = 1;
    delta->buckets.push_back({SketchScheme::bucket_of(ns), 1});
    delta->series.push_back(series);
  }
  auto ladder = std::make_shared<WindowLadder>();
  if (frame.windows) *ladder = *frame.windows;
  ladder->steps.push_back(delta);
  frame.windows = ladder;
}

TEST(BookRules, EachKernelOfAPatternHasItsOwnAlert) {
  Bench bench({rule_of("p95 of kernel \"gemm*\" over 10 s above 2 ms for 5 s")});
  std::vector<std::string> told;
  const auto f = [&](int seconds, double a, double b) {
    told.clear();
    for (int i = 0; i < seconds; ++i) {
      if (a > 0) run_kernels(bench.frame(), {{"gemm_a", a}, {"gemm_b", b}, {"other", 9}});
      for (auto& one : bench.tick()) told.push_back(one);
    }
    return told;
  };
  EXPECT_THAT(f(20, 1, 1), IsEmpty());
  EXPECT_THAT(f(20, 3, 1), ElementsAre("fired r"));
  EXPECT_EQ(bench.frame().alerts[0].kernel, "gemm_a");
  EXPECT_EQ(bench.frame().alerts[0].metric, "kernel_p95_time");
  EXPECT_NEAR(bench.frame().alerts[0].value, 3, 0.06);
  bench.restart();
  EXPECT_THAT(f(5, 3, 1), IsEmpty()) << "it goes on";
  EXPECT_EQ(count_active_alerts(bench.frame()), 1U);
  EXPECT_THAT(f(30, 0, 0), ElementsAre("resolved r")) << "it does not run any more";
}

TEST(BookRules, AKernelThatBecameSlowerIsTold) {
  Bench bench({rule_of("relative change of avg of kernel \"k\" over 10 s above 50 %")});
  std::vector<std::string> told;
  for (int i = 0; i < 60; ++i) {
    run_kernels(bench.frame(), {{"k", i < 30 ? 1 : 2}});
    for (auto& one : bench.tick()) told.push_back(one);
  }
  EXPECT_THAT(told, ElementsAre("fired r", "resolved r"));
}

TEST(BookRules, TheMachineHasAlertsOfItsOwn) {
  Bench bench({rule_of("disk_free below 5 %")}, 2);
  EXPECT_THAT(bench.tick(), IsEmpty());
  bench.frame().disk_free = Percent(4);
  EXPECT_THAT(bench.tick(), ElementsAre("fired r"));
  EXPECT_TRUE(bench.frame().alerts[0].uuid.empty());
  bench.restart();
  EXPECT_THAT(bench.tick(), IsEmpty());
  bench.frame().disk_free = Percent(50);
  EXPECT_THAT(bench.tick(), ElementsAre("resolved r"));
}

TEST(BookRules, ALostDeviceExplainsTheRest) {
  Bench bench({rule_from({.name = "device_lost", .when = "device_lost above 0"}),
               rule_from({.name = "hot", .when = "temperature above 80 C"})},
              2);
  bench.sample(0).temperature = Celsius(90);
  bench.sample(1).temperature = Celsius(90);
  EXPECT_THAT(bench.tick(), ElementsAre("fired hot", "fired hot"));
  bench.sample(0).health = Health::kLost;
  bench.tick();
  for (const Alert& alert : bench.frame().alerts) {
    EXPECT_EQ(alert.inhibited, alert.rule == "hot" && alert.uuid == "GPU-0");
  }
}

TEST(BookRules, ASilenceMarksWhatItMatchesForItsTime) {
  Bench bench({rule_of("temperature above 80 C")}, 2);
  bench.sample(0).temperature = Celsius(90);
  bench.sample(1).temperature = Celsius(90);
  bench.book().set_silences({{.id = "s",
                              .matchers = {*parse_matcher("uuid=GPU-1")},
                              .starts = kStart,
                              .ends = kStart + 3s}},
                            kStart);
  bench.tick();
  const auto silenced = [&] {
    std::string drawn;
    for (std::uint32_t i = 0; i < 2; ++i) {
      for (const Alert& alert : bench.frame().alerts) {
        if (alert.device == i) drawn += alert.silenced ? 's' : '-';
      }
    }
    return drawn;
  };
  EXPECT_EQ(silenced(), "-s");
  bench.tick();
  bench.tick();
  EXPECT_EQ(silenced(), "--") << "its end is not in it";
}

TEST(BookRules, NewRulesKeepWhatTheyWouldRaiseAgain) {
  const Rule hot = rule_from({.name = "hot", .when = "temperature above 80 C"});
  const Rule busy = rule_from({.name = "busy", .when = "gpu_utilization above 90 %"});
  Bench bench({hot, busy});
  bench.sample().temperature = Celsius(90);
  bench.sample().gpu_utilization = Percent(99);
  EXPECT_THAT(bench.tick(), ElementsAre("fired hot", "fired busy"));
  Rule renamed = rule_from({.name = "hot",
                            .when = "temperature above 80 C for 1 h",
                            .severity = "critical",
                            .summary = "too hot"});
  const auto over = bench.book().set_rules({renamed}, bench.frame().edge);
  ASSERT_EQ(over.size(), 1U);
  EXPECT_EQ(over[0].rule, "busy");
  EXPECT_THAT(bench.tick(), IsEmpty());
  EXPECT_EQ(bench.frame().alerts[0].message, "too hot");
  EXPECT_EQ(bench.frame().alerts[0].severity, Severity::kCritical);
  const Rule other = rule_from({.name = "hot", .when = "temperature above 85 C"});
  EXPECT_EQ(bench.book().set_rules({other}, bench.frame().edge).size(), 1U) << "another condition";
}

TEST(BookRules, AnAcknowledgementOutlastsARestart) {
  Bench bench({rule_of("temperature above 80 C")});
  bench.sample().temperature = Celsius(90);
  bench.tick();
  EXPECT_FALSE(bench.book().acknowledge("nobody", "me"));
  EXPECT_TRUE(bench.book().acknowledge(bench.frame().alerts[0].id, "me"));
  bench.restart();
  bench.tick();
  EXPECT_TRUE(bench.frame().alerts.at(0).acknowledged);
  EXPECT_EQ(bench.frame().alerts[0].acknowledged_by, "me");
}

TEST(BookRules, AWindowThatARestartCutCannotSayThatItIsOver) {
  Bench bench({rule_of("count of xid over 1 min above 0")});
  auto log = std::make_shared<EventLog>();
  log->events.push_back({.at = kStart, .uuid = "GPU-0", .kind = "xid", .code = 79});
  bench.frame().events = log;
  EXPECT_THAT(bench.tick(), ElementsAre("fired r"));
  bench.frame().events = std::make_shared<EventLog>();
  bench.restart();
  for (int i = 0; i < 59; ++i) EXPECT_THAT(bench.tick(), IsEmpty());
  EXPECT_THAT(bench.tick(), ElementsAre("resolved r"));
}

TEST(BookRules, WhatFiredBeforeItWasRestoredIsTheOldAlert) {
  Bench bench({rule_of("temperature above 80 C")});
  bench.sample().temperature = Celsius(90);
  bench.tick();
  const auto left = bench.book().living();
  Bench next({rule_of("temperature above 80 C")});
  next.sample().temperature = Celsius(90);
  EXPECT_THAT(next.tick(2s), ElementsAre("fired r"));
  EXPECT_THAT(next.book().restore(left, next.frame().edge), IsEmpty());
  EXPECT_THAT(next.tick(), IsEmpty());
  ASSERT_EQ(next.frame().alerts.size(), 1U);
  EXPECT_EQ(next.frame().alerts[0].id, left[0].alert.id);
}

TEST(BookRules, WhatNoRuleKnowsAndWhoseDeviceIsGoneIsOver) {
  Bench bench({rule_of("temperature above 80 C")});
  bench.sample().temperature = Celsius(90);
  bench.tick();
  const auto left = bench.book().living();
  AlertBook other({rule_from({.name = "x", .when = "temperature above 80 C"})});
  EXPECT_EQ(other.restore(left, bench.frame().edge).size(), 1U);
  Bench elsewhere({rule_of("temperature above 80 C")}, 0);
  EXPECT_THAT(elsewhere.book().restore(left, elsewhere.frame().edge), IsEmpty());
  EXPECT_THAT(elsewhere.tick(), IsEmpty());
  EXPECT_EQ(count_active_alerts(elsewhere.frame()), 1U);
  EXPECT_THAT(elsewhere.tick(2h), ElementsAre("resolved r"));
}

TEST(BookRules, WhatIsRestoredIsNotAlsoRememberedAsOver) {
  Bench bench({rule_of("temperature above 80 C")});
  bench.sample().temperature = Celsius(90);
  bench.tick();
  const auto left = bench.book().living();
  Bench next({rule_of("temperature above 80 C")});
  Alert cut = left[0].alert;
  cut.state = AlertState::kResolved;
  Alert older = cut;
  older.id = "older";
  next.book().remember(std::vector<Alert>{cut, older});
  EXPECT_THAT(next.book().restore(left, next.frame().edge), IsEmpty());
  next.sample().temperature = Celsius(90);
  next.tick();
  ASSERT_EQ(next.frame().alerts.size(), 2U);
  EXPECT_EQ(next.frame().alerts[0].id, left[0].alert.id);
  EXPECT_EQ(next.frame().alerts[1].id, "older");
}

TEST(BookRules, WhatIsRestoredBeforeItsDeviceIsSeenTakesWhatPeopleSay) {
  Bench bench({rule_of("temperature above 80 C")});
  bench.sample().temperature = Celsius(90);
  bench.tick();
  const auto left = bench.book().living();
  Bench next({rule_of("temperature above 80 C")}, 0);
  EXPECT_THAT(next.book().restore(left, next.frame().edge), IsEmpty());
  EXPECT_TRUE(next.book().acknowledge(left[0].alert.id, "me"));
  next.book().set_silences(
      {{.id = "s", .matchers = {*parse_matcher("rule=*")}, .starts = kStart, .ends = kStart + 1h}},
      kStart);
  next.tick();
  ASSERT_EQ(next.frame().alerts.size(), 1U);
  EXPECT_TRUE(next.frame().alerts[0].acknowledged);
  EXPECT_TRUE(next.frame().alerts[0].silenced);
  const Rule other = rule_from({.name = "x", .when = "temperature above 80 C"});
  EXPECT_EQ(next.book().set_rules({other}, next.frame().edge).size(), 1U) << "its rule is gone";
  next.tick();
  EXPECT_EQ(count_active_alerts(next.frame()), 0U);
}

TEST(Builtins, ABusyHealthyFullGpuCallsNobody) {
  Bench bench(builtin_rules({}));
  bench.metrics()[MetricId::kSlowdownTemperature] = 90;
  bench.metrics()[MetricId::kShutdownTemperature] = 95;
  bench.metrics()[MetricId::kPcieWidth] = 16;
  bench.metrics()[MetricId::kPcieWidthMax] = 16;
  bench.metrics()[MetricId::kEccUncorrectedTotal] = 0;
  bench.frame().disk_free = Percent(40);
  DeviceSample& sample = bench.sample();
  sample.gpu_utilization = Percent(100);
  sample.memory_used = Bytes(995);
  sample.memory_total = Bytes(1000);
  sample.temperature = Celsius(84);
  sample.power = Watts(399);
  sample.power_limit = Watts(400);
  sample.processes = 8;
  sample.throttle_reasons = kThrottleSwPowerCap;
  bool shown = false;
  for (int i = 0; i < 3600; ++i) {
    bench.tick();
    for (const Alert& alert : bench.frame().alerts) {
      shown = true;
      EXPECT_FALSE(alert.notify && alert.state == AlertState::kFiring) << alert.rule;
    }
  }
  EXPECT_TRUE(shown) << "it is shown that it works hard";
}

}  // namespace
}  // namespace gpuvigil
