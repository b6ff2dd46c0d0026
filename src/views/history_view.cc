// SPDX-License-Identifier: Apache-2.0
#include "views/history_view.h"

#include <algorithm>
#include <cmath>

#include "model/metric.h"
#include "views/json_parts.h"

namespace gpuvigil {
namespace {

using namespace detail;

constexpr unsigned kSlopePlaces = 9;
constexpr unsigned kRatioPlaces = 6;

const DeviceRow* find_row(const Frame& frame, std::string_view uuid) {
  const auto row = std::ranges::find_if(
      frame.devices, [uuid](const DeviceRow& one) { return one.info && one.info->uuid == uuid; });
  return row == frame.devices.end() ? nullptr : &*row;
}

/// A device that is not there any more has no index.
void write_device(JsonWriter& json, const Frame& frame, std::string_view uuid) {
  const DeviceRow* row = find_row(frame, uuid);
  json.key("device");
  row == nullptr ? json.null() : json.number(row->index);
  json.key("uuid");
  json.string(uuid);
}

Timestamp time_of(const HistoryAnswer& answer, std::size_t point) {
  return answer.first + static_cast<std::int64_t>(point) * answer.step;
}

/// All series have the same times: their text is made once.
std::string times_json(const HistoryAnswer& answer) {
  std::string out;
  JsonWriter json(out);
  json.begin_array();
  for (std::size_t i = 0; i < answer.points; ++i) json.timestamp(time_of(answer, i));
  json.end_array();
  json.finish();
  return out;
}

void write_optional(JsonWriter& json, std::string_view key, const std::optional<double>& value,
                    unsigned places) {
  json.key(key);
  value ? json.decimal(*value, places) : json.null();
}

void write_series(JsonWriter& json, const Frame& frame, const HistorySeries& series,
                  std::string_view times) {
  const Metric* metric = find_metric(series.metric);
  json.begin_object();
  json.key("metric");
  json.string(series.metric);
  json.key("unit");
  json.string(metric == nullptr ? "" : metric->unit);
  write_device(json, frame, series.uuid);
  json.key("times");
  json.raw(times);
  json.key("values");
  json.begin_array();
  for (const double value : series.values) json.exact(value);
  json.end_array();
  if (series.trend) {
    json.key("trend");
    json.begin_object();
    write_optional(json, "slope_per_hour", series.trend->slope_per_hour, kSlopePlaces);
    json.end_object();
  }
  json.end_object();
}

/// A field that a spreadsheet takes as text: quoted, and never a formula.
void put_field(std::string& out, std::string_view text) {
  const bool is_formula = !text.empty() && std::string_view("=+-@\t\r").contains(text.front());
  out += '"';
  if (is_formula) out += '\'';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace

std::string_view to_string(HistoryAggregate aggregate) {
  switch (aggregate) {
    case HistoryAggregate::kAverage:
      return "avg";
    case HistoryAggregate::kMin:
      return "min";
    case HistoryAggregate::kMax:
      return "max";
    case HistoryAggregate::kLast:
      return "last";
  }
  return "avg";
}

std::string history_json(const Frame& frame, const HistoryQuery& query,
                         const HistoryAnswer& answer) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_stamp(json, frame);
  write_window(
      json,
      {.from = answer.first, .to = time_of(answer, answer.points), .coverage = answer.coverage});
  json.key("step_ms");
  json.milliseconds(static_cast<std::uint64_t>(answer.step.count()));
  json.key("agg");
  json.string(to_string(query.aggregate));
  json.key("series");
  json.begin_array();
  const std::string times = times_json(answer);
  for (const HistorySeries& series : answer.series) write_series(json, frame, series, times);
  json.end_array();
  if (query.wants_trend) {
    json.key("availability");
    json.begin_array();
    for (const DeviceAvailability& device : answer.availability) {
      json.begin_object();
      write_device(json, frame, device.uuid);
      write_optional(json, "availability_ratio", device.ratio, kRatioPlaces);
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  json.finish();
  return out;
}

std::string history_csv(const Frame& frame, const HistoryAnswer& answer) {
  std::string out = "timestamp,metric,unit,device,uuid,value\r\n";
  for (const HistorySeries& series : answer.series) {
    const Metric* metric = find_metric(series.metric);
    const DeviceRow* row = find_row(frame, series.uuid);
    std::string middle = "," + series.metric + ",";
    middle += metric == nullptr ? "" : metric->unit;
    middle += "," + (row == nullptr ? "" : std::to_string(row->index)) + ",";
    put_field(middle, series.uuid);
    middle += ',';
    for (std::size_t i = 0; i < series.values.size(); ++i) {
      if (!std::isfinite(series.values[i])) continue;
      std::string cell;
      JsonWriter json(cell);
      json.timestamp(time_of(answer, i));
      json.finish();
      out.append(cell, 1, cell.size() - 2);  // a time needs no quotes
      out += middle;
      cell.clear();
      JsonWriter number(cell);
      number.exact(series.values[i]);
      number.finish();
      out += cell;
      out += "\r\n";
    }
  }
  return out;
}

}  // namespace gpuvigil
