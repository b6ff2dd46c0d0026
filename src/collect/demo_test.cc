// SPDX-License-Identifier: Apache-2.0
#include "collect/demo.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "collect/demo_kernels.h"
#include "collect/sample_report.h"
#include "collect/testing_driver.h"
#include "collect/testing_intake.h"

namespace gpuvigil {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::kNoon;
using testing::RecordingIntake;

constexpr std::uint64_t kOneCycle = 707;

std::shared_ptr<const DemoMachine> machine_of(std::uint64_t seed) {
  return std::make_shared<DemoMachine>(seed, kNoon);
}

TEST(DemoMachine, StepsFollowOneAnotherWithoutGapAndAreFoundByTime) {
  const auto machine = machine_of(1);
  EXPECT_EQ(machine->step_start(0), kNoon);
  EXPECT_EQ(machine->step_at(kNoon - seconds(9)), 0U);
  for (std::uint64_t step = 0; step < 3 * kOneCycle; ++step) {
    const Timestamp begin = machine->step_start(step);
    const Timestamp end = machine->step_start(step + 1);
    ASSERT_EQ(end - begin, DemoMachine::is_throttled(step) ? milliseconds(300) : milliseconds(250));
    ASSERT_EQ(machine->step_at(begin), step);
    ASSERT_EQ(machine->step_at(end - Duration(1)), step);
  }
}

TEST(DemoMachine, EveryExecutionLiesWithinItsStepAndKernelsOfAStreamDoNotOverlap) {
  for (const std::uint64_t seed : {0ULL, 1ULL, 42ULL, ~0ULL}) {
    const auto machine = machine_of(seed);
    for (std::uint64_t step = 200; step < 320; ++step) {
      const auto executions = machine->step(step);
      std::map<std::pair<std::uint32_t, bool>, std::vector<std::pair<Timestamp, Timestamp>>>
          streams;
      for (const DemoExecution& execution : executions) {
        ASSERT_GE(execution.start, machine->step_start(step));
        ASSERT_LT(execution.start, execution.end);
        ASSERT_LE(execution.end, machine->step_start(step + 1));
        ASSERT_LT(execution.gpu, DemoMachine::kGpus);
        const auto kind = demo_kernels()[execution.kernel].kind;
        streams[{execution.gpu, kind == KernelKind::kCollective}].emplace_back(execution.start,
                                                                               execution.end);
      }
      ASSERT_EQ(streams.size(), 2 * DemoMachine::kGpus);
      for (auto& [stream, spans] : streams) {
        std::ranges::sort(spans);
        for (std::size_t i = 1; i < spans.size(); ++i) {
          ASSERT_LE(spans[i - 1].second, spans[i].first);
        }
      }
    }
  }
}

RC_GTEST_PROP(DemoMachine, NoStepEverTakesTooLong, (std::uint64_t seed, std::uint32_t step)) {
  const auto machine = machine_of(seed);
  const std::uint64_t throttled = step / kOneCycle * kOneCycle + 240 + step % 67;
  RC_ASSERT(machine->step(step).back().end <= machine->step_start(step + 1ULL));
  RC_ASSERT(machine->step(throttled).back().end <= machine->step_start(throttled + 1));
}

TEST(DemoMachine, IsTheSameForTheSameSeedAndAnotherForAnother) {
  const auto f = [](std::uint64_t a, std::uint64_t b) {
    const auto x = machine_of(a)->step(5);
    const auto y = machine_of(b)->step(5);
    return std::ranges::equal(x, y, {}, &DemoExecution::end, &DemoExecution::end);
  };
  EXPECT_TRUE(f(3, 3));
  EXPECT_FALSE(f(3, 4));
  EXPECT_EQ(machine_of(3)->device(1).uuid, "DEMO-0000000000000003-1");
  EXPECT_EQ(machine_of(3)->device(1).source, "demo");
}

TEST(DemoMachine, RunsTwoToFourThousandExecutionsASecondOfThirtyKernels) {
  const auto machine = machine_of(1);
  std::size_t executions = 0;
  std::set<std::string_view> names;
  std::set<KernelKind> kinds;
  const std::uint64_t end = machine->step_at(kNoon + seconds(60));
  for (std::uint64_t step = 0; step < end; ++step) {
    for (const DemoExecution& execution : machine->step(step)) {
      ++executions;
      names.insert(demo_kernels()[execution.kernel].name);
      kinds.insert(demo_kernels()[execution.kernel].kind);
    }
  }
  EXPECT_GE(executions / 60, 2000U);
  EXPECT_LE(executions / 60, 4000U);
  EXPECT_EQ(names.size(), demo_kernels().size());
  EXPECT_GE(names.size(), 30U);
  EXPECT_EQ(kinds.size(), 4U);
}

TEST(DemoKernels, AreNamedSoThatTheirKindCanBeTold) {
  for (const DemoKernel& kernel : demo_kernels()) {
    if (is_kernel(kernel.kind)) {
      EXPECT_EQ(kind_of_kernel(kernel.name), kernel.kind);
    }
  }
}

/// Mean milliseconds of one kernel on one GPU over some steps.
double mean_ms(const DemoMachine& machine, std::string_view name, std::uint32_t gpu,
               std::uint64_t first_step) {
  Duration sum{};
  int count = 0;
  for (std::uint64_t step = first_step; step < first_step + 40; ++step) {
    for (const DemoExecution& execution : machine.step(step)) {
      if (execution.gpu != gpu) continue;
      if (demo_kernels()[execution.kernel].name.find(name) == std::string_view::npos) continue;
      sum += execution.end - execution.start;
      ++count;
    }
  }
  EXPECT_GT(count, 0);
  return std::chrono::duration<double, std::milli>(sum).count() / std::max(count, 1);
}

TEST(DemoMachine, ThrottlingSlowsWhatComputesAndMakesTheOthersWait) {
  const auto machine = machine_of(1);
  ASSERT_TRUE(DemoMachine::is_throttled(250));
  const auto ratio = [&](std::string_view name, std::uint32_t gpu) {
    return mean_ms(*machine, name, gpu, 245) / mean_ms(*machine, name, gpu, 100);
  };
  EXPECT_NEAR(ratio("gemm_bf16_256x128", DemoMachine::kThrottledGpu), 1.41, 0.05);
  EXPECT_LT(ratio("CUDAFunctor_add", DemoMachine::kThrottledGpu), 1.1);
  EXPECT_NEAR(ratio("gemm_bf16_256x128", 0), 1.0, 0.03);
  EXPECT_GT(ratio("AllReduce", 0), 1.5);
  EXPECT_GT(mean_ms(*machine, "AllReduce", 0, 245),
            2 * mean_ms(*machine, "AllReduce", DemoMachine::kThrottledGpu, 245));
}

TEST(DemoMachine, TheOptimizerWaitsForTheLastReduction) {
  const auto executions = machine_of(1)->step(3);
  for (std::uint32_t gpu = 0; gpu < DemoMachine::kGpus; ++gpu) {
    Timestamp reduced{};
    Timestamp optimizer = Timestamp::max();
    for (const DemoExecution& execution : executions) {
      if (execution.gpu != gpu) continue;
      const DemoKernel& kernel = demo_kernels()[execution.kernel];
      if (kernel.kind == KernelKind::kCollective) reduced = std::max(reduced, execution.end);
      if (kernel.name.find("Adam") != std::string_view::npos) {
        optimizer = std::min(optimizer, execution.start);
      }
    }
    EXPECT_LT(reduced, optimizer);
  }
}

TEST(DemoMachine, TheStragglerIsSlowerAndTheOthersWaitForIt) {
  const auto machine = machine_of(1);
  EXPECT_GT(mean_ms(*machine, "gemm", DemoMachine::kStraggler, 100),
            1.04 * mean_ms(*machine, "gemm", 0, 100));
  EXPECT_GT(mean_ms(*machine, "AllReduce", 0, 100),
            mean_ms(*machine, "AllReduce", DemoMachine::kStraggler, 100));
}

TEST(DemoMachine, SamplesMakeSenseAtEveryTime) {
  const auto machine = machine_of(1);
  for (int second = 0; second < 700; second += 7) {
    for (std::size_t gpu = 0; gpu < DemoMachine::kGpus; ++gpu) {
      DeviceSample sample = machine->sample(gpu, kNoon + seconds(second));
      ASSERT_EQ(refuse_nonsense(sample), 0U);
      ASSERT_EQ(sample.at, kNoon + seconds(second));
      ASSERT_LE(sample.power->count(), sample.power_limit->count());
      const bool throttled = *sample.throttle_reasons != 0;
      ASSERT_EQ(throttled, gpu == DemoMachine::kThrottledGpu &&
                               DemoMachine::is_throttled(machine->step_at(sample.at)));
      ASSERT_EQ(sample.sm_clock, Megahertz(throttled ? 990 : 1410));
      ASSERT_EQ(sample.health, throttled ? Health::kDegraded : Health::kOk);
      ASSERT_TRUE(!throttled || sample.temperature->count() > 85) << second;
      if (second > 0) {
        ASSERT_GT(sample.gpu_utilization->count(), 50);
      }
    }
  }
}

TEST(DemoMachine, MemoryGrowsFromFortyToOverNinetyFivePercentAndIsFreed) {
  const auto machine = machine_of(1);
  const auto share = [&](Duration after) {
    const DeviceSample sample = machine->sample(0, kNoon + after);
    return 100.0 * static_cast<double>(sample.memory_used->count()) /
           static_cast<double>(sample.memory_total->count());
  };
  EXPECT_NEAR(share(seconds(0)), 40, 0.5);
  EXPECT_NEAR(share(seconds(125)), 68, 1);
  EXPECT_GT(share(seconds(255)), 95.5);
  EXPECT_GT(share(seconds(289)), 95.5);
  EXPECT_NEAR(share(seconds(291)), 40, 0.5);
  EXPECT_NEAR(share(seconds(425)), 68, 1);
}

TEST(DemoMachine, UtilizationIsTheShareOfTheLastSecondInWhichAKernelRan) {
  const auto machine = machine_of(9);
  const Timestamp at = kNoon + milliseconds(30'123);
  // By brute force: look at 20 000 instants.
  int busy = 0;
  std::vector<DemoExecution> kernels;
  for (std::uint64_t s = machine->step_at(at - seconds(1)); s <= machine->step_at(at); ++s) {
    for (const DemoExecution& execution : machine->step(s)) {
      const bool counts = execution.gpu == 1 && is_kernel(demo_kernels()[execution.kernel].kind);
      if (counts) kernels.push_back(execution);
    }
  }
  for (int i = 0; i < 20'000; ++i) {
    const Timestamp moment = at - seconds(1) + i * std::chrono::microseconds(50);
    busy += std::ranges::any_of(kernels, [&](const DemoExecution& execution) {
      return execution.start <= moment && moment < execution.end;
    });
  }
  EXPECT_NEAR(machine->sample(1, at).gpu_utilization->count(), busy / 200.0, 0.6);
}

TEST(DemoMachine, BeforeItsStartItIsAsAtItsStart) {
  const auto machine = machine_of(1);
  EXPECT_EQ(machine->sample(0, kNoon - seconds(5)).memory_used,
            machine->sample(0, kNoon).memory_used);
}

TEST(DemoBackend, IsInTheTableAndOpensOnDemandOnly) {
  const auto found = std::ranges::find(builtin_backends(), "demo", &BackendEntry::name);
  ASSERT_NE(found, builtin_backends().end());
  const BackendEntry& entry = *found;
  EXPECT_EQ(entry.open({}).error().code, Errc::kUnavailable);
  const auto machine = machine_of(1);
  auto backend = entry.open({.demo = machine});
  ASSERT_TRUE(backend.has_value());
  const auto boards = (*backend)->boards();
  ASSERT_EQ(boards->size(), DemoMachine::kGpus);
  EXPECT_EQ((*backend)->sample((*boards)[2].devices[0], kNoon + seconds(3))->memory_used,
            machine->sample(2, kNoon + seconds(3)).memory_used);
  EXPECT_EQ((*backend)->sample(testing::device_named("GPU-x"), kNoon).error().code,
            Errc::kNotFound);
}

/// Feeds a machine's work in pieces that end at these times, and checks it against one feed.
void expect_the_same_when_cut(const std::shared_ptr<const DemoMachine>& machine,
                              const std::vector<Timestamp>& cuts) {
  DemoSource cut(machine);
  RecordingIntake in_cuts;
  for (const Timestamp until : cuts) {
    cut.feed(until, in_cuts);
    // What runs at this moment is known to be busy, though it has not ended.
    for (const DemoExecution& execution : machine->step(machine->step_at(until - Duration(1)))) {
      if (execution.start >= until || execution.end <= until) continue;
      const RecordingIntake::Span want{execution.gpu, demo_kernels()[execution.kernel].kind,
                                       execution.start, execution.end};
      ASSERT_NE(std::find(in_cuts.activities.rbegin(), in_cuts.activities.rend(), want),
                in_cuts.activities.rend());
    }
  }
  DemoSource whole(machine);
  RecordingIntake at_once;
  whole.feed(cuts.back(), at_once);
  ASSERT_EQ(in_cuts.executions, at_once.executions);
  ASSERT_EQ(in_cuts.activities, at_once.activities);
  ASSERT_EQ(in_cuts.spans.size(), DemoMachine::kGpus);
  for (const auto& [device, spans] : in_cuts.spans) {
    Timestamp reached = machine->start();
    for (const auto& [from, to] : spans) {
      ASSERT_EQ(from, reached);
      reached = to;
    }
    ASSERT_EQ(reached, cuts.back());
  }
  ASSERT_EQ(in_cuts.unexpected, 0);
}

RC_GTEST_PROP(DemoSource, TellsTheSameHoweverTheTimeIsCut, (std::uint64_t seed)) {
  const auto pieces = *rc::gen::container<std::vector<std::int64_t>>(
      rc::gen::inRange<std::int64_t>(1, 400'000'000));
  std::vector<Timestamp> cuts = {kNoon + milliseconds(1)};
  for (const std::int64_t piece : pieces) {
    cuts.push_back(std::min(cuts.back() + Duration(piece), kNoon + seconds(3)));
  }
  const auto machine = machine_of(seed);
  expect_the_same_when_cut(machine, cuts);
  RC_ASSERT(!::testing::Test::HasFatalFailure());
}

TEST(DemoSource, TellsTheSameHoweverTimeIsCutWhenThrottlingBeginsAndEnds) {
  const auto machine = machine_of(5);
  std::vector<Timestamp> cuts;
  for (const Timestamp edge : {machine->step_start(240), machine->step_start(307)}) {
    for (int piece = -20; piece < 20; ++piece) cuts.push_back(edge + piece * milliseconds(45));
  }
  expect_the_same_when_cut(machine, cuts);
}

TEST(DemoSource, TellsEachExecutionOfTheMachineOnceAndOnlyWhenItHasEnded) {
  const auto machine = machine_of(1);
  DemoSource source(machine);
  RecordingIntake intake;
  const Timestamp until = machine->step_start(41) + milliseconds(100);
  source.feed(until, intake);
  std::size_t want = 0;
  for (std::uint64_t step = 0; step < 42; ++step) {
    for (const DemoExecution& execution : machine->step(step)) want += execution.end <= until;
  }
  EXPECT_EQ(intake.executions.size(), want);
  EXPECT_TRUE(std::ranges::is_sorted(intake.executions, {}, &RecordingIntake::Told::end));
  EXPECT_LE(intake.executions.back().end, until);
  EXPECT_EQ(intake.owners, 1U);
  EXPECT_EQ(intake.devices.size(), DemoMachine::kGpus);
  EXPECT_TRUE(
      std::ranges::any_of(intake.executions, [](const auto& e) { return e.memory.has_value(); }));
  EXPECT_TRUE(
      std::ranges::any_of(intake.executions, [](const auto& e) { return !e.memory.has_value(); }));
  source.feed(until - seconds(1), intake);  // going back tells nothing
  EXPECT_EQ(intake.executions.size(), want);
  EXPECT_EQ(intake.spans[0].size(), 1U);
  EXPECT_FALSE(source.finished());
}

}  // namespace
}  // namespace gpuvigil
