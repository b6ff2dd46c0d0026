// SPDX-License-Identifier: Apache-2.0
#include "monitor/monitor.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "monitor/saturating.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kCoveredRuns = 1'024;  ///< Spans come in order and mostly touch.

DeviceInfo info_of_too_many() {
  return {.uuid = std::string(kOtherName),
          .name = "(more devices than can be told apart)",
          .pci_bus_id = {},
          .source = "gpuvigil"};
}

/// A driver knows where its device sits and what it is called; programs often only its UUID.
bool tells_more(const DeviceInfo& info, const DeviceInfo& known) {
  const bool loses = (info.name.empty() && !known.name.empty()) ||
                     (info.pci_bus_id.empty() && !known.pci_bus_id.empty());
  const bool gains = (!info.name.empty() && known.name.empty()) ||
                     (!info.pci_bus_id.empty() && known.pci_bus_id.empty());
  return gains && !loses;
}

}  // namespace

Monitor::Monitor(const MonitorLimits& limits, std::optional<Timestamp> since)
    : limits_(limits),
      table_(limits.table),
      windows_(limits.max_window_bytes),
      processes_(limits.max_process_series),
      last_edge_(since) {
  GPUVIGIL_ASSERT(limits.max_devices > 0);
}

DeviceSlot Monitor::device(const DeviceInfo& info) {
  const auto found = device_by_uuid_.find(info.uuid);
  if (found != device_by_uuid_.end()) {
    std::shared_ptr<const DeviceInfo>& known = devices_[found->second].info;
    if (tells_more(info, *known)) known = std::make_shared<const DeviceInfo>(info);
    return DeviceSlot{found->second};
  }
  const auto index = static_cast<std::uint32_t>(devices_.size());
  if (index >= limits_.max_devices) return DeviceSlot{index - 1};
  const bool last = index + 1 == limits_.max_devices && limits_.max_devices > 1;
  devices_.push_back({.info = std::make_shared<const DeviceInfo>(last ? info_of_too_many() : info),
                      .sample = {},
                      .kernel_busy = IntervalUnion(0),
                      .gpu_busy = IntervalUnion(0),
                      .covered = IntervalUnion(kCoveredRuns),
                      .ever_covered = false,
                      .first_start = {},
                      .last_end = {}});
  device_by_uuid_.emplace(devices_.back().info->uuid, index);
  share_busy_memory();
  return DeviceSlot{index};
}

void Monitor::close_owner(OwnerId owner) {
  processes_.close(owner);
  table_.close_owner(owner);
}

void Monitor::attribute(OwnerId owner, SeriesSlot series, const Aggregate& aggregate) {
  losses_.add(Loss::kExecutionsUnattributed, processes_.add(owner, table_.key(series), aggregate));
}

void Monitor::launched(SeriesSlot series, const LaunchShape& grown) {
  const SeriesKey& key = table_.key(series);
  shapes_.add(key.name->id, key.kind, grown);
}

void Monitor::share_busy_memory() {
  const std::size_t each =
      limits_.max_busy_bytes / IntervalUnion::kBytesPerRun / (2 * devices_.size());
  for (DeviceState& device : devices_) {
    device.kernel_busy.set_limit(each);
    device.gpu_busy.set_limit(each);
  }
}

SeriesSlot Monitor::series(OwnerId owner, DeviceSlot device, std::string_view recorded_name,
                           KernelKind kind) {
  GPUVIGIL_ASSERT(static_cast<std::size_t>(device) < devices_.size());
  return table_.series(owner, static_cast<std::uint32_t>(device), recorded_name, kind);
}

void Monitor::execution(SeriesSlot series, const Execution& execution) {
  table_.add(series, execution);
  if (table_.is_other(series)) losses_.add(Loss::kExecutionsToOther, 1);
  if (execution.memory) {
    memory_.add(table_.key(series).device, execution.start, execution.end,
                execution.memory->count());
  }
  list(series, execution);
}

void Monitor::aggregate(SeriesSlot series, const Aggregate& aggregate) {
  table_.add(series, aggregate);
  const KernelCounters& counters = aggregate.counters;
  if (table_.is_other(series)) losses_.add(Loss::kExecutionsToOther, counters.calls);
  if (counters.memory_calls > 0) {
    memory_.add_many(counters.memory_calls, counters.memory_bytes, aggregate.largest_memory_bytes);
  }
}

void Monitor::recent(SeriesSlot series, const Execution& execution) {
  list(series, execution);
}

void Monitor::list(SeriesSlot series, const Execution& execution) {
  const SeriesKey& key = table_.key(series);
  recent_.push({.name = key.name,
                .kind = key.kind,
                .device = key.device,
                .end = execution.end,
                .duration = execution.duration,
                .memory = execution.memory,
                .order = 0});
}

void Monitor::activity(DeviceSlot slot, KernelKind kind, Timestamp from, Timestamp to) {
  if (to < from) return;
  DeviceState& device = at(slot);
  if (is_kernel(kind)) device.kernel_busy.add(from, to);
  device.gpu_busy.add(from, to);
  device.first_start = device.first_start ? std::min(*device.first_start, from) : from;
  device.last_end = device.last_end ? std::max(*device.last_end, to) : to;
}

void Monitor::covered(DeviceSlot slot, Timestamp from, Timestamp to) {
  DeviceState& device = at(slot);
  device.covered.add(from, to);
  device.ever_covered = true;
}

void Monitor::sample(DeviceSlot slot, const DeviceSample& sample) {
  DeviceState& device = at(slot);
  if (const auto change = health_event(*device.info, device.sample, sample)) events_.add(*change);
  device.sample = sample;
}

void Monitor::rebase(DeviceSlot slot, Duration by) {
  DeviceState& device = at(slot);
  device.kernel_busy.shift(by);
  device.gpu_busy.shift(by);
  device.covered.shift(by);
  if (device.first_start) device.first_start = saturating_add(*device.first_start, by);
  if (device.last_end) device.last_end = saturating_add(*device.last_end, by);
  device.sample.at = saturating_add(device.sample.at, by);
  const auto index = static_cast<std::uint32_t>(slot);
  table_.rebase(index, by);
  recent_.rebase(index, by);
  memory_.rebase(index, by);
}

Activity Monitor::activity_of(DeviceState& device, Timestamp edge) {
  Activity activity;
  activity.kernel_busy_ns = device.kernel_busy.length_until(edge);
  activity.gpu_busy_ns = device.gpu_busy.length_until(edge);
  activity.covered_ns = device.covered.length_until(edge);
  if (!device.first_start || *device.first_start > edge) return activity;
  activity.first_start = device.first_start;
  activity.last_end =
      *device.last_end <= edge ? device.last_end : device.gpu_busy.last_end_until(edge);
  // Only work of no length lies before: it ended where it began.
  if (!activity.last_end) activity.last_end = activity.first_start;
  return activity;
}

Reading<Percent> Monitor::busy_of_last_second(DeviceState& device, Timestamp edge) {
  if (!device.ever_covered) return missing(Missing::kUnsupported);
  const Timestamp from = edge - 1s;
  const std::uint64_t covered =
      device.covered.length_until(edge) - device.covered.length_until(from);
  if (covered == 0) {
    const auto& utilization = device.sample.gpu_utilization;
    const bool ended = !utilization && utilization.error() == Missing::kRecordingEnded;
    return missing(ended ? Missing::kRecordingEnded : Missing::kStale);
  }
  const std::uint64_t busy =
      device.kernel_busy.length_until(edge) - device.kernel_busy.length_until(from);
  return Percent(100.0 * static_cast<double>(std::min(busy, covered)) /
                 static_cast<double>(covered));
}

DeviceRow Monitor::row_of(std::uint32_t index, Timestamp edge) {
  DeviceState& device = devices_[index];
  return {.info = device.info,
          .index = index,
          .sample = device.sample,
          .activity = activity_of(device, edge),
          .kernel_busy = busy_of_last_second(device, edge)};
}

std::shared_ptr<Frame> Monitor::build(Timestamp edge, bool is_edge) {
  auto frame = std::make_shared<Frame>();
  frame->edge = edge;
  frame->is_edge = is_edge;
  frame->losses = losses_;
  frame->events = events_.log();
  frame->devices.reserve(devices_.size());
  for (std::uint32_t i = 0; i < devices_.size(); ++i) {
    frame->devices.push_back(row_of(i, edge));
    // Both unions are told of a kernel: the larger of the two counts it once.
    frame->losses.add(Loss::kBusyInexact,
                      std::max(devices_[i].kernel_busy.inexact(), devices_[i].gpu_busy.inexact()));
  }
  table_.update_rows();
  frame->kernels = table_.kernel_rows();
  frame->names = table_.kernel_names();
  frame->series = table_.series_rows();
  frame->processes = processes_.rows();
  frame->recent = recent_.newest_first();
  frame->memory_reuse = memory_.result();
  if (is_edge) {
    LadderStep step = table_.take_delta(last_edge_.value_or(edge), edge);
    frame->delta = step.delta;
    windows_.push(std::move(step));
    last_edge_ = edge;
  }
  frame->windows = windows_.ladder();
  return frame;
}

std::optional<LatencySketch> Monitor::sketch_of(std::uint64_t kernel_id, KernelKind kind,
                                                std::span<const std::uint32_t> devices) const {
  auto found = table_.sketch_of(kernel_id, kind, devices);
  if (!found) return std::nullopt;
  return std::move(found->sketch);
}

std::optional<Percentiles> Monitor::percentiles_of(std::uint64_t kernel_id, KernelKind kind,
                                                   std::span<const std::uint32_t> devices) const {
  const auto found = table_.sketch_of(kernel_id, kind, devices);
  if (!found) return std::nullopt;
  return percentiles(found->sketch, found->min_ns, found->max_ns);
}

}  // namespace gpuvigil
