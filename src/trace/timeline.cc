// SPDX-License-Identifier: Apache-2.0
#include "trace/timeline.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "base/assert.h"

namespace gpuvigil {
namespace {

constexpr std::int64_t kDayNs = 86'400'000'000'000;
constexpr std::int64_t kMaxLengthNs = 366 * kDayNs;
constexpr std::int64_t kMaxApartNs = 7 * kDayNs;
constexpr std::size_t kMaxDevicesEver = std::size_t{1} << 22U;  // what fits in a series' key

__extension__ using Int128 = __int128;

std::uint64_t series_key(const TimelineSeries& series) {
  return std::uint64_t{series.name} << 24U | std::uint64_t{series.device} << 2U |
         static_cast<std::uint64_t>(series.kind);
}

}  // namespace

TraceSink& TimelineBuilder::recording_begins(const std::string& name, std::uint64_t file_id) {
  recordings_.push_back({.name = name,
                         .file_id = file_id,
                         .file = file_,
                         .first_device = static_cast<std::uint32_t>(timeline_.devices.size()),
                         .base_unix_ns = 0});
  return *this;
}

void TimelineBuilder::extend(std::int64_t from_ns, std::int64_t to_ns) {
  Recording& recording = recordings_.back();
  recording.first_ns = std::min(recording.first_ns, from_ns);
  recording.last_ns = std::max(recording.last_ns, to_ns);
}

void TimelineBuilder::recording_ends(const TraceSummary& summary) {
  Recording& recording = recordings_.back();
  recording.base_unix_ns = summary.base_unix_ns;
  if (summary.first_ns && summary.last_ns) extend(*summary.first_ns, *summary.last_ns);
  for (std::uint32_t dense = 0; dense < summary.devices.size(); ++dense) {
    if (const auto device = device_of(dense)) {
      timeline_.devices[*device].known = summary.devices[dense];
    }
  }
  timeline_.summaries.push_back(summary);
}

std::optional<std::uint32_t> TimelineBuilder::device_of(std::uint32_t dense) {
  const std::size_t device = std::size_t{recordings_.back().first_device} + dense;
  if (device >= std::min(limits_.devices, kMaxDevicesEver)) {
    too_many_devices_ = true;
    return std::nullopt;
  }
  while (timeline_.devices.size() <= device) {
    timeline_.devices.push_back({.known = {}, .file_id = recordings_.back().file_id});
    recording_of_device_.push_back(static_cast<std::uint32_t>(recordings_.size() - 1));
  }
  return static_cast<std::uint32_t>(device);
}

std::optional<std::uint32_t> TimelineBuilder::name_of(std::string_view name) {
  if (name.size() > kMaxKernelNameBytes) {
    return name_of(make_kernel_name(name)->name);  // the identity that it will have anyway
  }
  if (const auto known = name_index_.find(name); known != name_index_.end()) return known->second;
  if (name_bytes_ + name.size() > limits_.name_bytes) {
    too_many_names_ = true;
    return std::nullopt;
  }
  name_bytes_ += name.size() + sizeof(std::string);
  const auto index = static_cast<std::uint32_t>(timeline_.names.size());
  timeline_.names.emplace_back(name);
  name_index_.emplace(timeline_.names.back(), index);
  return index;
}

void TimelineBuilder::execution(const TraceExecution& execution) {
  GPUVIGIL_ASSERT(execution.duration_ns >= 0);
  ++executions_seen_;
  if (executions_seen_ > limits_.executions) return;  // build() will refuse
  const auto device = device_of(execution.device);
  const auto name = name_of(execution.name);
  if (!device || !name) return;
  const TimelineSeries series{.name = *name, .device = *device, .kind = execution.kind};
  const auto [found, is_new] = series_index_.try_emplace(
      series_key(series), static_cast<std::uint32_t>(timeline_.series.size()));
  if (is_new) timeline_.series.push_back(series);
  timeline_.executions.push_back({.start_ns = execution.start_ns,
                                  .duration_ns = execution.duration_ns,
                                  .series = found->second});
  extend(execution.start_ns, execution.start_ns + execution.duration_ns);
}

void TimelineBuilder::memory(const TraceMemory& memory) {
  const auto device = device_of(memory.device);
  if (!device) return;
  if (timeline_.memory.size() >= limits_.memory_readings) thin_memory();
  timeline_.memory.push_back(
      {.at_ns = memory.at_ns, .allocated_bytes = memory.allocated_bytes, .device = *device});
  extend(memory.at_ns, memory.at_ns);
}

/// Keeps the last reading of each device and step of time, and makes the step longer until half
/// of the room is free. A frame shows one reading of a device, so nothing that is seen is lost
/// before the steps become as long as frames.
void TimelineBuilder::thin_memory() {
  auto& readings = timeline_.memory;
  std::ranges::stable_sort(readings, {}, [](const TimelineMemory& reading) {
    return std::pair(reading.device, reading.at_ns);
  });
  for (;; memory_step_ns_ *= 2) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < readings.size(); ++i) {
      const bool is_last_of_step =
          i + 1 == readings.size() || readings[i + 1].device != readings[i].device ||
          readings[i + 1].at_ns / memory_step_ns_ != readings[i].at_ns / memory_step_ns_;
      if (is_last_of_step) readings[kept++] = readings[i];
    }
    readings.resize(kept);
    if (kept <= limits_.memory_readings / 2 || memory_step_ns_ > kMaxLengthNs) return;
  }
}

Result<void> TimelineBuilder::check_limits() const {
  if (executions_seen_ > limits_.executions) {
    return fail(Errc::kTooLarge,
                fmt::format("{}: {} executions are more than the {} that a replay holds in memory; "
                            "replay fewer files, or read them with --trace",
                            recordings_.back().name, executions_seen_, limits_.executions));
  }
  if (too_many_names_) {
    return fail(Errc::kTooLarge,
                fmt::format("{}: more than {} MiB of distinct kernel names; replay fewer files",
                            recordings_.back().name, limits_.name_bytes >> 20U));
  }
  if (too_many_devices_) {
    return fail(Errc::kTooLarge, fmt::format("{}: more than {} devices; replay fewer files",
                                             recordings_.back().name, limits_.devices));
  }
  if (timeline_.executions.empty()) {
    return fail(Errc::kInvalidArgument,
                recordings_.empty()
                    ? std::string("no recording to replay")
                    : fmt::format("{}: holds no GPU work to replay", recordings_.back().name));
  }
  return {};
}

Result<void> TimelineBuilder::align_recordings(ReplayAlign align) {
  const Recording* earliest = nullptr;
  const auto wall = [](const Recording& r) { return Int128{r.base_unix_ns} + r.first_ns; };
  for (const Recording& recording : recordings_) {
    if (!recording.has_events()) continue;
    if (Int128{recording.last_ns} - recording.first_ns > kMaxLengthNs) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("{}: its times span more than a year", recording.name));
    }
    if (earliest == nullptr || wall(recording) < wall(*earliest)) earliest = &recording;
  }
  for (Recording& recording : recordings_) {
    if (!recording.has_events()) continue;
    std::int64_t begin = 0;
    if (align == ReplayAlign::kWall) {
      const Int128 apart = wall(recording) - wall(*earliest);
      if (apart > kMaxApartNs) {
        return fail(
            Errc::kInvalidArgument,
            fmt::format("{} begins {} days after {}; replay them with --align start",
                        recording.name, static_cast<std::int64_t>(apart / kDayNs), earliest->name));
      }
      begin = static_cast<std::int64_t>(apart);
    }
    // Both operands may lie far out; the difference wraps and comes back with the shifted time.
    recording.shift_ns = static_cast<std::int64_t>(static_cast<std::uint64_t>(begin) -
                                                   static_cast<std::uint64_t>(recording.first_ns));
    const std::int64_t length = recording.last_ns - recording.first_ns;
    timeline_.length_ns = std::max(timeline_.length_ns, begin + length);
    for (std::size_t i = 0; i < timeline_.devices.size(); ++i) {
      if (&recordings_[recording_of_device_[i]] != &recording) continue;
      timeline_.devices[i].from_ns = begin;
      timeline_.devices[i].to_ns = begin + length;
    }
  }
  return {};
}

void TimelineBuilder::shift_times() {
  const auto shifted = [this](std::int64_t at, std::uint32_t device) {
    const std::int64_t shift = recordings_[recording_of_device_[device]].shift_ns;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(at) +
                                     static_cast<std::uint64_t>(shift));
  };
  for (TimelineExecution& execution : timeline_.executions) {
    const std::uint32_t device = timeline_.series[execution.series].device;
    execution.start_ns = shifted(execution.start_ns, device);
  }
  for (TimelineMemory& reading : timeline_.memory) {
    reading.at_ns = shifted(reading.at_ns, reading.device);
  }
  std::ranges::sort(timeline_.executions, {}, [](const TimelineExecution& execution) {
    return std::tuple(execution.start_ns, execution.duration_ns, execution.series);
  });
  std::ranges::stable_sort(timeline_.memory, {}, &TimelineMemory::at_ns);
}

void TimelineBuilder::order_devices() {
  std::vector<std::uint32_t> order(timeline_.devices.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, [this](std::uint32_t a, std::uint32_t b) {
    const Recording& of_a = recordings_[recording_of_device_[a]];
    const Recording& of_b = recordings_[recording_of_device_[b]];
    if (of_a.file != of_b.file) return of_a.file < of_b.file;
    const int names = ::strverscmp(of_a.name.c_str(), of_b.name.c_str());
    if (names != 0) return names < 0;
    return timeline_.devices[a].known.recorded_number < timeline_.devices[b].known.recorded_number;
  });
  std::vector<TimelineDevice> devices;
  std::vector<std::uint32_t> place(order.size());
  for (const std::uint32_t old : order) {
    place[old] = static_cast<std::uint32_t>(devices.size());
    devices.push_back(std::move(timeline_.devices[old]));
  }
  timeline_.devices = std::move(devices);
  for (TimelineSeries& series : timeline_.series) series.device = place[series.device];
  for (TimelineMemory& reading : timeline_.memory) reading.device = place[reading.device];
}

Result<Timeline> TimelineBuilder::build(ReplayAlign align) && {
  GPUVIGIL_CHECK(check_limits());
  GPUVIGIL_CHECK(align_recordings(align));
  shift_times();
  order_devices();
  return std::move(timeline_);
}

}  // namespace gpuvigil
