// SPDX-License-Identifier: Apache-2.0
#include "collect/demo_machine.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "collect/demo_kernels.h"

namespace gpuvigil {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The cycle of throttling, in steps: a minute as usual, 20 s throttled, 100 s as usual.
constexpr Duration kStep = milliseconds(250);
constexpr Duration kThrottledStep = milliseconds(300);
constexpr std::uint64_t kStepsBefore = 240;
constexpr std::uint64_t kStepsThrottled = 67;
constexpr std::uint64_t kStepsAfter = 400;
constexpr std::uint64_t kStepsOfCycle = kStepsBefore + kStepsThrottled + kStepsAfter;
constexpr Duration kBefore = kStep * kStepsBefore;
constexpr Duration kThrottled = kThrottledStep * kStepsThrottled;
constexpr Duration kCycle = kBefore + kThrottled + kStep * kStepsAfter;

// The numbers of an 80 GB data centre board.
constexpr std::uint32_t kSmMegahertz = 1410;
constexpr std::uint32_t kThrottledMegahertz = 990;
constexpr std::uint32_t kMemoryMegahertz = 1593;
constexpr std::uint64_t kMemoryTotal = std::uint64_t{80} << 30U;
constexpr std::uint64_t kAllocationGrain = std::uint64_t{2} << 20U;
constexpr double kPowerLimitWatts = 400;

constexpr Duration kLeakPeriod = seconds(300);
constexpr double kLeakSeconds = 250;
constexpr double kHeldSeconds = 290;

constexpr Duration kLaunchGap = microseconds(6);    // between kernels of one stream
constexpr Duration kFirstLaunch = milliseconds(4);  // the data loader's share of a step

/// A well mixed number (the finaliser of SplitMix64, public domain).
constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

/// Uniform in [-1, 1).
constexpr double to_unit(std::uint64_t mixed) {
  return static_cast<double>(mixed >> 11U) * 0x1p-52 - 1.0;
}

double to_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// One GPU's two streams while a step is laid out: when each is free.
struct Streams {
  Timestamp compute;
  Timestamp network;
};

/// Lays out one step over all GPUs, launch by launch.
class StepLayout {
 public:
  StepLayout(Timestamp begin, std::uint64_t random, std::span<const double> slowdowns)
      : random_(random), slowdowns_(slowdowns) {
    for (Streams& streams : streams_) streams = {begin + kFirstLaunch, begin};
    executions_.reserve(1024);
  }

  /// Launches these one after the other on every GPU.
  void run(std::span<const std::uint8_t> places) {
    for (std::size_t gpu = 0; gpu < DemoMachine::kGpus; ++gpu) {
      for (const std::uint8_t place : places) run_one(gpu, place);
    }
  }

  /// Reduces what every GPU has computed so far over all of them: it begins on each when that one
  /// is ready, and ends on all at once.
  void all_reduce(std::uint8_t place) {
    const auto transfer = duration_of(demo_kernels()[place], 1.0);
    Timestamp end{};
    for (Streams& streams : streams_) {
      streams.network = std::max(streams.network, streams.compute) + kLaunchGap;
      end = std::max(end, streams.network + transfer);
    }
    for (std::size_t gpu = 0; gpu < DemoMachine::kGpus; ++gpu) {
      add(gpu, place, std::exchange(streams_[gpu].network, end), end);
    }
  }

  /// What comes next on a GPU waits for its last reduction.
  void wait_for_reductions() {
    for (Streams& streams : streams_) {
      streams.compute = std::max(streams.compute, streams.network);
    }
  }

  [[nodiscard]] std::vector<DemoExecution> take() && {
    std::ranges::sort(executions_, {}, [](const DemoExecution& execution) {
      return std::tuple(execution.end, execution.gpu, execution.kernel);
    });
    return std::move(executions_);
  }

 private:
  void run_one(std::size_t gpu, std::uint8_t place) {
    Timestamp& at = streams_[gpu].compute;
    const Timestamp begin = at + kLaunchGap;
    at = begin + duration_of(demo_kernels()[place], slowdowns_[gpu]);
    add(gpu, place, begin, at);
  }

  void add(std::size_t gpu, std::uint8_t place, Timestamp begin, Timestamp end) {
    executions_.push_back(
        {.gpu = static_cast<std::uint32_t>(gpu), .kernel = place, .start = begin, .end = end});
  }

  /// Around the typical time: 4 % to either side, one in 700 half as long again.
  Duration duration_of(const DemoKernel& kernel, double slowdown) {
    random_ = mix(random_);
    const double clocked = kernel.clock_percent / 100.0;
    double factor = 1 + clocked * (slowdown - 1);
    factor *= 1 + 0.04 * to_unit(random_);
    if (random_ % 700 == 0) factor *= 1.5;
    return Duration(static_cast<std::int64_t>(kernel.typical_us * 1000.0 * factor));
  }

  std::uint64_t random_;
  std::span<const double> slowdowns_;
  std::array<Streams, DemoMachine::kGpus> streams_;
  std::vector<DemoExecution> executions_;
};

}  // namespace

DemoMachine::DemoMachine(std::uint64_t seed, Timestamp start) : seed_(seed), start_(start) {
  for (std::size_t gpu = 0; gpu < kGpus; ++gpu) {
    devices_[gpu] = {.uuid = fmt::format("DEMO-{:016x}-{}", seed, gpu),
                     .name = "gpuvigil demo GPU",
                     .pci_bus_id = {},
                     .source = "demo"};
  }
}

std::uint64_t DemoMachine::step_at(Timestamp at) const {
  const Duration since = std::max(at - start_, Duration::zero());
  const auto first = static_cast<std::uint64_t>(since / kCycle) * kStepsOfCycle;
  const Duration within = since % kCycle;
  if (within < kBefore) return first + static_cast<std::uint64_t>(within / kStep);
  if (within < kBefore + kThrottled) {
    return first + kStepsBefore + static_cast<std::uint64_t>((within - kBefore) / kThrottledStep);
  }
  return first + kStepsBefore + kStepsThrottled +
         static_cast<std::uint64_t>((within - kBefore - kThrottled) / kStep);
}

Timestamp DemoMachine::step_start(std::uint64_t step) const {
  const auto within = static_cast<std::int64_t>(step % kStepsOfCycle);
  const std::int64_t throttled =
      std::clamp<std::int64_t>(within - kStepsBefore, 0, kStepsThrottled);
  return start_ + kCycle * static_cast<std::int64_t>(step / kStepsOfCycle) +
         kThrottledStep * throttled + kStep * (within - throttled);
}

bool DemoMachine::is_throttled(std::uint64_t step) {
  const std::uint64_t within = step % kStepsOfCycle;
  return within >= kStepsBefore && within < kStepsBefore + kStepsThrottled;
}

/// Uniform in [-1, 1), the same for the same arguments.
double DemoMachine::noise(std::uint64_t what, std::uint64_t when) const {
  return to_unit(mix(mix(seed_ ^ mix(what)) + when));
}

/// How much longer than at full clocks this GPU computes in this step.
double DemoMachine::slowdown(std::size_t gpu, std::uint64_t step) const {
  double factor = gpu == kStraggler ? 1.08 : 1 + 0.01 * (1 + noise(gpu, 0));
  // Batches differ: from step to step, and over some seconds; the same for all GPUs.
  factor *= 1 + 0.05 * noise(80, step) + 0.03 * noise(81, step / 24);
  factor *= 1 + 0.015 * noise(16 + gpu, step);
  if (gpu == kThrottledGpu && is_throttled(step)) {
    factor *= static_cast<double>(kSmMegahertz) / kThrottledMegahertz;
  }
  return factor;
}

std::vector<DemoExecution> DemoMachine::step(std::uint64_t step) const {
  std::array<double, kGpus> slowdowns{};
  for (std::size_t gpu = 0; gpu < kGpus; ++gpu) slowdowns[gpu] = slowdown(gpu, step);
  const DemoScript& script = demo_script();
  StepLayout layout(step_start(step), mix(seed_ ^ mix(step)), slowdowns);
  layout.run(script.begin);
  for (unsigned i = 0; i < DemoScript::kLayers; ++i) layout.run(script.forward_layer);
  layout.run(script.turn);
  for (unsigned i = 0; i < DemoScript::kLayers; ++i) {
    layout.run(script.backward_layer);
    layout.all_reduce(script.all_reduce);
  }
  layout.wait_for_reductions();
  layout.run(script.optimizer);
  return std::move(layout).take();
}

/// The share of [from, to) in which some kernel ran.
Percent DemoMachine::busy_share(std::size_t gpu, Timestamp from, Timestamp to) const {
  std::vector<std::pair<Timestamp, Timestamp>> spans;
  for (std::uint64_t s = step_at(from); s <= step_at(to); ++s) {
    for (const DemoExecution& execution : step(s)) {
      if (execution.gpu == gpu && is_kernel(demo_kernels()[execution.kernel].kind)) {
        spans.emplace_back(std::max(execution.start, from), std::min(execution.end, to));
      }
    }
  }
  std::ranges::sort(spans);
  Duration busy{};
  Timestamp reached = from;
  for (const auto& [begin, end] : spans) {
    busy += std::max(end - std::max(begin, reached), Duration::zero());
    reached = std::max(reached, end);
  }
  return Percent(std::round(100 * to_seconds(busy) / to_seconds(to - from)));
}

Bytes DemoMachine::memory_used(std::size_t gpu, Timestamp at) const {
  const double within = to_seconds((at - start_) % kLeakPeriod);
  double share = 0.40;
  if (within < kHeldSeconds) share += 0.565 * std::min(within / kLeakSeconds, 1.0);
  share += 0.002 * static_cast<double>(gpu);
  const auto tick = static_cast<std::uint64_t>((at - start_) / seconds(1));
  share += 0.002 * noise(32 + gpu, tick);
  const auto bytes = static_cast<std::uint64_t>(share * static_cast<double>(kMemoryTotal));
  return Bytes(bytes / kAllocationGrain * kAllocationGrain);
}

Celsius DemoMachine::temperature(std::size_t gpu, Timestamp at) const {
  const auto tick = static_cast<std::uint64_t>((at - start_) / seconds(1));
  double celsius = 58 + 2 * static_cast<double>(gpu % 2) + 1.5 * noise(48 + gpu, tick / 5);
  if (gpu == kThrottledGpu) {
    // Up to 88 degrees when the episode begins, there while it lasts, down again in a minute.
    const double within = to_seconds((at - start_) % kCycle);
    const double warming = within / to_seconds(kBefore);
    const double cooling = 1 - (within - to_seconds(kBefore + kThrottled)) / 60;
    celsius = 68 + 20 * std::clamp(std::min(warming, cooling), 0.0, 1.0) +
              0.5 * noise(48 + gpu, tick / 5);
  }
  return Celsius(std::round(celsius));
}

DeviceSample DemoMachine::sample(std::size_t gpu, Timestamp at) const {
  at = std::max(at, start_);
  const bool throttled = gpu == kThrottledGpu && is_throttled(step_at(at));
  const Timestamp from = std::max(at - seconds(1), start_);
  const Percent busy = at > from ? busy_share(gpu, from, at) : Percent(0);
  const auto tick = static_cast<std::uint64_t>((at - start_) / seconds(1));
  const double full_power = throttled ? 232 : 345;

  DeviceSample sample;
  sample.at = at;
  sample.health = throttled ? Health::kDegraded : Health::kOk;
  sample.gpu_utilization = busy;
  sample.memory_used = memory_used(gpu, at);
  sample.memory_total = Bytes(kMemoryTotal);
  sample.temperature = temperature(gpu, at);
  sample.power = Watts(62 + (full_power - 62) * busy.count() / 100 + 6 * noise(64 + gpu, tick));
  sample.power_limit = Watts(kPowerLimitWatts);
  sample.sm_clock = Megahertz(throttled ? kThrottledMegahertz : kSmMegahertz);
  sample.memory_clock = Megahertz(kMemoryMegahertz);
  sample.throttle_reasons = throttled ? kThrottleHwSlowdown | kThrottleHwThermal : 0U;
  sample.processes = 1U;
  return sample;
}

}  // namespace gpuvigil
