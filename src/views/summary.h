// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/frame.h"
#include "model/metric.h"

namespace gpuvigil {

/// Which devices an answer is about, by their index in the frame; absent: all of them.
using DeviceSelection = std::optional<std::vector<std::uint32_t>>;

/// The selected rows, in the order of the frame. They live as long as the frame.
[[nodiscard]] std::vector<const DeviceRow*> selected_devices(const Frame& frame,
                                                             const DeviceSelection& selection);

/// Several devices as one: what stands at the top of a status.
struct MachineTotals {
  Reading<Percent> utilization = missing(Missing::kNotSampled);  ///< Mean of those that have it.
  Reading<Bytes> memory_used = missing(Missing::kNotSampled);    ///< Sum over those that have it.
  Reading<Bytes> memory_total = missing(Missing::kNotSampled);
  Reading<Percent> memory_percent = missing(Missing::kNotSampled);  ///< Of those that have both.
};

/// Where no device has a value, the reason is the first device's.
[[nodiscard]] MachineTotals total_of(const std::vector<const DeviceRow*>& devices);

/// All kernels (compute and collective, no copies and sets) since counting began.
struct KernelSummary {
  std::uint64_t calls = 0;
  std::uint64_t time_ns = 0;
};
[[nodiscard]] KernelSummary summarize_kernels(const Frame& frame);

/// "67.9% reuse potential", or "n/a" when no execution carried memory: the share of all the memory
/// that executions asked for which would not have been needed, had they shared it.
[[nodiscard]] std::string memory_efficiency(const MemoryReuse& reuse);

/// From the first start to the last end of GPU work on a device; nothing without any.
[[nodiscard]] std::optional<std::uint64_t> span_ns(const Activity& activity);

/// Kernel-busy over span, 0 to 100; nothing without a span.
[[nodiscard]] std::optional<double> span_utilization(const Activity& activity);

/// `sum / count`, rounded half up; `count` > 0.
[[nodiscard]] constexpr std::uint64_t rounded_mean(std::uint64_t sum, std::uint64_t count) {
  return sum / count + (sum % count >= count - count / 2 ? 1 : 0);
}

/// True when any device is simulated: whatever shows such a frame must say so.
[[nodiscard]] bool is_demo(const Frame& frame);

/// Whole seconds since counting began.
[[nodiscard]] std::uint64_t uptime_seconds(const Frame& frame);

}  // namespace gpuvigil
