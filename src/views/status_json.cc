// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "views/json_parts.h"
#include "views/json_views.h"

namespace gpuvigil {
namespace detail {
namespace {

void write_memory(JsonWriter& json, const Reading<Bytes>& used, const Reading<Bytes>& total,
                  const Reading<Percent>& percent) {
  json.key("memory");
  json.begin_object();
  json.key("used_mb");
  write_bytes(json, used);
  json.key("total_mb");
  write_bytes(json, total);
  json.key("percent");
  write_percent(json, percent);
  ReasonsWriter reasons(json);
  reasons.add("used_mb", used);
  reasons.add("total_mb", total);
  reasons.add("percent", percent);
  reasons.end();
  json.end_object();
}

void write_throttle_reasons(JsonWriter& json, const Reading<std::uint32_t>& bits) {
  if (!bits) return json.null();
  json.begin_array();
  for (const ThrottleReason& reason : kThrottleReasons) {
    if ((*bits & reason.bit) != 0) json.string(reason.name);
  }
  json.end_array();
}

void write_device_reasons(JsonWriter& json, const DeviceRow& row) {
  const DeviceSample& sample = row.sample;
  ReasonsWriter reasons(json);
  reasons.add("gpu_utilization", shown_utilization(row));
  reasons.add("kernel_busy_percent", row.kernel_busy);
  reasons.add("temperature_celsius", sample.temperature);
  reasons.add("power_watts", sample.power);
  reasons.add("power_limit_watts", sample.power_limit);
  reasons.add("sm_clock_mhz", sample.sm_clock);
  reasons.add("memory_clock_mhz", sample.memory_clock);
  reasons.add("throttle_reasons", sample.throttle_reasons);
  reasons.add("processes", sample.processes);
  reasons.end();
}

}  // namespace

void write_device_fields(JsonWriter& json, const DeviceRow& row) {
  const DeviceSample& sample = row.sample;
  json.key("index");
  json.number(row.index);
  json.key("uuid");
  json.string(row.info->uuid);
  json.key("name");
  if (row.info->name.empty()) {
    json.null();
  } else {
    json.string(row.info->name);
  }
  json.key("gpu_utilization");
  write_percent(json, shown_utilization(row));
  json.key("kernel_busy_percent");
  write_percent(json, row.kernel_busy);
  write_memory(json, sample.memory_used, sample.memory_total,
               memory_percent(sample.memory_used, sample.memory_total));
  json.key("temperature_celsius");
  write_sensor(json, sample.temperature);
  json.key("power_watts");
  write_sensor(json, sample.power);
  json.key("power_limit_watts");
  write_sensor(json, sample.power_limit);
  json.key("sm_clock_mhz");
  write_sensor(json, sample.sm_clock);
  json.key("memory_clock_mhz");
  write_sensor(json, sample.memory_clock);
  json.key("throttle_reasons");
  write_throttle_reasons(json, sample.throttle_reasons);
  json.key("health");
  json.string(to_string(sample.health));
  json.key("source");
  json.string(row.info->source);
  json.key("processes");
  if (sample.processes) {
    json.number(*sample.processes);
  } else {
    json.null();
  }
  write_device_reasons(json, row);
}

void write_no_device(JsonWriter& json, const Frame& frame) {
  json.key("reason");
  json.string(frame.no_device_reason.empty() ? "no GPU is known" : frame.no_device_reason);
}

void write_stamp(JsonWriter& json, const Frame& frame) {
  json.key("timestamp");
  json.timestamp(frame.edge);
  json.key("seq");
  json.number(frame.seq);
  if (is_demo(frame)) {  // on every answer, so that none can be taken for a measurement
    json.key("demo");
    json.boolean(true);
  }
}

void write_percent(JsonWriter& json, const Reading<Percent>& reading) {
  if (!reading) return json.null();
  json.decimal(reading->count(), kPercentPlaces);
}

void write_bytes(JsonWriter& json, const Reading<Bytes>& reading) {
  if (!reading) return json.null();
  json.mebibytes(*reading);
}

void write_status(JsonWriter& json, const Frame& frame, const DeviceSelection& selection) {
  const auto devices = selected_devices(frame, selection);
  const MachineTotals totals = total_of(devices);
  json.begin_object();
  write_stamp(json, frame);
  json.key("gpu_utilization");
  write_percent(json, totals.utilization);
  write_memory(json, totals.memory_used, totals.memory_total, totals.memory_percent);
  json.key("uptime_seconds");
  json.number(uptime_seconds(frame));
  json.key("devices");
  json.begin_array();
  for (const DeviceRow* row : devices) {
    json.begin_object();
    write_device_fields(json, *row);
    json.end_object();
  }
  json.end_array();
  if (devices.empty()) {
    write_no_device(json, frame);
  } else {
    ReasonsWriter reasons(json);
    reasons.add("gpu_utilization", totals.utilization);
    reasons.end();
  }
  json.end_object();
}

}  // namespace detail

std::string status_json(const Frame& frame, const DeviceSelection& selection) {
  std::string out;
  out.reserve(512 + frame.devices.size() * 768);
  JsonWriter json(out);
  detail::write_status(json, frame, selection);
  json.finish();
  return out;
}

}  // namespace gpuvigil
