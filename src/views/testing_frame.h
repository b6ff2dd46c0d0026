// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "model/frame.h"
#include "model/kernel_query.h"

/// Frames by hand, for the tests of the views.
namespace gpuvigil::testing {

inline constexpr Timestamp kEdge = from_unix_ns(1'767'323'045'678'000'000);  // 03:04:05.678Z

/// A device whose every reading is there.
inline DeviceRow full_device(std::uint32_t index, std::string source) {
  DeviceRow row;
  row.info = std::make_shared<DeviceInfo>(DeviceInfo{.uuid = "GPU-" + std::to_string(index),
                                                     .name = "NVIDIA H100 80GB HBM3",
                                                     .pci_bus_id = "0000:3b:00.0",
                                                     .source = std::move(source)});
  row.index = index;
  row.sample = {.at = kEdge,
                .health = Health::kOk,
                .gpu_utilization = Percent(73.5),
                .memory_used = Bytes(2048ULL << 20U),
                .memory_total = Bytes(8192ULL << 20U),
                .temperature = Celsius(61),
                .power = Watts(251.3),
                .power_limit = Watts(400),
                .sm_clock = Megahertz(1410),
                .memory_clock = Megahertz(1593),
                .throttle_reasons = kThrottleSwPowerCap | kThrottleSwThermal,
                .processes = 3U};
  row.kernel_busy = Percent(71.9);
  row.activity = {.kernel_busy_ns = 750'000'000,
                  .gpu_busy_ns = 800'000'001,
                  .covered_ns = 2'000'000'000,
                  .first_start = kEdge - std::chrono::seconds(1),
                  .last_end = kEdge};
  return row;
}

/// A device of which nothing is known, for one reason.
inline DeviceRow absent_device(std::uint32_t index, Missing why) {
  DeviceRow row = full_device(index, "nvml");
  row.sample = absent_sample(why, kEdge);
  row.kernel_busy = missing(why);
  row.activity = {};
  return row;
}

inline Frame empty_frame() {
  Frame frame;
  frame.seq = 3600;
  frame.edge = kEdge;
  frame.since = kEdge - std::chrono::seconds(3600);
  frame.windows = std::make_shared<WindowLadder>();
  return frame;
}

inline KernelStats kernel(std::string_view name, std::uint64_t calls, std::uint64_t sum_ns) {
  KernelStats stats;
  stats.name = make_kernel_name(name);
  stats.kind = kind_of_kernel(name);
  stats.counters.calls = calls;
  stats.counters.sum_ns = sum_ns;
  if (calls > 0) stats.counters.min_ns = 100'000;
  stats.counters.max_ns = 2'500'000;
  stats.counters.sum_squares_ns2 = static_cast<double>(sum_ns) * static_cast<double>(sum_ns);
  stats.percentiles = {145'001, 190'000, 2'400'000};
  stats.last_end = kEdge - std::chrono::microseconds(250);
  stats.share_percent = 62.5;
  stats.devices = {0, 1};
  return stats;
}

/// Adds to the frame the row that `stats` came from.
inline void add_kernel(Frame& frame, const KernelStats& stats) {
  KernelRow row;
  row.name = stats.name;
  row.kind = stats.kind;
  row.counters = stats.counters;
  row.percentiles = stats.percentiles;
  row.last_end = stats.last_end;
  frame.kernels.push_back(std::move(row));
}

inline Alert alert(std::string id, AlertState state) {
  Alert made;
  made.id = std::move(id);
  made.rule = "high_gpu_utilization";
  made.severity = Severity::kWarning;
  made.state = state;
  made.message = "GPU 0 utilization above 90% for 30 seconds";
  made.began = kEdge - std::chrono::seconds(75);
  if (state == AlertState::kResolved) made.resolved_at = kEdge;
  made.metric = "gpu_utilization";
  made.value = 92.3;
  made.threshold = 90;
  made.device = 0;
  made.uuid = "GPU-0";
  return made;
}

/// Names as somebody who means harm would choose them.
inline constexpr std::string_view kHostileNames[] = {
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</style></script>&lt;b&gt;&amp;",
    "a\"b\\c'd`e${f}",
    "kernel \xF0\x9F\x9A\x80 \xE2\x80\xAEgnp.exe",
    "\x1b[31mred\x1b[0m\r\nnext line",
    "=cmd|' /C calc'!A0",
};

}  // namespace gpuvigil::testing
