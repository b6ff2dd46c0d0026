// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <fmt/format.h>

#include "model/alert_json.h"
#include "views/json_parts.h"
#include "views/json_views.h"

namespace gpuvigil {
namespace {

using namespace detail;

void write_recent(JsonWriter& json, const RecentExecution& execution) {
  json.begin_object();
  json.key("name");
  json.string(execution.name->name);
  json.key("duration_ms");
  json.milliseconds(static_cast<std::uint64_t>(execution.duration.count()));
  json.key("id");
  json.hex_id(execution.name->id);
  json.key("device");
  json.number(execution.device);
  json.key("timestamp");
  json.timestamp(execution.end);
  json.end_object();
}

void write_device_metrics(JsonWriter& json, const DeviceRow& row) {
  json.begin_object();
  json.key("index");
  json.number(row.index);
  json.key("gpu_utilization");
  write_percent(json, shown_utilization(row));
  json.key("memory_used_mb");
  write_bytes(json, row.sample.memory_used);
  json.key("power_watts");
  write_sensor(json, row.sample.power);
  json.key("temperature_celsius");
  write_sensor(json, row.sample.temperature);
  json.end_object();
}

}  // namespace

std::string begin_metrics_json(const Frame& frame, const StreamView& view) {
  const auto devices = selected_devices(frame, view.devices);
  const MachineTotals totals = total_of(devices);
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("type");
  json.string("gpu_metrics");
  write_stamp(json, frame);
  json.key("gpu_utilization");
  write_percent(json, totals.utilization);
  json.key("memory_used_mb");
  write_bytes(json, totals.memory_used);
  json.key("recent_kernels");
  json.begin_array();
  for (const RecentExecution* execution : view.recent) write_recent(json, *execution);
  json.end_array();
  json.key("devices");
  json.begin_array();
  for (const DeviceRow* row : devices) write_device_metrics(json, *row);
  json.end_array();
  json.end_object();
  json.finish();
  out.pop_back();  // the brace comes back with end_metrics_json()
  return out;
}

void end_metrics_json(std::string& message, std::uint64_t dropped) {
  fmt::format_to(std::back_inserter(message), ",\"dropped\":{}}}", dropped);
}

std::string alert_json(const Alert& alert) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("type");
  json.string("alert");
  json.key("alert");
  write_alert(json, alert);
  json.end_object();
  json.finish();
  return out;
}

}  // namespace gpuvigil
