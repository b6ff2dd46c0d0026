// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <atomic>
#include <future>
#include <thread>

#include <gtest/gtest.h>

#include "base/log.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

/// One execution of 10 µs at each whole millisecond since its first feed.
class TickingSource final : public Source {
 public:
  explicit TickingSource(Timestamp start, std::uint64_t count = UINT64_MAX)
      : next_(start), left_(count) {}

  void feed(Timestamp until, Intake& intake) override {
    if (!opened_) {
      opened_ = true;
      owner_ = intake.open_owner();
      device_ = intake.device({.uuid = "T-0", .name = "", .pci_bus_id = "", .source = "test"});
    }
    const SeriesSlot series = intake.series(owner_, device_, "tick", KernelKind::kCompute);
    for (; left_ > 0 && next_ + 1ms <= until; next_ += 1ms, --left_) {
      intake.activity(device_, KernelKind::kCompute, next_, next_ + 10us);
      intake.execution(series, {.start = next_, .end = next_ + 10us, .duration = 10us});
    }
  }
  [[nodiscard]] bool finished() const override { return left_ == 0; }

 private:
  Timestamp next_;
  std::uint64_t left_;
  bool opened_ = false;
  OwnerId owner_{};
  DeviceSlot device_{};
};

std::uint64_t calls(const Frame& frame) {
  return frame.kernels.empty() ? 0 : frame.kernels.front().counters.calls;
}

TEST(Engine, TheFirstFrameIsThereWhenStartReturns) {
  const SystemClock clock;
  Engine engine({.no_device_reason = "none here"}, clock);
  engine.start();
  ASSERT_NE(engine.frame(), nullptr);
  EXPECT_EQ(engine.frame()->seq, 1U);
  EXPECT_EQ(engine.frame()->no_device_reason, "none here");
}

/// Has no device and says why.
class TroubledSource final : public Source {
 public:
  void feed(Timestamp, Intake&) override {}
  [[nodiscard]] bool finished() const override { return false; }
  [[nodiscard]] std::vector<BackendStatus> backends() const override {
    return {{.name = "nvml",
             .state = BackendState::kFailing,
             .problem = "nvml: the driver is not loaded"}};
  }
};

TEST(Engine, ADriverSaysWhyThereIsNoDevice) {
  const SystemClock clock;
  Engine engine({.no_device_reason = "none here"}, clock);
  engine.add_source(std::make_unique<TroubledSource>());
  engine.start();
  EXPECT_EQ(engine.frame()->no_device_reason, "nvml: the driver is not loaded; none here");
}

/// Has room for none of the processes that it is asked for.
class FullDirectory final : public ProcessDirectory {
 public:
  std::shared_ptr<const ProcessInfos> look_up(std::span<const std::uint32_t>) override {
    dropped_ = 7;
    return std::make_shared<ProcessInfos>();
  }
  [[nodiscard]] std::uint64_t dropped() const override { return dropped_; }

 private:
  std::uint64_t dropped_ = 0;
};

TEST(Engine, ProcessesForWhichThereIsNoRoomAreCountedOnce) {
  const SystemClock clock;
  Engine engine({}, clock);
  engine.set_processes(std::make_unique<FullDirectory>());
  engine.start();
  EXPECT_EQ(engine.peek()->losses[Loss::kProcessesUnnamed], 7U);
  EXPECT_EQ(engine.peek()->losses[Loss::kProcessesUnnamed], 7U);
}

TEST(Engine, FramesCloseOnWholePeriodsAndSumUpToEverything) {
  const SystemClock clock;
  Engine engine({.frame_period = 100ms}, clock);
  engine.add_source(std::make_unique<TickingSource>(clock.now(), 300));
  std::atomic<std::uint64_t> edges{0};
  std::atomic<bool> on_grid{true};
  engine.add_listener([&](const std::shared_ptr<const Frame>& frame, auto) {
    if (++edges > 1) on_grid = on_grid && to_unix_ns(frame->edge) % 100'000'000 == 0;
  });
  engine.start();
  while (!engine.sources_finished()) (void)engine.peek();
  EXPECT_EQ(calls(*engine.peek()), 300U);
  EXPECT_GE(edges, 3U);
  EXPECT_TRUE(on_grid);
  engine.stop();
  EXPECT_EQ(calls(*engine.frame()), 300U);
}

TEST(Engine, APeekHoldsWhatWasRecordedBeforeIt) {
  const SystemClock clock;
  Engine engine({}, clock);
  engine.start();
  const auto id = engine.recorder().intern("k", 0);
  for (std::uint64_t i = 1; i <= 20; ++i) {
    engine.recorder().record(id, 5);
    ASSERT_EQ(calls(*engine.peek()), i);
  }
  EXPECT_FALSE(engine.peek()->is_edge);
}

TEST(Engine, ManyWhoPeekAtOnceAreAllServed) {
  const SystemClock clock;
  Engine engine({}, clock);
  engine.start();
  std::vector<std::jthread> threads;
  std::atomic<int> served{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        engine.request_peek();
        if (engine.peek() != nullptr) ++served;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(served, 160);
}

TEST(Engine, EdgesServePeeksSoThatAFastReplayStarvesNobody) {
  const SystemClock real;
  const ScaledClock fast(real, 10'000.0);  // an edge is always due
  Engine engine({}, fast);
  engine.start();
  for (int i = 0; i < 50; ++i) ASSERT_NE(engine.peek(), nullptr);
}

TEST(Engine, AClockFarAheadIsOneFrameNotThousands) {
  ManualClock clock(from_unix_ns(1'000'000'000'000));
  Engine engine({}, clock);
  engine.add_source(std::make_unique<TickingSource>(clock.now()));
  engine.start();
  const auto before = engine.frame()->seq;
  clock.advance(600s);
  while (engine.peek()->edge < clock.now()) {
  }
  engine.stop();
  EXPECT_LT(engine.frame()->seq - before, 30U);
  EXPECT_EQ(calls(*engine.frame()), 600'000U);
}

TEST(Engine, AfterTheEndAnswersAreTheLastFrameAndNobodyWaits) {
  const SystemClock clock;
  Engine engine({}, clock);
  engine.start();
  engine.stop();
  engine.stop();
  EXPECT_NE(engine.peek(), nullptr);
  engine.request_peek();
  EXPECT_EQ(engine.sketch(1, KernelKind::kCompute, {}).total(), 0U);
}

TEST(Engine, SketchesOfSomeDevicesComeFromTheirOwner) {
  const SystemClock clock;
  Engine engine({}, clock);
  engine.start();
  for (std::uint32_t device = 0; device < 3; ++device) {
    engine.recorder().record("k", device, 100 * (device + 1));
  }
  const auto frame = engine.peek();
  const KernelList list = engine.kernels(*frame, {.devices = std::vector<std::uint32_t>{0, 2}});
  ASSERT_EQ(list.rows.size(), 1U);
  EXPECT_EQ(list.rows[0].counters.calls, 2U);
  EXPECT_EQ(list.rows[0].counters.max_ns, 300U);
  EXPECT_EQ(list.rows[0].percentiles.p99_ns, 300U);
  const std::vector<std::uint32_t> all = {0, 1, 2};
  EXPECT_EQ(engine.sketch(list.rows[0].name->id, KernelKind::kCompute, all).total(), 3U);
}

TEST(Engine, ScaledTimeReplaysMoreThanRealTimeHolds) {
  const SystemClock real;
  const ScaledClock fast(real, 1000.0);
  Engine engine({}, fast);
  engine.add_source(std::make_unique<TickingSource>(fast.now(), 20'000));
  const auto began = real.now();
  engine.start();
  while (!engine.sources_finished()) (void)engine.peek();
  EXPECT_LT(real.now() - began, 10s);
  EXPECT_EQ(calls(*engine.peek()), 20'000U);
}

SubmittedExecution submitted(std::string name, Timestamp end) {
  return {.name = std::move(name),
          .kind = KernelKind::kCompute,
          .device = "API-0",
          .execution = {.start = end - 10us, .end = end, .duration = 10us, .memory = std::nullopt}};
}

TEST(Engine, ASubmissionIsVisibleWhenItsCallbackComes) {
  const SystemClock clock;
  Engine engine({.frame_period = 10s}, clock);
  engine.start();
  for (int round = 1; round <= 3; ++round) {
    std::promise<std::shared_ptr<const Frame>> seen;
    Submission submission;
    submission.executions = {submitted("posted", clock.now()), submitted("posted", clock.now())};
    submission.samples.push_back(
        {.device = "API-0", .sample = absent_sample(Missing::kNotSampled, clock.now())});
    submission.samples.back().sample.gpu_utilization = Percent(42);
    ASSERT_TRUE(engine.submit(std::move(submission), [&] { seen.set_value(engine.frame()); }));
    const auto frame = seen.get_future().get();
    ASSERT_EQ(frame->devices.size(), 1U);
    EXPECT_EQ(frame->devices[0].info->source, "api");
    EXPECT_EQ(frame->devices[0].sample.gpu_utilization, Percent(42));
    EXPECT_EQ(calls(*frame), 2U * static_cast<unsigned>(round));
    EXPECT_GT(frame->devices[0].activity.kernel_busy_ns, 0U);
  }
}

TEST(Engine, AfterItsEndNothingIsSubmitted) {
  const SystemClock clock;
  Engine engine({}, clock);
  engine.start();
  engine.stop();
  EXPECT_FALSE(engine.submit({}, [] { FAIL(); }));
}

TEST(Engine, ASampleThatAFullQueueRefusesIsCounted) {
  const SystemClock clock;
  std::promise<void> held;
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::atomic<bool> first{true};
  Engine engine({.frame_period = 100ms}, clock);  // its thread uses what stands before it
  engine.start();
  engine.add_listener([&](const std::shared_ptr<const Frame>&, auto) {
    if (!first.exchange(false)) return;
    held.set_value();
    released.wait();
  });
  held.get_future().wait();
  while (engine.submit({}, [] {})) {
  }
  EXPECT_EQ(engine.stats().samples_dropped, 0U);
  engine.update_device(0, absent_sample(Missing::kNotSampled, clock.now()));
  EXPECT_EQ(engine.stats().samples_dropped, 1U);
  release.set_value();
  (void)engine.peek();
  EXPECT_TRUE(engine.frame()->devices.empty());
}

/// Feeds nothing, and says how it stands with a driver.
class FailingSource final : public Source {
 public:
  void feed(Timestamp, Intake&) override {}
  [[nodiscard]] bool finished() const override { return false; }
  [[nodiscard]] std::vector<BackendStatus> backends() const override {
    return {{.name = "fake", .state = BackendState::kFailing, .problem = "fake: broken"}};
  }
};

TEST(Engine, AFrameHoldsHowItStandsWithTheBackendsOfAllSources) {
  const SystemClock clock;
  Engine engine({}, clock);
  engine.add_source(std::make_unique<FailingSource>());
  engine.add_source(std::make_unique<FailingSource>());
  ::testing::internal::CaptureStderr();
  engine.start();
  program_log().finish();
  const std::string told = ::testing::internal::GetCapturedStderr();
  ASSERT_EQ(engine.frame()->backends.size(), 2U);
  EXPECT_EQ(engine.frame()->backends[1].problem, "fake: broken");
  EXPECT_NE(told.find("event=backend.failing backend=fake why=\"fake: broken\""), told.npos)
      << told;
}

TEST(SubmittedDevice, IsTheFramesOwnOrOneOfTheSubmitters) {
  Frame frame;
  EXPECT_EQ(submitted_device(frame, 0), "API-0");
  EXPECT_EQ(submitted_device(frame, 63), "API-63");
  EXPECT_EQ(submitted_device(frame, 64), std::nullopt);
  for (const char* uuid : {"GPU-a", "API-5"}) {
    DeviceRow row;
    row.info = std::make_shared<const DeviceInfo>(DeviceInfo{.uuid = uuid});
    frame.devices.push_back(row);
  }
  EXPECT_EQ(submitted_device(frame, 0), "GPU-a");
  EXPECT_EQ(submitted_device(frame, 5), "API-5");  // what was made as 5 stays 5, at index 1
  EXPECT_EQ(submitted_device(frame, 1), "API-5");
  EXPECT_EQ(submitted_device(frame, 2), "API-2");
}

}  // namespace
}  // namespace gpuvigil
