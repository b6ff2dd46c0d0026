// SPDX-License-Identifier: Apache-2.0
#include "api/subscription.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxMessageBytes = 16 * 1024;
constexpr std::uint64_t kMinIntervalMs = 100;
constexpr std::uint64_t kMaxIntervalMs = 60'000;
constexpr std::uint64_t kMaxRecentWanted = 100;
/// Up to the next step that the server can do.
Duration rounded_interval(std::uint64_t ms) {
  const Duration asked = std::chrono::milliseconds(ms);
  return (asked + kStreamStep - Duration(1)) / kStreamStep * kStreamStep;
}

bool set_channel(Subscription& subscription, std::string_view channel) {
  if (channel == "metrics") return subscription.metrics = true;
  if (channel == "alerts") return subscription.alerts = true;
  return false;
}

/// A message's members as a query string's pairs, so that one reader checks both.
std::optional<std::string> as_text(const JsonValue& value) {
  if (const auto* text = value.as_string()) return *text;
  if (const auto* integer = value.as_int()) return fmt::format("{}", *integer);
  return std::nullopt;
}

/// Flattens `{"kernels":["a","b"],"recent":3}`; an error names the member.
std::expected<HttpRequest, std::string> flatten(const JsonValue::Object& message) {
  HttpRequest request;
  for (const auto& [key, value] : message) {
    if (key == "type") continue;
    const bool is_list = key == "kernels" || key == "devices" || key == "channels";
    if (is_list && value.as_array() != nullptr) {
      for (const JsonValue& element : *value.as_array()) {
        const auto text = as_text(element);
        if (!text) return std::unexpected(fmt::format("{}: must hold strings or numbers", key));
        request.query.emplace_back(key, *text);
      }
      continue;
    }
    const auto text = as_text(value);
    if (!text || is_list) {
      return std::unexpected(fmt::format("{}: must be {}", clean_text(truncate_utf8(key, 64)),
                                         is_list ? "a list" : "a number or a string"));
    }
    request.query.emplace_back(key, *text);
  }
  return request;
}

}  // namespace

std::expected<Subscription, std::vector<ParameterError>> read_subscription(
    const HttpRequest& request, const Frame& frame) {
  ParameterReader in(request, frame);
  Subscription made;
  made.kernels = in.globs("kernels");
  made.devices = in.devices("devices");
  made.interval = rounded_interval(in.number("interval_ms", 1000, kMinIntervalMs, kMaxIntervalMs));
  made.recent = in.number("recent", 5, 0, kMaxRecentWanted);
  const auto channels = in.words("channels", 2);
  if (!channels.empty()) {
    made.metrics = made.alerts = false;
    for (const std::string_view channel : channels) {
      if (!set_channel(made, channel)) in.error("channels", "must be metrics or alerts");
    }
  }
  auto errors = in.finish();
  if (!errors.empty()) return std::unexpected(std::move(errors));
  std::ranges::sort(made.kernels);
  return made;
}

std::expected<StreamMessage, StreamRefusal> read_stream_message(std::string_view text,
                                                                const Frame& frame) {
  const auto refuse = [](std::string_view code, std::string detail) {
    return std::unexpected(StreamRefusal{code, std::move(detail)});
  };
  const auto message = parse_json(text, kMaxMessageBytes);
  if (!message) return refuse("bad_json", message.error().message);
  const auto* object = message->as_object();
  if (object == nullptr) return refuse("bad_json", "a message must be an object");
  const std::string_view type = (*message)["type"].string_or("");
  if (type == "ping") return StreamMessage{.type = StreamMessage::Type::kPing, .subscription = {}};
  if (type != "subscribe") return refuse("unknown_type", "type must be subscribe or ping");

  const auto request = flatten(*object);
  if (!request) return refuse("bad_subscription", request.error());
  auto subscription = read_subscription(*request, frame);
  if (!subscription) {
    std::string detail;
    for (const ParameterError& error : subscription.error()) {
      if (!detail.empty()) detail += "; ";
      detail += fmt::format("{}: {}", error.parameter, error.reason);
    }
    return refuse("bad_subscription", std::move(detail));
  }
  return StreamMessage{.type = StreamMessage::Type::kSubscribe,
                       .subscription = *std::move(subscription)};
}

std::string subscribed_json(const Subscription& subscription) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("type");
  json.string("subscribed");
  json.key("kernels");
  json.begin_array();
  for (const std::string& glob : subscription.kernels) json.string(glob);
  json.end_array();
  json.key("devices");
  if (subscription.devices) {
    json.begin_array();
    for (const std::uint32_t device : *subscription.devices) json.number(device);
    json.end_array();
  } else {
    json.null();
  }
  json.key("interval_ms");
  json.number(static_cast<std::uint64_t>(subscription.interval / std::chrono::milliseconds(1)));
  json.key("recent");
  json.number(subscription.recent);
  json.key("channels");
  json.begin_array();
  if (subscription.metrics) json.string("metrics");
  if (subscription.alerts) json.string("alerts");
  json.end_array();
  json.end_object();
  json.finish();
  return out;
}

std::string stream_error_json(const StreamRefusal& refusal) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("type");
  json.string("error");
  json.key("code");
  json.string(refusal.code);
  json.key("detail");
  json.string(refusal.detail);
  json.end_object();
  json.finish();
  return out;
}

}  // namespace gpuvigil
