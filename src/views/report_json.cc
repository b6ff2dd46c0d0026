// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "model/alert_json.h"
#include "model/alert_query.h"
#include "views/json_parts.h"
#include "views/json_views.h"

namespace gpuvigil {

namespace detail {

void write_losses(JsonWriter& json, const LossCounters& losses) {
  json.begin_object();
  for (const LossInfo& info : kLosses) {
    json.key(info.name);
    json.number(losses[info.loss]);
  }
  json.end_object();
}

}  // namespace detail
namespace detail {
namespace {

void write_optional_ms(JsonWriter& json, std::optional<std::uint64_t> ns) {
  if (!ns) return json.null();
  json.milliseconds(*ns);
}

void write_device_use(JsonWriter& json, const DeviceRow& row) {
  const Activity& activity = row.activity;
  json.begin_object();
  json.key("index");
  json.number(row.index);
  json.key("uuid");
  json.string(row.info->uuid);
  json.key("kernel_busy_ms");
  json.milliseconds(activity.kernel_busy_ns);
  json.key("gpu_busy_ms");
  json.milliseconds(activity.gpu_busy_ns);
  json.key("span_ms");
  write_optional_ms(json, span_ns(activity));
  json.key("covered_ms");
  json.milliseconds(activity.covered_ns);
  json.key("utilization_percent");
  if (const auto share = span_utilization(activity)) {
    json.decimal(*share, kSharePlaces);
  } else {
    json.null();
  }
  json.end_object();
}

void write_summary(JsonWriter& json, const Frame& frame) {
  const KernelSummary kernels = summarize_kernels(frame);
  json.begin_object();
  json.key("total_kernel_calls");
  json.number(kernels.calls);
  json.key("total_gpu_time_ms");
  json.milliseconds(kernels.time_ns);
  json.key("avg_kernel_time_ms");
  if (kernels.calls == 0) {
    json.null();
  } else {
    json.milliseconds(rounded_mean(kernels.time_ns, kernels.calls));
  }
  json.key("memory_efficiency");
  json.string(memory_efficiency(frame.memory_reuse));
  json.end_object();
}

void write_report(JsonWriter& json, const Frame& frame, const KernelList& top) {
  json.begin_object();
  write_stamp(json, frame);
  json.key("gpu_status");
  write_status(json, frame, {});
  json.key("top_kernels");
  json.begin_array();
  for (const KernelStats& stats : top.rows) write_kernel(json, stats);
  json.end_array();
  json.key("active_alerts");
  json.begin_array();
  for (const Alert* alert : select_alerts(frame, {.limit = 0})) write_alert(json, *alert);
  json.end_array();
  json.key("devices");
  json.begin_array();
  for (const DeviceRow& row : frame.devices) write_device_use(json, row);
  json.end_array();
  json.key("summary");
  write_summary(json, frame);
  json.key("losses");
  detail::write_losses(json, frame.losses);
  write_window(json, top.window);
  json.end_object();
}

}  // namespace

}  // namespace detail

using namespace detail;

std::string report_json(const Frame& frame, const KernelList& top) {
  std::string out;
  out.reserve(16'384 + frame.devices.size() * 1'024 + frame.alerts.size() * 512);
  JsonWriter json(out);
  write_report(json, frame, top);
  json.finish();
  return out;
}

std::string alerts_json(const Frame& frame, std::span<const Alert* const> selected) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_stamp(json, frame);
  json.key("alerts");
  json.begin_array();
  for (const Alert* alert : selected) write_alert(json, *alert);
  json.end_array();
  json.key("active_alerts");
  json.number(count_active_alerts(frame));
  json.key("total_alerts_today");
  json.number(frame.alerts_today);
  json.end_object();
  json.finish();
  return out;
}

}  // namespace gpuvigil
