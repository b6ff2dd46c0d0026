// SPDX-License-Identifier: Apache-2.0
#include "views/kernel_history_view.h"

#include <array>
#include <cmath>
#include <optional>
#include <string_view>

#include "views/json_parts.h"
#include "views/summary.h"

namespace gpuvigil {
namespace {

using namespace detail;

/// A time of a step, in nanoseconds.
struct TimeColumn {
  std::string_view name;
  std::uint64_t (*read)(const KernelPoint& point);
};

/// Of a step in which it ran.
constexpr std::array kTimes = {
    TimeColumn{
        "avg_time_ms",
        [](const KernelPoint& p) { return rounded_mean(p.counters.sum_ns, p.counters.calls); }},
    TimeColumn{"min_time_ms", [](const KernelPoint& p) { return p.counters.min_ns; }},
    TimeColumn{"max_time_ms", [](const KernelPoint& p) { return p.counters.max_ns; }},
    TimeColumn{"p50_time_ms", [](const KernelPoint& p) { return p.percentiles.p50_ns; }},
    TimeColumn{"p95_time_ms", [](const KernelPoint& p) { return p.percentiles.p95_ns; }},
    TimeColumn{"p99_time_ms", [](const KernelPoint& p) { return p.percentiles.p99_ns; }},
    TimeColumn{"stddev_time_ms",
               [](const KernelPoint& p) {
                 return static_cast<std::uint64_t>(std::llround(stddev_ns(p.counters)));
               }},
};

void write_time(JsonWriter& json, const KernelPoint& point, const TimeColumn& column) {
  point.counters.calls == 0 ? json.null() : json.milliseconds(column.read(point));
}

void write_memory(JsonWriter& json, const KernelCounters& counters) {
  if (counters.memory_calls == 0) return json.null();
  json.mebibytes(Bytes(rounded_mean(counters.memory_bytes, counters.memory_calls)));
}

template <class Write>
void write_column(JsonWriter& json, std::string_view key, const KernelHistory& history,
                  Write write) {
  json.key(key);
  json.begin_array();
  for (const KernelPoint& point : history.points) {
    point.is_covered ? write(point) : json.null();
  }
  json.end_array();
}

void write_total(JsonWriter& json, const KernelPoint& total) {
  json.begin_object();
  json.key("total_calls");
  json.number(total.counters.calls);
  json.key("total_time_ms");
  json.milliseconds(total.counters.sum_ns);
  for (const TimeColumn& column : kTimes) {
    json.key(column.name);
    write_time(json, total, column);
  }
  json.key("avg_memory_mb");
  write_memory(json, total.counters);
  json.end_object();
}

Timestamp time_of(const KernelHistory& history, std::size_t point) {
  return history.first + static_cast<std::int64_t>(point) * history.step;
}

/// One value as JSON has it; without the quotes of a time.
template <class Write>
void put_cell(std::string& out, Write write) {
  std::string cell;
  JsonWriter json(cell);
  write(json);
  json.finish();
  if (cell == "null") return;
  const bool is_quoted = cell.starts_with('"');
  out.append(cell, is_quoted ? 1 : 0, is_quoted ? cell.size() - 2 : cell.size());
}

}  // namespace

std::string kernel_history_json(const Frame& frame, const KernelHistory& history) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_stamp(json, frame);
  write_window(json, {.from = history.first,
                      .to = time_of(history, history.points.size()),
                      .coverage = history.coverage});
  json.key("step_ms");
  json.milliseconds(static_cast<std::uint64_t>(history.step.count()));
  json.key("id");
  json.string(format_kernel_id(history.name->id));
  json.key("name");
  json.string(history.name->name);
  json.key("short_name");
  json.string(history.name->short_name);
  json.key("kind");
  json.string(to_string(history.kind));
  json.key("times");
  json.begin_array();
  for (std::size_t i = 0; i < history.points.size(); ++i) json.timestamp(time_of(history, i));
  json.end_array();
  write_column(json, "calls", history,
               [&](const KernelPoint& p) { json.number(p.counters.calls); });
  write_column(json, "total_time_ms", history,
               [&](const KernelPoint& p) { json.milliseconds(p.counters.sum_ns); });
  for (const TimeColumn& column : kTimes) {
    write_column(json, column.name, history,
                 [&](const KernelPoint& p) { write_time(json, p, column); });
  }
  write_column(json, "avg_memory_mb", history,
               [&](const KernelPoint& p) { write_memory(json, p.counters); });
  json.key("total");
  write_total(json, history.total);
  json.end_object();
  json.finish();
  return out;
}

std::string kernel_history_csv(const KernelHistory& history) {
  std::string out = "timestamp,id,kind,calls,total_time_ms";
  for (const TimeColumn& column : kTimes) out.append(",").append(column.name);
  out += ",avg_memory_mb\r\n";
  for (std::size_t i = 0; i < history.points.size(); ++i) {
    const KernelPoint& point = history.points[i];
    if (!point.is_covered) continue;
    put_cell(out, [&](JsonWriter& json) { json.timestamp(time_of(history, i)); });
    out.append(",").append(format_kernel_id(history.name->id));
    out.append(",").append(to_string(history.kind)).append(",");
    put_cell(out, [&](JsonWriter& json) { json.number(point.counters.calls); });
    out += ',';
    put_cell(out, [&](JsonWriter& json) { json.milliseconds(point.counters.sum_ns); });
    for (const TimeColumn& column : kTimes) {
      out += ',';
      put_cell(out, [&](JsonWriter& json) { write_time(json, point, column); });
    }
    out += ',';
    put_cell(out, [&](JsonWriter& json) { write_memory(json, point.counters); });
    out += "\r\n";
  }
  return out;
}

}  // namespace gpuvigil
