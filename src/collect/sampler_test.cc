// SPDX-License-Identifier: Apache-2.0
#include "collect/sampler.h"

#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "collect/sample_source.h"
#include "collect/testing_driver.h"
#include "collect/testing_intake.h"

namespace gpuvigil {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeDriver;
using testing::kNoon;
using testing::RecordingIntake;

/// Waits for another thread; ctest's time limit ends a wait in vain.
void eventually(const std::function<bool()>& is_true) {
  while (!is_true()) std::this_thread::yield();
}

class SamplerTest : public ::testing::Test {
 protected:
  std::shared_ptr<FakeDriver> make_driver() { return std::make_shared<FakeDriver>(clock_); }

  std::shared_ptr<Sampler> start(FakeDriver& driver) {
    auto sampler = Sampler::start("fake", driver.opener(), options_, clock_);
    EXPECT_TRUE(sampler.has_value());
    return *std::move(sampler);
  }

  /// Lets a second pass and waits until this sampler has sampled in it.
  void tick(Sampler& sampler) {
    clock_->advance(seconds(1));
    sampler.wake();
    eventually([&] { return sampler.report()->at == clock_->now(); });
  }

  std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(kNoon);
  SamplerOptions options_{.period = seconds(1), .deadline = milliseconds(500)};
};

TEST_F(SamplerTest, RefusesAPeriodOrDeadlineThatIsOutOfRange) {
  const auto f = [&](Duration period, Duration deadline) {
    const auto driver = make_driver();
    const auto sampler =
        Sampler::start("fake", driver->opener(), {.period = period, .deadline = deadline}, clock_);
    ASSERT_FALSE(sampler.has_value());
    EXPECT_EQ(sampler.error().code, Errc::kInvalidArgument);
  };
  f(milliseconds(99), seconds(1));
  f(seconds(11), seconds(1));
  f(seconds(1), seconds(0));
  f(seconds(1), seconds(61));
}

TEST_F(SamplerTest, SamplesOnceAPeriod) {
  const auto driver = make_driver();
  driver->list({"GPU-a"});
  const auto sampler = start(*driver);
  eventually([&] { return sampler->report()->state == BackendState::kOk; });
  for (int second = 0; second < 5; ++second) {
    driver->answer("GPU-a", testing::sample_with(second));
    tick(*sampler);
    EXPECT_EQ(sampler->report()->devices[0].sample.gpu_utilization, Percent(second));
  }
  EXPECT_TRUE(sampler->stop());
  EXPECT_TRUE(sampler->stop());  // again, for nothing
  EXPECT_EQ(driver->closes(), 1);
}

TEST_F(SamplerTest, AHungDriverGoesStaleAndDelaysNobody) {
  const auto hung = make_driver();
  const auto healthy = make_driver();
  hung->list({"GPU-a"});
  healthy->list({"GPU-b"});
  const auto hung_sampler = start(*hung);
  const auto healthy_sampler = start(*healthy);
  eventually([&] { return hung_sampler->report()->state == BackendState::kOk; });
  eventually([&] { return healthy_sampler->report()->state == BackendState::kOk; });
  hung->hang();
  tick(*healthy_sampler);
  hung_sampler->wake();
  hung->wait_until_hanging();
  for (int second = 1; second < 60; ++second) {
    tick(*healthy_sampler);
    hung_sampler->wake();
  }
  // Its list of devices goes on.
  eventually(
      [&] { return hung_sampler->report()->problem.find("sample of") != std::string::npos; });

  const auto report = hung_sampler->report();
  EXPECT_EQ(report->state, BackendState::kHung);
  EXPECT_EQ(report->problem, "fake: sample of GPU-a has not answered for 59 s");
  EXPECT_EQ(report->devices[0].sample.gpu_utilization.error(), Missing::kStale);
  EXPECT_EQ(report->samples_late, 59U);
  EXPECT_EQ(healthy_sampler->report()->samples_late, 0U);
  EXPECT_EQ(healthy_sampler->report()->devices[0].sample.gpu_utilization, Percent(50));

  hung->release();
  eventually([&] { return hung_sampler->report()->state == BackendState::kOk; });
  EXPECT_EQ(hung_sampler->report()->samples_late, 59U);
  EXPECT_EQ(hung_sampler->report()->devices[0].sample.gpu_utilization, Percent(50));
}

TEST_F(SamplerTest, ADeviceThatHangsDelaysNoOtherOfItsDriver) {
  const auto driver = make_driver();
  driver->list_boards({{"GPU-a", "MIG-a1"}, {"GPU-b"}});
  const auto sampler = start(*driver);
  eventually([&] { return sampler->report()->state == BackendState::kOk; });
  driver->hang("MIG-a1");
  clock_->advance(seconds(1));
  sampler->wake();
  driver->wait_until_hanging();
  eventually([&] { return sampler->report()->devices[2].sample.at == clock_->now(); });
  for (int second = 1; second < 10; ++second) {
    driver->answer("GPU-b", testing::sample_with(second));
    clock_->advance(seconds(1));
    sampler->wake();
    eventually(
        [&] { return sampler->report()->devices[2].sample.gpu_utilization == Percent(second); });
  }
  auto report = sampler->report();
  EXPECT_EQ(report->state, BackendState::kHung);
  EXPECT_EQ(report->problem, "fake: sample of MIG-a1 has not answered for 9 s");
  // What hangs together is stale together.
  EXPECT_EQ(report->devices[0].sample.gpu_utilization.error(), Missing::kStale);
  EXPECT_EQ(report->devices[1].sample.gpu_utilization.error(), Missing::kStale);
  EXPECT_EQ(report->devices[2].sample.health, Health::kOk);
  EXPECT_EQ(report->samples_late, 2U * 9U);
  driver->release();
  eventually([&] { return sampler->report()->state == BackendState::kOk; });
  EXPECT_EQ(sampler->report()->devices[1].sample.gpu_utilization, Percent(50));
}

TEST_F(SamplerTest, AListThatHangsDelaysNoDevice) {
  const auto driver = make_driver();
  driver->list({"GPU-a"});
  const auto sampler = start(*driver);
  eventually([&] { return sampler->report()->state == BackendState::kOk; });
  driver->hang_list();
  for (int second = 1; second < 10; ++second) {
    driver->answer("GPU-a", testing::sample_with(second));
    clock_->advance(seconds(1));
    sampler->wake();
    eventually(
        [&] { return sampler->report()->devices[0].sample.gpu_utilization == Percent(second); });
  }
  eventually([&] {
    return sampler->report()->problem.find("the list of devices has not answered") !=
           std::string::npos;
  });
  EXPECT_EQ(sampler->report()->state, BackendState::kHung);
  EXPECT_EQ(sampler->report()->samples_late, 0U);
  driver->release();
}

TEST_F(SamplerTest, ALostBoardIsReadNoMoreAndAgainWhenItIsBack) {
  const auto driver = make_driver();
  driver->list({"GPU-a", "GPU-b"});
  const auto sampler = start(*driver);
  eventually([&] { return sampler->report()->state == BackendState::kOk; });
  driver->list({"GPU-b"});
  tick(*sampler);
  EXPECT_EQ(sampler->report()->devices[0].sample.health, Health::kLost);
  for (int second = 0; second < 5; ++second) tick(*sampler);
  EXPECT_EQ(sampler->report()->samples_late, 0U);  // nobody waits for it
  driver->list({"GPU-a", "GPU-b"});
  tick(*sampler);
  eventually([&] { return sampler->report()->devices[0].sample.gpu_utilization == Percent(50); });
}

TEST_F(SamplerTest, ADriverThatIsReloadedLeavesNothingOpen) {
  const auto driver = make_driver();
  driver->list({"GPU-a", "GPU-b"});
  const auto sampler = start(*driver);
  for (int reload = 1; reload <= 20; ++reload) {
    eventually([&] { return sampler->report()->state == BackendState::kOk; });
    driver->fail_list(Error{Errc::kUnavailable, "driver not loaded"});
    driver->fail_open(Error{Errc::kUnavailable, "driver not loaded"});
    clock_->advance(seconds(1));
    sampler->wake();
    eventually([&] { return driver->closes() == reload; });
    eventually([&] { return sampler->report()->devices[1].sample.health == Health::kLost; });
    driver->fail_list({});
    driver->fail_open({});
    clock_->advance(seconds(4));
    sampler->wake();
  }
  eventually([&] { return sampler->report()->state == BackendState::kOk; });
  EXPECT_TRUE(sampler->stop());
  EXPECT_EQ(driver->closes(), 21);
  EXPECT_EQ(driver->opens(), 21);
}

TEST_F(SamplerTest, EventsAreHandedInOnceAndTheirOverflowIsCounted) {
  const auto driver = make_driver();
  driver->have_events();
  driver->list({"GPU-a"});
  const std::shared_ptr<Sampler> sampler = start(*driver);
  for (std::uint32_t xid = 0; xid < Sampler::kMaxEvents + 3; ++xid) {
    driver->tell({.at = kNoon, .uuid = "GPU-a", .kind = "xid", .code = xid});
  }
  eventually([&] { return sampler->events_dropped() == 3; });
  SampleSource source({sampler});
  RecordingIntake intake;
  source.feed(clock_->now(), intake);
  source.feed(clock_->now(), intake);
  ASSERT_EQ(intake.events.size(), Sampler::kMaxEvents);
  EXPECT_EQ(intake.events.front().code, 3U);
  EXPECT_EQ(intake.losses[Loss::kEventsDropped], 3U);
}

TEST_F(SamplerTest, UsersOfDevicesThatAreNotReadAreCountedOnceWhateverBecomesOfTheDriver) {
  const auto driver = make_driver();
  driver->list({"GPU-a"});
  driver->leave_unread(3);
  const std::shared_ptr<Sampler> sampler = start(*driver);
  SampleSource source({sampler});
  RecordingIntake intake;
  eventually([&] { return sampler->report()->clients_unread == 3; });
  source.feed(clock_->now(), intake);
  source.feed(clock_->now(), intake);
  EXPECT_EQ(intake.losses[Loss::kClientsUnread], 3U);
  driver->fail_list(Error{Errc::kUnavailable, "gone"});  // another is opened afterwards
  clock_->advance(seconds(4));
  sampler->wake();
  eventually([&] { return driver->closes() == 1; });
  driver->fail_list({});
  driver->leave_unread(2);
  clock_->advance(seconds(4));
  sampler->wake();
  eventually([&] { return sampler->report()->clients_unread == 5; });
  source.feed(clock_->now(), intake);
  EXPECT_EQ(intake.losses[Loss::kClientsUnread], 5U);
}

TEST_F(SamplerTest, StopLeavesAHungDriverBehindAndItsThreadEndsWhenItAnswers) {
  const std::weak_ptr<ManualClock> watched = clock_;
  auto driver = make_driver();
  driver->list({"GPU-a"});
  driver->hang();
  auto sampler = start(*driver);
  driver->wait_until_hanging();
  EXPECT_FALSE(sampler->stop(Duration::zero()));
  EXPECT_TRUE(sampler->stop());  // nothing is left to stop
  sampler.reset();
  driver->release();
  clock_.reset();
  driver.reset();  // now only what the thread holds is left
  eventually([&] { return watched.expired(); });
}

TEST_F(SamplerTest, StopEndsAWaitAtOnce) {
  options_.period = seconds(10);
  const auto driver = make_driver();
  const auto sampler = start(*driver);
  eventually([&] { return sampler->report()->state == BackendState::kOk; });
  EXPECT_TRUE(sampler->stop(seconds(5)));  // false if it slept on for its ten seconds
}

TEST_F(SamplerTest, ReadersAndTheSamplerMayRunAtTheSameTime) {
  const auto driver = make_driver();
  driver->list({"GPU-a", "GPU-b"});
  const auto sampler = start(*driver);
  eventually([&] { return sampler->report()->state == BackendState::kOk; });
  std::vector<std::jthread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const auto report = sampler->report();
        ASSERT_LE(report->devices.size(), 2U);
        ASSERT_FALSE(report->backend.empty());
      }
    });
  }
  for (int second = 0; second < 200; ++second) tick(*sampler);
}

TEST_F(SamplerTest, TheSourceHandsInEachReportOnceAndCountsLosses) {
  const auto driver = make_driver();
  driver->list({"GPU-a", "GPU-b"});
  driver->answer("GPU-b", testing::sample_with(255));
  const auto sampler = start(*driver);
  eventually([&] { return sampler->report()->state == BackendState::kOk; });
  SampleSource source({sampler});
  EXPECT_TRUE(source.backends().empty());
  RecordingIntake intake;
  source.feed(clock_->now(), intake);
  source.feed(clock_->now(), intake);
  ASSERT_EQ(source.backends().size(), 1U);
  EXPECT_EQ(source.backends()[0].state, BackendState::kOk);
  EXPECT_EQ(source.backends()[0].devices, 2U);
  EXPECT_EQ(intake.samples_told, 2);
  ASSERT_EQ(intake.devices.size(), 2U);
  EXPECT_EQ(intake.devices[1].uuid, "GPU-b");
  EXPECT_EQ(intake.samples[0].gpu_utilization, Percent(50));
  EXPECT_EQ(intake.samples[1].gpu_utilization.error(), Missing::kDriverError);
  EXPECT_EQ(intake.losses[Loss::kReadingsInvalid], 1U);

  driver->hang();
  clock_->advance(seconds(1));
  sampler->wake();
  driver->wait_until_hanging(2);
  clock_->advance(milliseconds(2600));
  source.feed(clock_->now(), intake);
  EXPECT_EQ(intake.samples[0].gpu_utilization.error(), Missing::kStale);
  EXPECT_EQ(intake.losses[Loss::kSamplesLate], 6U);
  EXPECT_EQ(source.backends()[0].state, BackendState::kHung);
  EXPECT_NE(source.backends()[0].problem.find("has not answered"), std::string::npos);
  driver->release();
  eventually([&] { return sampler->report()->state == BackendState::kOk; });
  source.feed(clock_->now(), intake);
  EXPECT_EQ(intake.samples[0].gpu_utilization, Percent(50));
  EXPECT_EQ(intake.losses[Loss::kSamplesLate], 6U);
  EXPECT_EQ(intake.losses[Loss::kReadingsInvalid], 2U);
  EXPECT_FALSE(source.finished());
  EXPECT_EQ(intake.unexpected, 0);
}

}  // namespace
}  // namespace gpuvigil
