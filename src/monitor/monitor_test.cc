// SPDX-License-Identifier: Apache-2.0
#include "monitor/monitor.h"

#include <algorithm>
#include <atomic>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "monitor/recorder.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr auto kCompute = KernelKind::kCompute;
const Timestamp kStart = from_unix_ns(1'700'000'000'000'000'000);

DeviceInfo info(std::string uuid) {
  return {.uuid = std::move(uuid), .name = "GPU", .pci_bus_id = {}, .source = "test"};
}

Execution run(Timestamp end, Duration duration) {
  return {.start = end - duration, .end = end, .duration = duration, .memory = {}};
}

TEST(Monitor, AFrameHoldsWhatWasTold) {
  Monitor monitor({}, kStart);
  const OwnerId owner = monitor.open_owner();
  const DeviceSlot device = monitor.device(info("GPU-1"));
  EXPECT_EQ(monitor.device(info("GPU-1")), device);
  const SeriesSlot gemm = monitor.series(owner, device, "gemm", kCompute);
  Execution first = run(kStart + 100ms, 10ms);
  first.memory = Bytes(4096);
  monitor.execution(gemm, first);
  monitor.execution(gemm, run(kStart + 200ms, 30ms));
  DeviceSample sample;
  sample.gpu_utilization = Percent(42);
  monitor.sample(device, sample);
  monitor.lost(Loss::kSamplesLate, 3);

  const auto frame = monitor.build(kStart + 1s, true);
  EXPECT_EQ(frame->edge, kStart + 1s);
  ASSERT_EQ(frame->devices.size(), 1U);
  EXPECT_EQ(frame->devices[0].info->uuid, "GPU-1");
  EXPECT_EQ(frame->devices[0].sample.gpu_utilization, Percent(42));
  ASSERT_EQ(frame->kernels.size(), 1U);
  EXPECT_EQ(frame->kernels[0].counters.calls, 2U);
  ASSERT_EQ(frame->series_of(frame->kernels[0]).size(), 1U);
  ASSERT_EQ(frame->recent.size(), 2U);
  EXPECT_EQ(frame->recent[0].end, kStart + 200ms);
  EXPECT_EQ(frame->recent[0].order, 2U);
  EXPECT_EQ(frame->recent[1].memory, Bytes(4096));
  EXPECT_EQ(frame->losses[Loss::kSamplesLate], 3U);
  EXPECT_EQ(frame->memory_reuse.largest_overlap_bytes, 4096U);
  ASSERT_EQ(frame->windows->steps.size(), 1U);
  EXPECT_EQ(frame->windows->steps[0]->from, kStart);
  EXPECT_EQ(frame->windows->steps[0]->series.at(0).counters.calls, 2U);
}

TEST(Monitor, APeekShowsMoreAndTakesNothingFromTheNextEdge) {
  Monitor monitor({}, kStart);
  const OwnerId owner = monitor.open_owner();
  const SeriesSlot k = monitor.series(owner, monitor.device(info("a")), "k", kCompute);
  monitor.execution(k, run(kStart + 100ms, 1ms));
  const auto peek = monitor.build(kStart + 500ms, false);
  EXPECT_EQ(peek->kernels[0].counters.calls, 1U);
  EXPECT_FALSE(peek->is_edge);
  EXPECT_TRUE(peek->windows->steps.empty());
  monitor.execution(k, run(kStart + 600ms, 1ms));
  const auto edge = monitor.build(kStart + 1s, true);
  EXPECT_EQ(edge->kernels[0].counters.calls, 2U);
  EXPECT_EQ(edge->windows->steps.at(0)->series.at(0).counters.calls, 2U);
  EXPECT_EQ(peek->kernels[0].counters.calls, 1U);  // what was published stays as it was
}

TEST(Monitor, BusyIsTheUnionOfKernelsAndGpuBusyHasTheCopiesToo) {
  Monitor monitor;
  const DeviceSlot device = monitor.device(info("a"));
  monitor.activity(device, kCompute, kStart, kStart + 100ms);
  monitor.activity(device, KernelKind::kCollective, kStart + 50ms, kStart + 150ms);
  monitor.activity(device, KernelKind::kMemcpy, kStart + 140ms, kStart + 200ms);
  monitor.activity(device, kCompute, kStart + 900ms, kStart + 1'400ms);
  monitor.covered(device, kStart, kStart + 1s);
  const auto f = [&](Duration edge, Duration kernel, Duration gpu, Duration covered,
                     Duration last_end) {
    const auto frame = monitor.build(kStart + edge, false);
    const Activity& activity = frame->devices[0].activity;
    EXPECT_EQ(activity.kernel_busy_ns, static_cast<std::uint64_t>(kernel.count()));
    EXPECT_EQ(activity.gpu_busy_ns, static_cast<std::uint64_t>(gpu.count()));
    EXPECT_EQ(activity.covered_ns, static_cast<std::uint64_t>(covered.count()));
    EXPECT_EQ(activity.first_start, kStart);
    EXPECT_EQ(activity.last_end, kStart + last_end);
  };
  f(120ms, 120ms, 120ms, 120ms, 120ms);
  f(500ms, 150ms, 200ms, 500ms, 200ms);
  f(1s, 250ms, 300ms, 1s, 1s);  // one still runs
  f(2s, 650ms, 700ms, 1s, 1'400ms);
}

TEST(Monitor, ADeviceOnWhichNothingRanHasNoSpan) {
  Monitor monitor;
  const DeviceSlot device = monitor.device(info("a"));
  EXPECT_EQ(monitor.build(kStart, true)->devices[0].activity.first_start, std::nullopt);
  monitor.activity(device, kCompute, kStart + 1s, kStart + 1s);  // of no length
  const auto before = monitor.build(kStart + 500ms, true);
  EXPECT_EQ(before->devices[0].activity.first_start, std::nullopt);
  EXPECT_EQ(before->devices[0].activity.last_end, std::nullopt);
  const auto after = monitor.build(kStart + 2s, true);
  EXPECT_EQ(after->devices[0].activity.first_start, kStart + 1s);
  EXPECT_EQ(after->devices[0].activity.last_end, kStart + 1s);
}

TEST(Monitor, KernelBusyIsOfTheCoveredPartOfTheLastSecond) {
  Monitor monitor;
  const DeviceSlot device = monitor.device(info("a"));
  const auto busy_at = [&](Duration edge) {
    return monitor.build(kStart + edge, false)->devices[0].kernel_busy;
  };
  EXPECT_EQ(busy_at(1s), missing(Missing::kUnsupported));
  monitor.covered(device, kStart, kStart + 2s);
  EXPECT_EQ(busy_at(1s), Percent(0));
  monitor.activity(device, kCompute, kStart + 500ms, kStart + 1'250ms);
  EXPECT_EQ(busy_at(1s), Percent(50));
  EXPECT_EQ(busy_at(2s), Percent(25));
  monitor.activity(device, kCompute, kStart + 1'900ms, kStart + 4s);  // runs on, unobserved
  EXPECT_EQ(busy_at(2'900ms), Percent(100));                          // never above
  EXPECT_EQ(busy_at(3'500ms), missing(Missing::kStale));
  monitor.sample(device, absent_sample(Missing::kRecordingEnded, kStart + 2s));
  EXPECT_EQ(busy_at(3'500ms), missing(Missing::kRecordingEnded));
  EXPECT_EQ(busy_at(2s), Percent(35));
}

TEST(Monitor, RebaseMovesEverythingOfOneDevice) {
  Monitor monitor;
  const OwnerId owner = monitor.open_owner();
  const DeviceSlot moved = monitor.device(info("a"));
  const DeviceSlot other = monitor.device(info("b"));
  for (const DeviceSlot device : {moved, other}) {
    monitor.activity(device, kCompute, from_unix_ns(100), from_unix_ns(200));
    monitor.covered(device, from_unix_ns(0), from_unix_ns(300));
    monitor.execution(monitor.series(owner, device, "k", kCompute),
                      run(from_unix_ns(200), Duration(100)));
  }
  monitor.rebase(moved, kStart.time_since_epoch());
  const auto frame = monitor.build(kStart + 1s, true);
  EXPECT_EQ(frame->devices[0].activity.first_start, kStart + 100ns);
  EXPECT_EQ(frame->devices[0].activity.last_end, kStart + 200ns);
  EXPECT_EQ(frame->devices[0].activity.kernel_busy_ns, 100U);
  EXPECT_EQ(frame->devices[0].kernel_busy, Percent(100.0 / 3.0));
  EXPECT_EQ(frame->devices[1].activity.first_start, from_unix_ns(100));
  EXPECT_EQ(frame->kernels[0].last_end, kStart + 200ns);
  EXPECT_EQ(frame->recent[0].end, from_unix_ns(200));
  EXPECT_EQ(frame->recent[1].end, kStart + 200ns);
}

TEST(Monitor, ExecutionsUnderOtherAreCountedAsALoss) {
  Monitor monitor({.table = {.max_kernels = 1, .max_series = 1}});
  const OwnerId owner = monitor.open_owner();
  const DeviceSlot device = monitor.device(info("a"));
  monitor.execution(monitor.series(owner, device, "fits", kCompute), run(kStart, 1ms));
  const SeriesSlot other = monitor.series(owner, device, "does not", kCompute);
  monitor.execution(other, run(kStart, 1ms));
  Aggregate aggregate;
  aggregate.counters.add(5);
  aggregate.counters.add(5);
  const BucketCount bucket{5, 2};
  aggregate.buckets = {&bucket, 1};
  monitor.aggregate(other, aggregate);
  const auto frame = monitor.build(kStart, true);
  EXPECT_EQ(frame->losses[Loss::kExecutionsToOther], 3U);
  EXPECT_EQ(frame->losses.dropped_executions(), 0U);
  EXPECT_EQ(frame->kernels[0].name->name, kOtherName);
  EXPECT_EQ(frame->kernels[0].counters.calls, 3U);
}

TEST(Monitor, RecentKeepsTheNewestInOrder) {
  Monitor monitor;
  const OwnerId owner = monitor.open_owner();
  const SeriesSlot k = monitor.series(owner, monitor.device(info("a")), "k", kCompute);
  for (int i = 0; i < 3'000; ++i) monitor.recent(k, run(kStart + i * 1ms, 1ms));
  const auto recent = monitor.build(kStart, true)->recent;
  ASSERT_EQ(recent.size(), Frame::kMaxRecent);
  for (std::size_t i = 0; i < recent.size(); ++i) ASSERT_EQ(recent[i].order, 3'000 - i);
  EXPECT_EQ(recent[0].end, kStart + 2'999ms);
}

TEST(Monitor, DevicesBeyondTheLimitAreOne) {
  Monitor monitor({.max_devices = 2});
  const DeviceSlot first = monitor.device(info("a"));
  const DeviceSlot second = monitor.device(info("b"));
  EXPECT_EQ(monitor.device(info("c")), second);
  EXPECT_EQ(monitor.device(info("a")), first);
  const auto frame = monitor.build(kStart, true);
  ASSERT_EQ(frame->devices.size(), 2U);
  EXPECT_EQ(frame->devices[1].info->uuid, kOtherName);
}

TEST(Monitor, BusyMemoryIsSharedByAllDevicesAndLateWorkIsCounted) {
  Monitor monitor({.max_busy_bytes = 4 * 64 * IntervalUnion::kBytesPerRun});
  const DeviceSlot a = monitor.device(info("a"));
  (void)monitor.device(info("b"));
  for (int i = 0; i < 1'000; ++i) {
    monitor.activity(a, kCompute, kStart + i * 10us, kStart + i * 10us + 5us);
  }
  EXPECT_EQ(monitor.build(kStart + 1s, true)->losses[Loss::kBusyInexact], 0U);
  monitor.activity(a, kCompute, kStart + 7us, kStart + 8us);
  const auto frame = monitor.build(kStart + 1s, true);
  EXPECT_EQ(frame->losses[Loss::kBusyInexact], 1U);
  EXPECT_EQ(frame->devices[0].activity.kernel_busy_ns, 5'000'000U);
}

TEST(Monitor, PercentilesOfSomeDevicesAreThoseOfTheirSum) {
  Monitor monitor;
  const OwnerId owner = monitor.open_owner();
  for (const char* uuid : {"a", "b", "c"}) {
    const DeviceSlot device = monitor.device(info(uuid));
    const Duration duration = 10ns * (1 + static_cast<std::int64_t>(device));
    monitor.execution(monitor.series(owner, device, "k", kCompute), run(kStart, duration));
  }
  const std::uint64_t id = make_kernel_name("k")->id;
  const std::vector<std::uint32_t> some = {0, 2};
  const auto found = monitor.percentiles_of(id, kCompute, some);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->p50_ns, 10U);
  EXPECT_EQ(found->p99_ns, 30U);
  EXPECT_EQ(monitor.sketch_of(id, kCompute, some)->total(), 2U);
  EXPECT_FALSE(monitor.percentiles_of(id, KernelKind::kMemset, some));
  EXPECT_FALSE(monitor.sketch_of(id, kCompute, std::vector<std::uint32_t>{7}));
}

TEST(Monitor, RecordedExecutionsAppearInTheNextFrame) {
  std::atomic<std::int64_t> now{to_unix_ns(kStart)};
  Monitor monitor({}, kStart);
  Recorder recorder({}, now);
  const OwnerId owner = monitor.open_owner();
  const auto device_of = [&](std::uint32_t device) {
    return monitor.device(info("GPU-" + std::to_string(device)));
  };
  recorder.record("gemm", 0, 1'000, 100);
  recorder.record("gemm", 3, 3'000, 700);
  recorder.record("ncclDevKernel_AllReduce", 3, 9'000);
  recorder.collect(monitor, owner, device_of);
  const auto frame = monitor.build(kStart + 1s, true);
  ASSERT_EQ(frame->devices.size(), 2U);  // only those that something was recorded for
  ASSERT_EQ(frame->kernels.size(), 2U);
  EXPECT_EQ(frame->kernels[0].counters.sum_ns, 4'000U);
  EXPECT_EQ(frame->kernels[1].kind, KernelKind::kCollective);
  EXPECT_EQ(frame->recent.size(), 3U);
  EXPECT_EQ(frame->memory_reuse.total_bytes, 800U);
  EXPECT_EQ(frame->memory_reuse.largest_overlap_bytes, 700U);
  EXPECT_EQ(frame->memory_reuse.executions, 2U);
}

/// The windows of a run equal the differences of what its frames show.
RC_GTEST_PROP(Monitor, WindowsAreTheDifferencesOfFrames,
              (const std::vector<std::vector<std::uint16_t>>& raw)) {
  Monitor monitor({}, kStart);
  const OwnerId owner = monitor.open_owner();
  const DeviceSlot device = monitor.device(info("a"));
  Timestamp edge = kStart;
  std::uint64_t calls_before = 0;
  std::uint64_t sum_before = 0;
  for (const auto& second : raw) {
    for (const std::uint16_t value : second) {
      const SeriesSlot slot =
          monitor.series(owner, device, "k" + std::to_string(value % 5), kCompute);
      monitor.execution(slot, run(edge, Duration(value)));
      if (value % 9 == 0) (void)monitor.build(edge + 500ms, false);
    }
    edge += 1s;
    const auto frame = monitor.build(edge, true);
    std::uint64_t calls = 0;
    std::uint64_t sum = 0;
    for (const KernelRow& kernel : frame->kernels) {
      calls += kernel.counters.calls;
      sum += kernel.counters.sum_ns;
    }
    const WindowDelta& newest = *frame->windows->steps.back();
    std::uint64_t window_calls = 0;
    std::uint64_t window_sum = 0;
    for (const SeriesDelta& delta : newest.series) {
      window_calls += delta.counters.calls;
      window_sum += delta.counters.sum_ns;
    }
    RC_ASSERT(newest.to == edge);
    RC_ASSERT(window_calls == calls - calls_before);
    RC_ASSERT(window_sum == sum - sum_before);
    calls_before = calls;
    sum_before = sum;
  }
}

TEST(Monitor, WhoKnowsMoreOfADeviceSaysWhatItIs) {
  Monitor monitor;
  const auto f = [&monitor](std::string name, std::string pci, std::string source,
                            std::string_view want) {
    const DeviceSlot slot = monitor.device({.uuid = "GPU-a",
                                            .name = std::move(name),
                                            .pci_bus_id = std::move(pci),
                                            .source = std::move(source)});
    EXPECT_EQ(slot, DeviceSlot{0});
    EXPECT_EQ(monitor.build(Timestamp{}, true)->devices[0].info->source, want);
  };
  f("", "", "cuda", "cuda");
  f("H100", "", "opencl", "opencl");
  f("", "", "sdk", "opencl");
  f("", "0000:01:00.0", "x", "opencl");  // the name would be lost
  f("H100", "0000:01:00.0", "nvml", "nvml");
  f("H100 too", "0000:01:00.0", "cuda", "nvml");
}

}  // namespace
}  // namespace gpuvigil
