// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>

#include "model/frame.h"

/// Frames by hand, for the tests of exporters.
namespace gpuvigil::testing {

inline constexpr Timestamp kEdge = from_unix_ns(1'767'323'045'678'000'000);

/// A device with readings that have an exact decimal.
inline DeviceRow device_row(std::uint32_t index, std::string source = "nvml") {
  DeviceRow row;
  row.info = std::make_shared<DeviceInfo>(DeviceInfo{.uuid = "GPU-" + std::to_string(index),
                                                     .name = "NVIDIA H100 80GB HBM3",
                                                     .pci_bus_id = "0000:3b:00.0",
                                                     .source = std::move(source)});
  row.index = index;
  auto details = std::make_shared<DeviceDetails>();
  details->metrics[MetricId::kEnergy] = 1234.5;
  details->metrics[MetricId::kSmActive] = 62.5;
  auto inventory = std::make_shared<DeviceInventory>();
  inventory->vendor = "NVIDIA";
  inventory->driver_version = "550.54.15";
  row.sample = {.at = kEdge,
                .health = Health::kDegraded,
                .gpu_utilization = Percent(73.5),
                .memory_used = Bytes(2048ULL << 20U),
                .memory_total = Bytes(8192ULL << 20U),
                .temperature = Celsius(61),
                .power = Watts(251.3),
                .power_limit = Watts(400),
                .sm_clock = Megahertz(1410),
                .memory_clock = Megahertz(1593),
                .throttle_reasons = kThrottleSwPowerCap,
                .processes = 3U,
                .details = std::move(details),
                .inventory = std::move(inventory)};
  row.kernel_busy = Percent(71.9);
  row.activity = {
      .kernel_busy_ns = 750'000'001, .gpu_busy_ns = 800'000'000, .covered_ns = 2'000'000'000};
  return row;
}

inline Frame frame_with_devices(std::uint32_t count) {
  Frame frame;
  frame.seq = 1;
  frame.edge = kEdge;
  frame.since = kEdge - std::chrono::hours(1);
  frame.windows = std::make_shared<WindowLadder>();
  for (std::uint32_t i = 0; i < count; ++i) frame.devices.push_back(device_row(i));
  return frame;
}

/// Adds a kernel, or adds to it, and keeps rows in their order.
inline void add_kernel(Frame& frame, std::string_view name, std::uint64_t calls,
                       std::uint64_t sum_ns, KernelKind kind = KernelKind::kCompute) {
  const auto key = [](const KernelRow& row) {
    return std::tuple<std::string_view, KernelKind>(row.name->name, row.kind);
  };
  KernelRow row{.name = make_kernel_name(name), .kind = kind};
  row.percentiles = {100, 200, 300};
  auto at = std::ranges::lower_bound(frame.kernels, key(row), {}, key);
  if (at == frame.kernels.end() || key(*at) != key(row)) at = frame.kernels.insert(at, row);
  at->counters.calls += calls;
  at->counters.sum_ns += sum_ns;
}

}  // namespace gpuvigil::testing
