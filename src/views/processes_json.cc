// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "views/json_parts.h"
#include "views/json_views.h"

namespace gpuvigil {
namespace {

using namespace detail;

/// An object of texts, or null where all of them are empty.
void write_texts(JsonWriter& json, std::string_view key,
                 std::initializer_list<std::pair<std::string_view, std::string_view>> texts) {
  json.key(key);
  const bool is_empty = std::ranges::all_of(texts, [](const auto& t) { return t.second.empty(); });
  if (is_empty) return json.null();
  json.begin_object();
  for (const auto& [name, text] : texts) write_text(json, name, text);
  json.end_object();
}

void write_who(JsonWriter& json, const ProcessInfo& who) {
  write_text(json, "name", who.name);
  write_text(json, "user", who.user);
  json.key("uid");
  who.uid ? json.number(*who.uid) : json.null();
  json.key("parent_pid");
  who.parent ? json.number(*who.parent) : json.null();
  json.key("started");
  who.started ? json.timestamp(*who.started) : json.null();
  write_text(json, "command", who.command);
  const ProcessPlace& place = who.place;
  write_texts(json, "container",
              {{"id", place.container_id}, {"runtime", place.container_runtime}});
  write_texts(json, "pod",
              {{"uid", place.pod_uid},
               {"namespace", place.pod_namespace},
               {"name", place.pod_name},
               {"container", place.pod_container}});
  write_texts(json, "slurm", {{"job", place.slurm_job}, {"step", place.slurm_step}});
  write_text(json, "unit", place.unit);
}

/// Those that took longest.
void write_streams(JsonWriter& json, std::vector<CapturedStream> streams) {
  constexpr std::ptrdiff_t kMost = 32;
  const auto end = streams.begin() + std::min(kMost, std::ssize(streams));
  std::ranges::partial_sort(streams, end, std::ranges::greater(), &CapturedStream::sum_ns);
  json.begin_array();
  for (const CapturedStream& one : std::span(streams.begin(), end)) {
    json.begin_object();
    json.key("device");
    one.device ? json.number(*one.device) : json.null();
    json.key("stream");
    one.device ? json.number(one.stream) : json.null();
    json.key("kind");
    json.string(to_string(one.kind));
    json.key("total_calls");
    json.number(one.calls);
    json.key("total_time_ms");
    json.milliseconds(one.sum_ns);
    json.end_object();
  }
  json.end_array();
}

void write_capture(JsonWriter& json, const CaptureState& capture) {
  json.begin_object();
  json.key("by");
  json.string(capture.writer);
  write_text(json, "runtime", capture.runtime);
  json.key("detail");
  json.string(to_string(capture.detail));
  write_text(json, "blind", capture.blind);
  json.key("cost_percent");
  capture.cost_percent ? json.decimal(*capture.cost_percent, kSharePlaces) : json.null();
  json.key("streams");
  if (capture.streams) {
    write_streams(json, *capture.streams);
  } else {
    json.null();
  }
  json.end_object();
}

void write_use(JsonWriter& json, const ProcessUse& use) {
  const DeviceProcess told = use.told.value_or(DeviceProcess{});
  json.begin_object();
  json.key("device");
  json.number(use.device);
  json.key("type");
  use.told ? json.string(to_string(told.type)) : json.null();
  json.key("memory_mb");
  write_bytes(json, told.memory);
  json.key("sm_utilization_percent");
  write_percent(json, told.sm_utilization);
  json.key("memory_utilization_percent");
  write_percent(json, told.memory_utilization);
  json.key("encoder_utilization_percent");
  write_percent(json, told.encoder_utilization);
  json.key("decoder_utilization_percent");
  write_percent(json, told.decoder_utilization);
  json.key("total_calls");
  use.calls ? json.number(*use.calls) : json.null();
  json.key("kernel_time_ms");
  use.kernel_ns ? json.milliseconds(*use.kernel_ns) : json.null();
  json.key("allocated_mb");
  use.memory ? json.mebibytes(use.memory->allocated) : json.null();
  json.key("allocated_peak_mb");
  use.memory ? json.mebibytes(use.memory->peak) : json.null();
  json.end_object();
}

void write_process(JsonWriter& json, const ProcessRow& row) {
  json.begin_object();
  json.key("pid");
  json.number(row.pid);
  write_who(json, row.who ? *row.who : ProcessInfo{});
  json.key("captures");
  json.begin_array();
  for (const CaptureState& capture : row.captures) write_capture(json, capture);
  json.end_array();
  write_text(json, "no_kernels_reason", why_no_kernels(row));
  json.key("devices");
  json.begin_array();
  for (const ProcessUse& use : row.uses) write_use(json, use);
  json.end_array();
  json.end_object();
}

}  // namespace

std::string processes_json(const Frame& frame, const ProcessList& list) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_stamp(json, frame);
  json.key("processes");
  json.begin_array();
  for (const ProcessRow* row : list.rows) write_process(json, *row);
  json.end_array();
  json.key("total_processes");
  json.number(list.total);
  json.end_object();
  json.finish();
  return out;
}

}  // namespace gpuvigil
