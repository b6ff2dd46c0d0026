// SPDX-License-Identifier: Apache-2.0
#include "views/summary.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace gpuvigil {

std::vector<const DeviceRow*> selected_devices(const Frame& frame,
                                               const DeviceSelection& selection) {
  std::vector<const DeviceRow*> rows;
  rows.reserve(frame.devices.size());
  for (const DeviceRow& row : frame.devices) {
    if (!selection || std::ranges::find(*selection, row.index) != selection->end()) {
      rows.push_back(&row);
    }
  }
  return rows;
}

MachineTotals total_of(const std::vector<const DeviceRow*>& devices) {
  MachineTotals totals;
  if (devices.empty()) return totals;
  const DeviceRow& first = *devices.front();

  double utilization = 0;
  std::size_t utilized = 0;
  Bytes used;
  Bytes total;
  std::size_t used_count = 0;
  std::size_t total_count = 0;
  Bytes used_of_both;
  Bytes total_of_both;
  for (const DeviceRow* row : devices) {
    if (const auto share = shown_utilization(*row)) {
      utilization += share->count();
      ++utilized;
    }
    const DeviceSample& sample = row->sample;
    if (sample.memory_used) {
      used += *sample.memory_used;
      ++used_count;
    }
    if (sample.memory_total) {
      total += *sample.memory_total;
      ++total_count;
    }
    if (sample.memory_used && sample.memory_total) {
      used_of_both += *sample.memory_used;
      total_of_both += *sample.memory_total;
    }
  }
  totals.utilization = shown_utilization(first);
  if (utilized > 0) totals.utilization = Percent(utilization / static_cast<double>(utilized));
  totals.memory_used = first.sample.memory_used;
  if (used_count > 0) totals.memory_used = used;
  totals.memory_total = first.sample.memory_total;
  if (total_count > 0) totals.memory_total = total;
  totals.memory_percent = memory_percent(first.sample.memory_used, first.sample.memory_total);
  if (total_of_both.count() > 0) {
    totals.memory_percent = memory_percent(used_of_both, total_of_both);
  }
  return totals;
}

KernelSummary summarize_kernels(const Frame& frame) {
  KernelSummary summary;
  for (const KernelRow& row : frame.kernels) {
    if (!is_kernel(row.kind)) continue;
    summary.calls += row.counters.calls;
    summary.time_ns += row.counters.sum_ns;
  }
  return summary;
}

std::string memory_efficiency(const MemoryReuse& reuse) {
  if (reuse.executions == 0 || reuse.total_bytes == 0) return "n/a";
  const double needed =
      static_cast<double>(reuse.largest_overlap_bytes) / static_cast<double>(reuse.total_bytes);
  return fmt::format("{:.1f}% reuse potential", 100.0 * std::max(1.0 - needed, 0.0));
}

std::optional<std::uint64_t> span_ns(const Activity& activity) {
  if (!activity.first_start || !activity.last_end) return std::nullopt;
  if (*activity.last_end < *activity.first_start) return std::nullopt;
  return static_cast<std::uint64_t>((*activity.last_end - *activity.first_start).count());
}

std::optional<double> span_utilization(const Activity& activity) {
  const auto span = span_ns(activity);
  if (!span || *span == 0) return std::nullopt;
  const double share = static_cast<double>(activity.kernel_busy_ns) / static_cast<double>(*span);
  return 100.0 * std::min(share, 1.0);
}

bool is_demo(const Frame& frame) {
  return std::ranges::any_of(
      frame.devices, [](const DeviceRow& row) { return row.info && row.info->source == "demo"; });
}

std::uint64_t uptime_seconds(const Frame& frame) {
  if (frame.edge <= frame.since) return 0;
  return static_cast<std::uint64_t>((frame.edge - frame.since) / std::chrono::seconds(1));
}

}  // namespace gpuvigil
