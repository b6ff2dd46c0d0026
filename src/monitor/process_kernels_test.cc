// SPDX-License-Identifier: Apache-2.0
#include "monitor/process_kernels.h"

#include <array>

#include <gtest/gtest.h>

#include "monitor/monitor.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNoon = from_unix_ns(1'767'355'200'000'000'000);

/// A monitor with one device, and processes that run kernels on it.
class ProcessKernelsTest : public ::testing::Test {
 protected:
  struct Program {
    OwnerId owner;
    std::uint32_t pid;
  };

  Program start(std::uint32_t pid, std::string writer = "cuda") {
    const Program made{.owner = monitor_.open_owner(), .pid = pid};
    CaptureState state;
    state.writer = std::move(writer);
    monitor_.process(made.owner, pid, state);
    return made;
  }

  void run(const Program& program, std::string_view name, std::uint64_t calls, std::uint64_t ns,
           KernelKind kind = KernelKind::kCompute) {
    const SeriesSlot slot = monitor_.series(program.owner, device_, name, kind);
    const std::array<BucketCount, 1> buckets = {
        {{SketchScheme::bucket_of(ns), static_cast<std::uint32_t>(calls)}}};
    Aggregate aggregate;
    aggregate.counters.calls = calls;
    aggregate.counters.sum_ns = calls * ns;
    aggregate.counters.min_ns = aggregate.counters.max_ns = ns;
    aggregate.buckets = buckets;
    aggregate.last_end = kNoon;
    aggregate.last_duration_ns = ns;
    monitor_.aggregate(slot, aggregate);
    monitor_.attribute(program.owner, slot, aggregate);
  }

  std::shared_ptr<Frame> build() { return monitor_.build(kNoon, true); }

  /// "name calls sum;..." of the kernels of a process.
  std::string kernels_of(std::uint32_t pid) {
    Frame frame;
    if (!monitor_.processes().write_kernels(pid, frame)) return "unknown";
    std::string all;
    for (const KernelRow& row : frame.kernels) {
      all += row.name->name + " " + std::to_string(row.counters.calls) + " " +
             std::to_string(row.counters.sum_ns) + ";";
    }
    return all;
  }

  MonitorLimits limits_{.max_process_series = 4};
  Monitor monitor_{limits_};
  DeviceSlot device_ =
      monitor_.device({.uuid = "GPU-a", .name = {}, .pci_bus_id = {}, .source = "cuda"});
};

TEST_F(ProcessKernelsTest, SplitsWhatTheMachineCountsExactly) {
  const Program a = start(10);
  const Program b = start(20);
  run(a, "gemm", 3, 100);
  run(b, "gemm", 5, 1000);
  run(b, "gemm", 1, 3000);
  run(b, "copy", 7, 50, KernelKind::kMemcpy);
  EXPECT_EQ(kernels_of(10), "gemm 3 300;");
  EXPECT_EQ(kernels_of(20), "copy 7 350;gemm 6 8000;");
  EXPECT_EQ(kernels_of(30), "unknown");
  const auto frame = build();
  EXPECT_EQ(frame->kernels[1].counters.calls, 9U);
  ASSERT_EQ(frame->processes.size(), 2U);
  EXPECT_EQ(frame->processes[1].pid, 20U);
  EXPECT_EQ(frame->processes[1].captures.front().writer, "cuda");
  ASSERT_EQ(frame->processes[1].uses.size(), 1U);
  EXPECT_EQ(frame->processes[1].uses[0].calls, 6U);  // copies are no kernels
  EXPECT_EQ(frame->processes[1].uses[0].kernel_ns, 8000U);
  const std::uint64_t id = frame->kernels[1].name->id;
  const auto shares = monitor_.processes().shares(id, KernelKind::kCompute);
  ASSERT_EQ(shares.size(), 2U);
  EXPECT_EQ(shares[0].pid, 20U);
  EXPECT_EQ(shares[0].counters.sum_ns + shares[1].counters.sum_ns,
            frame->kernels[1].counters.sum_ns);
  const std::array<std::uint32_t, 1> devices = {0};
  const auto sketch = monitor_.processes().sketch_of(20, id, KernelKind::kCompute, devices);
  ASSERT_TRUE(sketch);
  EXPECT_EQ(sketch->sketch.total(), 6U);
  EXPECT_EQ(sketch->max_ns, 3000U);
}

TEST_F(ProcessKernelsTest, TwoAgentsInOneProcessAreOneProcess) {
  const Program cuda = start(10);
  const Program opencl = start(10, "opencl");
  run(cuda, "gemm", 1, 100);
  run(opencl, "gemm", 1, 200);
  EXPECT_EQ(kernels_of(10), "gemm 2 300;");
  EXPECT_EQ(build()->processes.front().captures.size(), 2U);
  monitor_.close_owner(cuda.owner);
  EXPECT_EQ(build()->processes.front().captures.size(), 1U);
  monitor_.close_owner(opencl.owner);
  EXPECT_TRUE(build()->processes.empty());
  EXPECT_EQ(kernels_of(10), "gemm 2 300;");  // still known to those who ask
}

TEST_F(ProcessKernelsTest, ANumberThatIsUsedAgainIsAnotherProcess) {
  const Program before = start(10);
  run(before, "old", 1, 100);
  monitor_.close_owner(before.owner);
  const Program after = start(10);
  run(after, "new", 1, 100);
  EXPECT_EQ(kernels_of(10), "new 1 100;");
}

TEST_F(ProcessKernelsTest, TheEndedMakeRoomAndWhatHasNoneIsCounted) {
  const Program ended = start(10);
  run(ended, "a", 1, 100);
  run(ended, "b", 1, 100);
  monitor_.close_owner(ended.owner);
  const Program now = start(20);
  for (const char* name : {"a", "b", "c", "d"}) run(now, name, 1, 100);
  EXPECT_EQ(kernels_of(10), "unknown");
  EXPECT_EQ(build()->losses[Loss::kExecutionsUnattributed], 0U);
  run(now, "e", 7, 100);
  run(now, "a", 1, 100);  // what has its place keeps it
  EXPECT_EQ(build()->losses[Loss::kExecutionsUnattributed], 7U);
  EXPECT_EQ(kernels_of(20), "a 2 200;b 1 100;c 1 100;d 1 100;");
}

TEST_F(ProcessKernelsTest, OnlyTheNewestEndedAreKept) {
  for (std::uint32_t pid = 1; pid <= ProcessKernels::kMostEnded + 1; ++pid) {
    monitor_.close_owner(start(pid).owner);
  }
  EXPECT_EQ(kernels_of(1), "unknown");
  EXPECT_EQ(kernels_of(2), "");
}

TEST_F(ProcessKernelsTest, WhatIsNoProcessIsNotSplit) {
  const Program nobody{.owner = monitor_.open_owner(), .pid = 0};
  run(nobody, "gemm", 3, 100);
  EXPECT_TRUE(build()->processes.empty());
  EXPECT_EQ(build()->losses[Loss::kExecutionsUnattributed], 0U);
  monitor_.close_owner(nobody.owner);
}

}  // namespace
}  // namespace gpuvigil
