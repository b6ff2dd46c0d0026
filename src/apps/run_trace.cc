// SPDX-License-Identifier: Apache-2.0
#include "apps/run_trace.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/version.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{256} << 10U;
constexpr std::size_t kMostCaptures = 4096;
constexpr std::int64_t kNsPerUs = 1000;

std::string_view category(KernelKind kind) {
  switch (kind) {
    case KernelKind::kCompute:
    case KernelKind::kCollective:
      return "kernel";
    case KernelKind::kMemcpy:
      return "gpu_memcpy";
    case KernelKind::kMemset:
      return "gpu_memset";
  }
  return "kernel";
}

/// Rows of a device on which nothing overlaps: the first that is free takes the next execution.
class Lanes {
 public:
  std::uint32_t take(std::int64_t start, std::int64_t end) {
    if (!busy_.empty() && busy_.top().first <= start) {
      const std::uint32_t lane = busy_.top().second;
      busy_.pop();
      busy_.emplace(end, lane);
      return lane;
    }
    const auto lane = static_cast<std::uint32_t>(busy_.size());
    busy_.emplace(end, lane);
    return lane;
  }

 private:
  using Busy = std::pair<std::int64_t, std::uint32_t>;  ///< Until when, and which.
  std::priority_queue<Busy, std::vector<Busy>, std::greater<>> busy_;
};

std::string microseconds(std::uint64_t ns) {
  return fmt::format("{}.{:03}", ns / kNsPerUs, ns % kNsPerUs);
}

void append_event(std::string& out, const ExecutionLog::Series& series, std::uint32_t lane,
                  std::uint64_t since_base_ns, std::uint64_t duration_ns) {
  std::string event;
  JsonWriter json(event);
  json.begin_object();
  json.key("ph");
  json.string("X");
  json.key("cat");
  json.string(category(series.kind));
  json.key("name");
  json.string(series.name);
  json.key("pid");
  json.number(series.device);
  json.key("tid");
  json.number(lane);
  json.key("ts");
  json.raw(microseconds(since_base_ns));
  json.key("dur");
  json.raw(microseconds(duration_ns));
  json.key("args");
  json.begin_object();
  json.key("device");
  json.number(series.device);
  json.end_object();
  json.end_object();
  json.finish();
  out += event;
}

/// All before the events: what is in it and what is not.
std::string head(const Frame& frame, const TraceCounts& counts, std::int64_t base_ns) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("displayTimeUnit");
  json.string("ms");
  json.key("baseTimeNanoseconds");
  json.number(static_cast<std::uint64_t>(base_ns));
  json.key("otherData");
  json.begin_object();
  json.key("writer");
  json.string(fmt::format("gpuvigil {}", version()));
  json.key("executions");
  json.number(counts.total);
  json.key("executions_in_this_file");
  json.number(counts.in_file);
  json.key("executions_not_in_this_file");
  json.number(counts.total - std::min(counts.total, counts.in_file));
  json.end_object();
  json.key("deviceProperties");
  json.begin_array();
  for (const DeviceRow& row : frame.devices) {
    json.begin_object();
    json.key("id");
    json.number(row.index);
    json.key("name");
    json.string(row.info->name);
    json.key("uuid");
    json.string(row.info->uuid);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  json.finish();
  out.pop_back();  // the events come before its brace
  return out + ",\"traceEvents\":[\n";
}

std::string name_of_process(const DeviceRow& row) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("ph");
  json.string("M");
  json.key("name");
  json.string("process_name");
  json.key("pid");
  json.number(row.index);
  json.key("args");
  json.begin_object();
  json.key("name");
  json.string(fmt::format("GPU {}: {}", row.index, row.info->name));
  json.end_object();
  json.end_object();
  json.finish();
  return out;
}

}  // namespace

void ExecutionLog::process(OwnerId owner, std::uint32_t pid, const CaptureState& state) {
  if (captures_.size() < kMostCaptures || captures_.contains(owner)) captures_[owner] = state;
  next_.process(owner, pid, state);
}

SeriesSlot ExecutionLog::series(OwnerId owner, DeviceSlot device, std::string_view recorded_name,
                                KernelKind kind) {
  const SeriesSlot slot = next_.series(owner, device, recorded_name, kind);
  if (most_ == 0) return slot;
  const auto index = static_cast<std::uint32_t>(device);
  const auto [known, is_new] = newest_.try_emplace(static_cast<std::uint32_t>(slot), 0);
  if (!is_new) {
    const Series& same = series_[known->second];
    if (same.name == recorded_name && same.kind == kind && same.device == index) return slot;
  }
  known->second = static_cast<std::uint32_t>(series_.size());
  series_.push_back({.name = std::string(recorded_name), .kind = kind, .device = index});
  return slot;
}

void ExecutionLog::execution(SeriesSlot series, const Execution& execution) {
  keep(series, execution);
  next_.execution(series, execution);
}

void ExecutionLog::recent(SeriesSlot series, const Execution& execution) {
  keep(series, execution);
  next_.recent(series, execution);
}

void ExecutionLog::keep(SeriesSlot series, const Execution& execution) {
  if (executions_.size() >= most_) return;
  const auto known = newest_.find(static_cast<std::uint32_t>(series));
  if (known == newest_.end()) return;
  const Timestamp start = execution.start.value_or(execution.end - execution.duration);
  executions_.push_back({.series = known->second,
                         .start_ns = start.time_since_epoch().count(),
                         .duration_ns = static_cast<std::uint64_t>(execution.duration.count())});
}

std::vector<CaptureState> ExecutionLog::captures() const {
  std::vector<CaptureState> all;
  for (const auto& [owner, state] : captures_) all.push_back(state);
  return all;
}

Result<void> write_chrome_trace(const ExecutionLog& log, const Frame& frame,
                                const TraceCounts& counts,
                                const std::function<Result<void>(std::string_view)>& sink) {
  std::vector<TracedExecution> sorted = log.executions();
  std::ranges::sort(sorted, {}, &TracedExecution::start_ns);
  const std::int64_t base = sorted.empty() ? 0 : std::max<std::int64_t>(sorted.front().start_ns, 0);
  std::string text = head(frame, counts, base);
  std::string_view separator;
  for (const DeviceRow& row : frame.devices) {
    text += std::exchange(separator, ",\n");
    text += name_of_process(row);
  }
  std::map<std::uint32_t, Lanes> lanes;
  for (const TracedExecution& one : sorted) {
    const ExecutionLog::Series& series = log.series()[one.series];
    const std::int64_t start = std::max(one.start_ns, base);
    const std::int64_t end = start + static_cast<std::int64_t>(one.duration_ns);
    text += std::exchange(separator, ",\n");
    append_event(text, series, lanes[series.device].take(start, end),
                 static_cast<std::uint64_t>(start - base), one.duration_ns);
    if (text.size() < kPieceBytes) continue;
    GPUVIGIL_CHECK(sink(text));
    text.clear();
  }
  return sink(text + "\n]}\n");
}

}  // namespace gpuvigil
