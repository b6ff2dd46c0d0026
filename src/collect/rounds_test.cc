// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <map>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "collect/board_reader.h"
#include "collect/roster.h"
#include "collect/testing_driver.h"

namespace gpuvigil {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::device_named;
using testing::FakeDriver;
using testing::kNoon;
using testing::sample_with;

/// What the threads of a sampler do, one after another: the roster, then every board that is there.
class Rounds {
 public:
  Rounds(FakeDriver& driver, SamplerOptions options, std::shared_ptr<const Clock> clock)
      : options_(options),
        clock_(std::move(clock)),
        roster_("fake", driver.opener(), options, clock_, watch_) {}

  std::shared_ptr<const SampleReport> step() {
    const auto listed = roster_.step();
    std::set<std::string> read;
    for (const Board& board : listed->boards) {
      const std::string& key = board.devices.front().uuid;
      auto [at, is_new] = readers_.try_emplace(key, "fake", options_, clock_, watch_);
      reports_[key] = at->second.read(*listed->backend, board);
      read.insert(key);
    }
    for (auto& [key, reader] : readers_) {
      if (!read.contains(key)) reports_[key] = reader.rest();
    }
    std::vector<std::shared_ptr<const SampleReport>> boards;
    for (const auto& [key, report] : reports_) boards.push_back(report);
    return merge_reports(*listed->devices, boards);
  }

  CallWatch watch_;

 private:
  SamplerOptions options_;
  std::shared_ptr<const Clock> clock_;
  Roster roster_;
  std::map<std::string, BoardReader> readers_;
  std::map<std::string, std::shared_ptr<const SampleReport>> reports_;
};

class RoundsTest : public ::testing::Test {
 protected:
  /// Waits on the clock until the next round is due, and does it.
  std::shared_ptr<const SampleReport> next() {
    if (report_) clock_->advance(clock_->until(report_->next_due));
    report_ = rounds_.step();
    return report_;
  }

  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(kNoon);
  std::shared_ptr<FakeDriver> driver_ = std::make_shared<FakeDriver>(clock_);
  SamplerOptions options_{.period = seconds(1), .deadline = milliseconds(500)};
  Rounds rounds_{*driver_, options_, clock_};
  std::shared_ptr<const SampleReport> report_;
};

TEST_F(RoundsTest, SamplesEveryDeviceOnceAPeriodWithoutDrift) {
  driver_->list({"GPU-a", "GPU-b"});
  driver_->answer("GPU-b", sample_with(20));
  driver_->take(milliseconds(30));
  for (int round = 0; round < 5; ++round) {
    const auto report = next();
    EXPECT_EQ(report->state, BackendState::kOk);
    ASSERT_EQ(report->devices.size(), 2U);
    EXPECT_EQ(report->devices[0].info->uuid, "GPU-a");
    EXPECT_EQ(report->devices[0].sample.gpu_utilization, Percent(50));
    EXPECT_EQ(report->devices[1].sample.gpu_utilization, Percent(20));
    EXPECT_EQ(report->devices[0].sample.at, kNoon + round * seconds(1) + milliseconds(30));
    EXPECT_EQ(report->next_due, kNoon + (round + 1) * seconds(1));
    EXPECT_EQ(report->samples_late, 0U);
  }
  EXPECT_EQ(driver_->opens(), 1);
  EXPECT_FALSE(rounds_.watch_.get().has_value());
}

TEST_F(RoundsTest, ASlowDriverSkipsRoundsAndIsCountedLate) {
  driver_->list({"GPU-a"});
  next();
  driver_->take(milliseconds(2600));
  const auto report = next();  // due at 1 s, answered at 3.6 s
  EXPECT_EQ(report->samples_late, 3U);
  EXPECT_EQ(report->devices[0].sample.at, kNoon + milliseconds(3600));
  EXPECT_EQ(report->devices[0].sample.gpu_utilization, Percent(50));
}

TEST_F(RoundsTest, CountsTheSameLateSamplesAsThoseWhoWaited) {
  driver_->list({"GPU-a", "GPU-b"});
  const auto before = next();
  driver_->take(milliseconds(1700));
  clock_->advance(seconds(1));
  const auto after = rounds_.step();
  // Board by board: the second waits for the first here, and for nobody in a sampler.
  EXPECT_EQ(after->samples_late, 2U + 3U);
  EXPECT_EQ(as_of(before, options_, {}, kNoon + milliseconds(2700))->samples_late, 2U * 2U);
}

TEST_F(RoundsTest, WithoutADriverTriesEverMoreRarelyUpToHalfAMinute) {
  driver_->fail_open(Error{Errc::kUnavailable, "no driver"});
  std::vector<Duration> waits;
  for (int round = 0; round < 12; ++round) {
    const auto report = next();
    EXPECT_EQ(report->state, BackendState::kFailing);
    EXPECT_EQ(report->problem, "fake: no driver");
    EXPECT_TRUE(report->devices.empty());
    waits.push_back(report->next_due - report->at);
  }
  EXPECT_EQ(waits[0], milliseconds(100));
  EXPECT_EQ(waits[1], milliseconds(200));
  EXPECT_EQ(waits[8], milliseconds(25'600));
  EXPECT_EQ(waits[9], seconds(30));
  EXPECT_EQ(waits[11], seconds(30));
  driver_->fail_open({});
  driver_->list({"GPU-a"});
  EXPECT_EQ(next()->state, BackendState::kOk);
}

TEST_F(RoundsTest, ALostDeviceSaysSoAndReturnsToItsPlace) {
  driver_->list({"GPU-a", "GPU-b"});
  next();
  driver_->list({"GPU-b"});
  auto report = next();
  ASSERT_EQ(report->devices.size(), 2U);
  EXPECT_EQ(report->devices[0].sample.health, Health::kLost);
  EXPECT_EQ(report->devices[0].sample.power.error(), Missing::kLost);
  EXPECT_EQ(report->devices[1].sample.gpu_utilization, Percent(50));
  driver_->list({"GPU-b", "GPU-c", "GPU-a"});  // and its index is another one now
  report = next();
  ASSERT_EQ(report->devices.size(), 3U);
  EXPECT_EQ(report->devices[0].info->uuid, "GPU-a");
  EXPECT_EQ(report->devices[0].sample.gpu_utilization, Percent(50));
  EXPECT_EQ(report->devices[0].sample.health, Health::kOk);
  EXPECT_EQ(report->devices[2].info->uuid, "GPU-c");
}

TEST_F(RoundsTest, AnErrorOfOneDeviceIsItsReasonAndConcernsNoOther) {
  const auto f = [this](Errc code, Missing want, Health health) {
    driver_->list({"GPU-a", "GPU-b"});
    driver_->answer("GPU-a", fail(code, "driver says no"));
    const auto report = next();
    EXPECT_EQ(report->state, BackendState::kOk);
    EXPECT_EQ(report->devices[0].sample.gpu_utilization.error(), want);
    EXPECT_EQ(report->devices[0].sample.health, health);
    EXPECT_EQ(report->devices[1].sample.gpu_utilization, Percent(50));
    EXPECT_EQ(report->next_due - report->at, seconds(1));
  };
  f(Errc::kNotFound, Missing::kLost, Health::kLost);
  f(Errc::kUnavailable, Missing::kLost, Health::kLost);
  f(Errc::kPermission, Missing::kNoPermission, Health::kOk);
  f(Errc::kIo, Missing::kDriverError, Health::kFailed);
  f(Errc::kTimeout, Missing::kDriverError, Health::kFailed);
  EXPECT_EQ(report_->calls_failed, 5U);
}

TEST_F(RoundsTest, ADriverThatIsReloadedAHundredTimesIsBackWithinFiveSeconds) {
  driver_->list({"GPU-a"});
  next();
  for (int reload = 0; reload < 100; ++reload) {
    driver_->fail_list(Error{Errc::kUnavailable, "driver not loaded"});
    driver_->fail_open(Error{Errc::kUnavailable, "driver not loaded"});
    const int rounds = reload % 9 + 1;
    for (int round = 0; round < rounds; ++round) {
      const auto report = next();
      ASSERT_EQ(report->state, BackendState::kFailing);
      ASSERT_EQ(report->devices[0].sample.health, Health::kLost);
      ASSERT_EQ(driver_->closes(), reload + 1);
    }
    driver_->fail_list({});
    driver_->fail_open({});
    const Timestamp back = clock_->now();
    const auto report = next();
    ASSERT_EQ(report->state, BackendState::kOk);
    ASSERT_LE(report->at - back, seconds(5));
    ASSERT_EQ(report->devices[0].sample.gpu_utilization, Percent(50));
    ASSERT_EQ(report->devices.size(), 1U);
  }
  EXPECT_EQ(driver_->closes(), 100);  // nothing is left open
}

TEST_F(RoundsTest, AnUnusableListIsRefusedAndCounted) {
  driver_->list({"GPU-a", "", "GPU-a", std::string(129, 'x'), "GPU-\x1b[31m", "GPU-b"});
  const auto report = next();
  ASSERT_EQ(report->devices.size(), 2U);
  EXPECT_EQ(report->devices_refused, 4U);
}

TEST_F(RoundsTest, AtTheLimitTheLongestLostIsForgottenAndElseTheNewRefused) {
  std::vector<std::string> uuids;
  for (std::size_t i = 0; i < Roster::kMaxDevices; ++i) uuids.push_back(fmt::format("GPU-{}", i));
  driver_->list(uuids);
  next();
  uuids.emplace_back("GPU-too-many");
  driver_->list(uuids);
  auto report = next();
  EXPECT_EQ(report->devices.size(), Roster::kMaxDevices);
  EXPECT_EQ(report->devices_refused, 1U);
  uuids.erase(uuids.begin() + 7);  // the new one takes its room at once
  driver_->list(uuids);
  report = next();
  EXPECT_EQ(report->devices.size(), Roster::kMaxDevices);
  EXPECT_EQ(report->devices.back().info->uuid, "GPU-too-many");
  EXPECT_EQ(report->devices_refused, 1U);
  EXPECT_EQ(report->devices[7].info->uuid, "GPU-8");
  EXPECT_EQ(report->devices[7].sample.gpu_utilization, Percent(50));
}

TEST_F(RoundsTest, GarbageIsNeverShownAndAlwaysCounted) {
  std::mt19937_64 random(7);
  std::uint64_t counted = 0;
  driver_->list({"GPU-a"});
  for (int round = 0; round < 100'000; ++round) {
    const double kind[] = {std::numeric_limits<double>::quiet_NaN(), -1.0, 255.0, 4095.0, 42.0};
    DeviceSample sample = sample_with(kind[random() % 5]);
    sample.temperature = Celsius(kind[random() % 5]);
    sample.memory_total = Bytes(random() % 2 == 0 ? UINT64_MAX : 1000U);
    driver_->answer("GPU-a", sample);
    const auto report = next();
    const DeviceSample& shown = report->devices[0].sample;
    if (shown.gpu_utilization) {
      ASSERT_EQ(shown.gpu_utilization, Percent(42));
    }
    if (shown.temperature) {
      ASSERT_TRUE(shown.temperature->count() == -1 || shown.temperature->count() == 42);
    }
    if (shown.memory_total) {
      ASSERT_EQ(shown.memory_total, Bytes(1000));
    }
    counted += (shown.gpu_utilization ? 0U : 1U) + (shown.temperature ? 0U : 1U) +
               (shown.memory_total ? 0U : 1U);
    ASSERT_EQ(report->readings_invalid, counted);
  }
}

TEST(Backoff, DoublesFromATenthOfASecond) {
  const auto f = [](std::uint64_t failures, bool was_there, Duration want) {
    EXPECT_EQ(backoff(failures, was_there), want);
  };
  f(1, false, milliseconds(100));
  f(4, false, milliseconds(800));
  f(10, false, seconds(30));
  f(UINT64_MAX, false, seconds(30));
  f(4, true, milliseconds(800));
  f(7, true, seconds(4));
}

RC_GTEST_PROP(Rounds, ADeviceIsShownExactlyAsTheDriverListsIt, (std::vector<std::uint8_t> masks)) {
  // Each round some of eight devices are there: those have values, the known others are lost.
  auto clock = std::make_shared<ManualClock>(kNoon);
  auto driver = std::make_shared<FakeDriver>(clock);
  Rounds rounds(*driver, {}, clock);
  std::uint8_t ever = 0;
  for (const std::uint8_t mask : masks) {
    std::vector<std::string> uuids;
    for (unsigned i = 0; i < 8; ++i) {
      if ((mask >> i & 1U) != 0) uuids.push_back(fmt::format("GPU-{}", i));
    }
    driver->list(uuids);
    ever = static_cast<std::uint8_t>(ever | mask);
    const auto report = rounds.step();
    RC_ASSERT(report->devices.size() == static_cast<std::size_t>(std::popcount(ever)));
    for (const SampledDevice& device : report->devices) {
      const bool is_listed = std::ranges::find(uuids, device.info->uuid) != uuids.end();
      RC_ASSERT(device.sample.gpu_utilization.has_value() == is_listed);
      RC_ASSERT((device.sample.health == Health::kLost) == !is_listed);
    }
    clock->advance(clock->until(report->next_due));
  }
}

}  // namespace
}  // namespace gpuvigil
