// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "model/device.h"
#include "model/kernel.h"

namespace gpuvigil {

/// One execution on the demo machine.
struct DemoExecution {
  std::uint32_t gpu = 0;
  std::uint32_t kernel = 0;  ///< Place in demo_kernels().
  Timestamp start{};
  Timestamp end{};
};

/// A simulated machine of four GPUs that trains a language model: what to look at where there is
/// no GPU, and what tests run on. Everything it says is a pure function of seed, start and time,
/// so that any two observers see the same machine however often they look.
///
///   steps       one each 250 ms, 300 ms while a GPU is throttled: forward, backward, optimizer.
///               The gradients of each layer are reduced over all GPUs on a second stream as soon
///               as they are there, so whoever is early waits in the all-reduce for the slowest.
///   skew        GPUs differ by a percent or two; GPU 3 is 8 % slower, always.
///   throttling  GPU 2 has poor air. A minute in each three it is hot, and for 20 s of them its
///               SM clock falls from 1410 to 990 MHz; what computes slows down, what copies hardly.
///   memory      a leak: from 40 % to over 96 % in 250 s, held for 40 s, freed, and again.
///
/// Threading: const and without state; any thread.
class DemoMachine {
 public:
  static constexpr std::size_t kGpus = 4;
  static constexpr std::size_t kThrottledGpu = 2;
  static constexpr std::size_t kStraggler = 3;

  /// Nothing runs before `start`.
  DemoMachine(std::uint64_t seed, Timestamp start);

  [[nodiscard]] Timestamp start() const { return start_; }

  /// "DEMO-<seed>-<gpu>": the same after a restart with the same seed.
  [[nodiscard]] const DeviceInfo& device(std::size_t gpu) const { return devices_[gpu]; }

  /// Which step is going on at `at`; before the start, the first.
  [[nodiscard]] std::uint64_t step_at(Timestamp at) const;

  /// When a step begins; it ends where the next begins.
  [[nodiscard]] Timestamp step_start(std::uint64_t step) const;

  /// True when GPU kThrottledGpu runs this step with lowered clocks.
  [[nodiscard]] static bool is_throttled(std::uint64_t step);

  /// All that runs in one step on all GPUs, by end, then GPU. Lies wholly within the step.
  [[nodiscard]] std::vector<DemoExecution> step(std::uint64_t step) const;

  /// What a driver would say of this GPU. Its utilization is the share of the last second in which
  /// a kernel of step() ran, in whole percent as drivers give it.
  [[nodiscard]] DeviceSample sample(std::size_t gpu, Timestamp at) const;

 private:
  [[nodiscard]] double slowdown(std::size_t gpu, std::uint64_t step) const;
  [[nodiscard]] double noise(std::uint64_t what, std::uint64_t when) const;
  [[nodiscard]] Percent busy_share(std::size_t gpu, Timestamp from, Timestamp to) const;
  [[nodiscard]] Bytes memory_used(std::size_t gpu, Timestamp at) const;
  [[nodiscard]] Celsius temperature(std::size_t gpu, Timestamp at) const;

  std::uint64_t seed_;
  Timestamp start_;
  std::array<DeviceInfo, kGpus> devices_;
};

}  // namespace gpuvigil
