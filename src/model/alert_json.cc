// SPDX-License-Identifier: Apache-2.0
#include "model/alert_json.h"

#include <string_view>

namespace gpuvigil {
namespace {

constexpr unsigned kPlaces = 3;  ///< Of a value: what sensors give.

void text_or_null(JsonWriter& json, std::string_view text) {
  text.empty() ? json.null() : json.string(text);
}

}  // namespace

void write_alert(JsonWriter& json, const Alert& alert) {
  json.begin_object();
  json.key("id");
  json.string(alert.id);
  json.key("rule");
  json.string(alert.rule);
  json.key("severity");
  json.string(to_string(alert.severity));
  json.key("state");
  json.string(to_string(alert.state));
  json.key("message");
  json.string(alert.message);
  json.key("timestamp");
  json.timestamp(alert.began);
  json.key("resolved_at");
  if (alert.resolved_at) {
    json.timestamp(*alert.resolved_at);
  } else {
    json.null();
  }
  json.key("metric");
  json.string(alert.metric);
  json.key("value");
  json.decimal(alert.value, kPlaces);
  json.key("threshold");
  json.decimal(alert.threshold, kPlaces);
  json.key("device");
  alert.uuid.empty() ? json.null() : json.number(alert.device);
  json.key("uuid");
  text_or_null(json, alert.uuid);
  json.key("acknowledged");
  json.boolean(alert.acknowledged);
  json.key("acknowledged_by");
  text_or_null(json, alert.acknowledged_by);
  json.key("kernel");
  text_or_null(json, alert.kernel);
  json.key("labels");
  json.begin_object();
  for (const auto& [name, value] : alert.labels) {
    json.foreign_key(name);
    json.string(value);
  }
  json.end_object();
  json.key("runbook");
  text_or_null(json, alert.runbook);
  json.key("notify");
  json.boolean(alert.notify);
  json.key("silenced");
  json.boolean(alert.silenced);
  json.key("inhibited");
  json.boolean(alert.inhibited);
  json.end_object();
}

}  // namespace gpuvigil
