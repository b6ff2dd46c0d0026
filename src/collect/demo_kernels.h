// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "model/kernel.h"

namespace gpuvigil {

/// One kernel, copy or set that the demo machine's training program runs.
struct DemoKernel {
  std::string_view name;  ///< In the form in which profilers of such programs record it.
  KernelKind kind = KernelKind::kCompute;
  std::uint32_t typical_us = 0;     ///< At full clocks; of a collective: the transfer alone.
  std::uint32_t clock_percent = 0;  ///< How much of its time goes with the clock; the rest, memory.
  std::uint32_t memory_mib = 0;     ///< What one execution works on; 0: its source does not say.
};

/// All of them. Places in this span are what DemoExecution::kernel means.
[[nodiscard]] std::span<const DemoKernel> demo_kernels();

/// One training step as the program launches it, in places of demo_kernels(): `begin`,
/// `forward_layer` kLayers times, `turn`, `backward_layer` kLayers times, `optimizer`.
struct DemoScript {
  static constexpr unsigned kLayers = 5;

  std::span<const std::uint8_t> begin;
  std::span<const std::uint8_t> forward_layer;
  std::span<const std::uint8_t> turn;            ///< The loss, forward and backward.
  std::span<const std::uint8_t> backward_layer;  ///< Each makes one bucket of gradients ready.
  std::span<const std::uint8_t> optimizer;       ///< Waits until the last bucket is reduced.
  std::uint8_t all_reduce = 0;                   ///< Of each bucket, on a stream of its own.
};

[[nodiscard]] const DemoScript& demo_script();

}  // namespace gpuvigil
