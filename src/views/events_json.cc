// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "views/json_parts.h"
#include "views/json_views.h"

namespace gpuvigil {
namespace {

using namespace detail;

void write_device_of(JsonWriter& json, const Frame& frame, std::string_view uuid) {
  json.key("device");
  const auto device = std::ranges::find_if(
      frame.devices, [uuid](const DeviceRow& row) { return row.info->uuid == uuid; });
  device == frame.devices.end() ? json.null() : json.number(device->index);
  write_text(json, "uuid", uuid);
}

void write_kind(JsonWriter& json, std::string_view kind, std::optional<std::uint32_t> code) {
  json.key("kind");
  json.string(kind);
  json.key("code");
  code ? json.number(*code) : json.null();
}

}  // namespace

std::string events_json(const Frame& frame, std::span<const Event* const> selected) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_stamp(json, frame);
  json.key("events");
  json.begin_array();
  for (const Event* event : selected) {
    json.begin_object();
    json.key("timestamp");
    json.timestamp(event->at);
    write_device_of(json, frame, event->uuid);
    write_kind(json, event->kind, event->code);
    json.key("severity");
    json.string(to_string(event->severity));
    json.key("message");
    json.string(event->message);
    write_text(json, "advice", event->advice);
    json.end_object();
  }
  json.end_array();
  json.key("counts");
  json.begin_array();
  for (const EventCount& count : frame.events->counts) {
    json.begin_object();
    write_device_of(json, frame, count.uuid);
    write_kind(json, count.kind, count.code);
    json.key("count");
    json.number(count.count);
    json.key("first");
    json.timestamp(count.first);
    json.key("last");
    json.timestamp(count.last);
    json.end_object();
  }
  json.end_array();
  json.key("total_events");
  json.number(frame.events->total);
  json.end_object();
  json.finish();
  return out;
}

}  // namespace gpuvigil
