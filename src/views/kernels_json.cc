// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <string>

#include "views/json_parts.h"
#include "views/json_views.h"

namespace gpuvigil {
namespace detail {
namespace {

/// A time that there is only once there are calls.
void write_time_of(JsonWriter& json, std::string_view key, std::uint64_t calls, std::uint64_t ns) {
  json.key(key);
  if (calls == 0) {
    json.null();
  } else {
    json.milliseconds(ns);
  }
}

/// The numbers that a kernel has over all devices and on each of them alike.
void write_times(JsonWriter& json, const KernelCounters& counters, const Percentiles& times,
                 Timestamp last_end) {
  const std::uint64_t calls = counters.calls;
  json.key("total_calls");
  json.number(calls);
  write_time_of(json, "avg_time_ms", calls, calls == 0 ? 0 : rounded_mean(counters.sum_ns, calls));
  json.key("total_time_ms");
  json.milliseconds(counters.sum_ns);
  write_time_of(json, "min_time_ms", calls, counters.min_ns);
  write_time_of(json, "max_time_ms", calls, counters.max_ns);
  write_time_of(json, "p50_time_ms", calls, times.p50_ns);
  write_time_of(json, "p95_time_ms", calls, times.p95_ns);
  write_time_of(json, "p99_time_ms", calls, times.p99_ns);
  write_time_of(json, "stddev_time_ms", calls,
                static_cast<std::uint64_t>(std::llround(stddev_ns(counters))));
  json.key("avg_memory_mb");
  if (counters.memory_calls == 0) {
    json.null();
  } else {
    json.mebibytes(Bytes(rounded_mean(counters.memory_bytes, counters.memory_calls)));
  }
  json.key("last_execution");
  if (calls == 0) {
    json.null();
  } else {
    json.timestamp(last_end);
  }
}

void write_histogram(JsonWriter& json, const LatencySketch& sketch) {
  json.begin_object();
  json.key("scheme");
  json.number(SketchScheme::kNumber);
  json.key("buckets");
  json.begin_array();
  sketch.for_each([&](std::uint32_t bucket, std::uint32_t count) {
    json.begin_object();
    json.key("from_ms");
    json.milliseconds(SketchScheme::low(bucket));
    json.key("to_ms");
    if (bucket == SketchScheme::kOverflow) {
      json.null();
    } else {
      json.milliseconds(SketchScheme::end(bucket));
    }
    json.key("count");
    json.number(count);
    json.end_object();
  });
  json.end_array();
  json.end_object();
}

void write_device_split(JsonWriter& json, const KernelDetail& detail) {
  json.begin_array();
  for (const SeriesRow& row : detail.devices) {
    json.begin_object();
    json.key("device");
    json.number(row.device);
    write_times(json, row.counters, row.percentiles, row.last_end);
    json.end_object();
  }
  json.end_array();
}

/// Null where no process reports itself.
void write_process_split(JsonWriter& json, const KernelDetail& detail) {
  if (detail.processes.empty()) return json.null();
  json.begin_array();
  for (const ProcessShare& share : detail.processes) {
    json.begin_object();
    json.key("pid");
    json.number(share.pid);
    json.key("running");
    json.boolean(share.is_living);
    json.key("total_calls");
    json.number(share.counters.calls);
    json.key("avg_time_ms");
    json.milliseconds(rounded_mean(share.counters.sum_ns, share.counters.calls));
    json.key("total_time_ms");
    json.milliseconds(share.counters.sum_ns);
    json.key("min_time_ms");
    json.milliseconds(share.counters.min_ns);
    json.key("max_time_ms");
    json.milliseconds(share.counters.max_ns);
    json.end_object();
  }
  json.end_array();
}

void write_last_executions(JsonWriter& json, const Frame& frame, const KernelStats& stats) {
  constexpr std::size_t kMost = 100;
  json.begin_array();
  std::size_t written = 0;
  for (const RecentExecution& execution : frame.recent) {
    const bool same = execution.name->id == stats.name->id && execution.kind == stats.kind &&
                      std::ranges::find(stats.devices, execution.device) != stats.devices.end();
    if (!same) continue;
    if (written++ == kMost) break;
    json.begin_object();
    json.key("timestamp");
    json.timestamp(execution.end);
    json.key("duration_ms");
    json.milliseconds(static_cast<std::uint64_t>(execution.duration.count()));
    json.key("device");
    json.number(execution.device);
    json.key("memory_mb");
    if (execution.memory) {
      json.mebibytes(*execution.memory);
    } else {
      json.null();
    }
    json.end_object();
  }
  json.end_array();
}

}  // namespace

void write_kernel_fields(JsonWriter& json, const KernelStats& stats) {
  json.key("id");
  json.hex_id(stats.name->id);
  json.key("name");
  json.string(stats.name->name);
  json.key("short_name");
  json.string(stats.name->short_name);
  write_times(json, stats.counters, stats.percentiles, stats.last_end);
  json.key("share_percent");
  json.decimal(stats.share_percent, kSharePlaces);
  json.key("kind");
  json.string(to_string(stats.kind));
  json.key("devices");
  json.begin_array();
  for (const std::uint32_t device : stats.devices) json.number(device);
  json.end_array();
}

void write_kernel(JsonWriter& json, const KernelStats& stats) {
  json.begin_object();
  write_kernel_fields(json, stats);
  json.end_object();
}

void write_window(JsonWriter& json, const CoveredWindow& window) {
  json.key("window");
  json.begin_object();
  json.key("from");
  json.timestamp(window.from);
  json.key("to");
  json.timestamp(window.to);
  json.key("coverage");
  json.decimal(window.coverage, kSharePlaces);
  json.end_object();
}

}  // namespace detail

using namespace detail;

std::string kernels_json(const Frame& frame, const KernelList& list) {
  std::string out;
  out.reserve(512 + list.rows.size() * 640);
  JsonWriter json(out);
  json.begin_object();
  write_stamp(json, frame);
  json.key("kernels");
  json.begin_array();
  for (const KernelStats& stats : list.rows) write_kernel(json, stats);
  json.end_array();
  json.key("total_kernels");
  json.number(list.total_kernels);
  json.key("dropped_executions");
  json.number(frame.losses.dropped_executions());
  write_window(json, list.window);
  if (!list.reason.empty()) {
    json.key("reason");
    json.string(list.reason);
  }
  json.end_object();
  json.finish();
  return out;
}

std::string kernel_detail_json(const Frame& frame, const KernelDetail& detail) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_stamp(json, frame);
  write_kernel_fields(json, detail.stats);
  json.key("histogram");
  write_histogram(json, detail.sketch);
  json.key("per_device");
  write_device_split(json, detail);
  json.key("per_process");
  write_process_split(json, detail);
  json.key("launch_shapes");
  json.null();
  ReasonsWriter reasons(json);
  if (detail.processes.empty()) {
    reasons.add_reason("per_process", to_string(Missing::kUnsupported));
  }
  reasons.add_reason("launch_shapes", to_string(Missing::kUnsupported));
  reasons.end();
  json.key("last_executions");
  write_last_executions(json, frame, detail.stats);
  write_window(json, detail.window);
  json.end_object();
  json.finish();
  return out;
}

}  // namespace gpuvigil
