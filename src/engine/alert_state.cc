// SPDX-License-Identifier: Apache-2.0
#include "engine/alert_state.h"

#include <cstdlib>

#include <fmt/format.h>

#include "base/json_reader.h"
#include "base/json_writer.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} << 20U;
constexpr std::int64_t kVersion = 1;

/// Writes members of one object, and reads them again under the same names.
class StateWriter {
 public:
  explicit StateWriter(JsonWriter& json) : json_(json) { json_.begin_object(); }
  ~StateWriter() { json_.end_object(); }
  StateWriter(const StateWriter&) = delete;
  StateWriter& operator=(const StateWriter&) = delete;

  void text(std::string_view key, std::string_view value) {
    json_.key(key);
    json_.string(value);
  }
  void flag(std::string_view key, bool value) {
    json_.key(key);
    json_.boolean(value);
  }
  /// Exact, where JSON's own numbers are not.
  void number(std::string_view key, double value) { text(key, fmt::format("{}", value)); }
  void integer(std::string_view key, std::int64_t value) { text(key, fmt::format("{}", value)); }
  void time(std::string_view key, Timestamp at) { integer(key, to_unix_ns(at)); }
  void texts(std::string_view key, const std::vector<std::string>& values) {
    json_.key(key);
    json_.begin_array();
    for (const std::string& value : values) json_.string(value);
    json_.end_array();
  }
  void labels(std::string_view key, const Labels& labels) {
    json_.key(key);
    json_.begin_array();
    for (const auto& [name, value] : labels) {
      json_.string(name);
      json_.string(value);
    }
    json_.end_array();
  }
  template <class T, class Write>
  void list(std::string_view key, const std::vector<T>& values, Write write) {
    json_.key(key);
    json_.begin_array();
    for (const T& value : values) {
      StateWriter one(json_);
      write(one, value);
    }
    json_.end_array();
  }
  template <class Write>
  void object(std::string_view key, Write write) {
    json_.key(key);
    StateWriter one(json_);
    write(one);
  }

 private:
  JsonWriter& json_;
};

std::string text_of(const JsonValue& value) {
  return std::string(value.string_or(""));
}
std::int64_t integer_of(const JsonValue& value) {
  return std::strtoll(text_of(value).c_str(), nullptr, 10);
}
double number_of(const JsonValue& value) {
  return std::strtod(text_of(value).c_str(), nullptr);
}
bool flag_of(const JsonValue& value) {
  return value.as_bool() != nullptr && *value.as_bool();
}
Timestamp time_of(const JsonValue& value) {
  return from_unix_ns(integer_of(value));
}
const JsonValue::Array& elements(const JsonValue& value) {
  static const JsonValue::Array kNone;
  return value.as_array() == nullptr ? kNone : *value.as_array();
}
std::vector<std::string> texts_of(const JsonValue& value) {
  std::vector<std::string> texts;
  for (const JsonValue& one : elements(value)) texts.push_back(text_of(one));
  return texts;
}
Labels labels_of(const JsonValue& value) {
  const auto& all = elements(value);
  Labels labels;
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
    labels.emplace_back(text_of(all[i]), text_of(all[i + 1]));
  }
  return labels;
}

void write(StateWriter& out, const Alert& alert) {
  out.text("id", alert.id);
  out.text("rule", alert.rule);
  out.flag("critical", alert.severity == Severity::kCritical);
  out.integer("state", static_cast<int>(alert.state));
  out.text("message", alert.message);
  out.time("began", alert.began);
  if (alert.resolved_at) out.time("resolved_at", *alert.resolved_at);
  out.text("metric", alert.metric);
  out.number("value", alert.value);
  out.number("threshold", alert.threshold);
  out.integer("device", alert.device);
  out.text("uuid", alert.uuid);
  out.text("kernel", alert.kernel);
  out.flag("acknowledged", alert.acknowledged);
  out.text("acknowledged_by", alert.acknowledged_by);
  out.labels("labels", alert.labels);
  out.text("runbook", alert.runbook);
  out.flag("notify", alert.notify);
  out.flag("silenced", alert.silenced);
  out.flag("inhibited", alert.inhibited);
}

Alert read_alert(const JsonValue& in) {
  Alert alert;
  alert.id = text_of(in["id"]);
  alert.rule = text_of(in["rule"]);
  alert.severity = flag_of(in["critical"]) ? Severity::kCritical : Severity::kWarning;
  const std::int64_t state = integer_of(in["state"]);
  alert.state = state == 2   ? AlertState::kResolved
                : state == 1 ? AlertState::kFiring
                             : AlertState::kPending;
  alert.message = text_of(in["message"]);
  alert.began = time_of(in["began"]);
  if (!in["resolved_at"].is_null()) alert.resolved_at = time_of(in["resolved_at"]);
  alert.metric = text_of(in["metric"]);
  alert.value = number_of(in["value"]);
  alert.threshold = number_of(in["threshold"]);
  alert.device = static_cast<std::uint32_t>(integer_of(in["device"]));
  alert.uuid = text_of(in["uuid"]);
  alert.kernel = text_of(in["kernel"]);
  alert.acknowledged = flag_of(in["acknowledged"]);
  alert.acknowledged_by = text_of(in["acknowledged_by"]);
  alert.labels = labels_of(in["labels"]);
  alert.runbook = text_of(in["runbook"]);
  alert.notify = flag_of(in["notify"]);
  alert.silenced = flag_of(in["silenced"]);
  alert.inhibited = flag_of(in["inhibited"]);
  return alert;
}

void write(StateWriter& out, const Notice& notice) {
  out.text("key", notice.key);
  out.labels("group", notice.group);
  out.flag("resolved", notice.is_resolved);
  out.integer("total", static_cast<std::int64_t>(notice.total));
  out.time("at", notice.at);
  out.list("alerts", notice.alerts,
           [](StateWriter& one, const Alert& alert) { write(one, alert); });
}

Notice read_notice(const JsonValue& in) {
  Notice notice;
  notice.key = text_of(in["key"]);
  notice.group = labels_of(in["group"]);
  notice.is_resolved = flag_of(in["resolved"]);
  notice.total = static_cast<std::size_t>(integer_of(in["total"]));
  notice.at = time_of(in["at"]);
  for (const JsonValue& alert : elements(in["alerts"])) notice.alerts.push_back(read_alert(alert));
  return notice;
}

void write(StateWriter& out, const RuleText& rule) {
  out.text("name", rule.name);
  out.text("when", rule.when);
  out.text("keep", rule.keep);
  out.text("severity", rule.severity);
  out.text("summary", rule.summary);
  out.text("runbook", rule.runbook);
  out.labels("labels", rule.labels);
  out.flag("notify", rule.notify);
}

RuleText read_rule(const JsonValue& in) {
  return {.name = text_of(in["name"]),
          .when = text_of(in["when"]),
          .keep = text_of(in["keep"]),
          .severity = text_of(in["severity"]),
          .summary = text_of(in["summary"]),
          .runbook = text_of(in["runbook"]),
          .labels = labels_of(in["labels"]),
          .notify = flag_of(in["notify"])};
}

void write(StateWriter& out, const ChannelText& channel) {
  out.text("name", channel.name);
  out.text("kind", channel.kind);
  out.text("url", channel.url);
  out.text("secret", channel.secret);
  out.text("sender", channel.sender);
  out.texts("to", channel.to);
  out.text("user", channel.user);
  out.texts("matchers", channel.matchers);
  out.texts("allow", channel.allow);
  out.text("ca_file", channel.ca_file);
}

ChannelText read_channel(const JsonValue& in) {
  return {.name = text_of(in["name"]),
          .kind = text_of(in["kind"]),
          .url = text_of(in["url"]),
          .secret = text_of(in["secret"]),
          .sender = text_of(in["sender"]),
          .to = texts_of(in["to"]),
          .user = text_of(in["user"]),
          .matchers = texts_of(in["matchers"]),
          .allow = texts_of(in["allow"]),
          .ca_file = text_of(in["ca_file"])};
}

void write(StateWriter& out, const Silence& silence) {
  out.text("id", silence.id);
  out.list("matchers", silence.matchers, [](StateWriter& one, const Matcher& matcher) {
    one.text("label", matcher.label);
    one.text("pattern", matcher.pattern);
    one.flag("equal", matcher.is_equal);
  });
  out.time("starts", silence.starts);
  out.time("ends", silence.ends);
  out.text("comment", silence.comment);
  out.text("by", silence.created_by);
}

Silence read_silence(const JsonValue& in) {
  Silence silence{.id = text_of(in["id"]),
                  .starts = time_of(in["starts"]),
                  .ends = time_of(in["ends"]),
                  .comment = text_of(in["comment"]),
                  .created_by = text_of(in["by"])};
  for (const JsonValue& one : elements(in["matchers"])) {
    silence.matchers.push_back({.label = text_of(one["label"]),
                                .pattern = text_of(one["pattern"]),
                                .is_equal = flag_of(one["equal"])});
  }
  return silence;
}

void write(StateWriter& out, const LivingAlert& living) {
  out.object("alert", [&](StateWriter& one) { write(one, living.alert); });
  out.integer("phase", static_cast<int>(living.progress.phase));
  out.time("since", living.progress.since);
  out.integer("evidence", living.progress.evidence.count());
}

LivingAlert read_living(const JsonValue& in) {
  LivingAlert living{.alert = read_alert(in["alert"]), .progress = {}};
  living.progress.phase = integer_of(in["phase"]) == 2 ? AlertPhase::kFiring : AlertPhase::kPending;
  living.progress.since = time_of(in["since"]);
  living.progress.evidence = Duration(integer_of(in["evidence"]));
  return living;
}

}  // namespace

std::string format_alert_state(const AlertStateFile& state) {
  std::string text;
  JsonWriter json(text);
  {
    StateWriter out(json);
    const auto plain = [](StateWriter& one, const auto& value) { write(one, value); };
    out.integer("version", kVersion);
    out.list("living", state.living, plain);
    out.list("open", state.open, [](StateWriter& one, const OpenNotice& open) {
      one.object("notice", [&](StateWriter& inner) { write(inner, open.notice); });
      one.texts("ids", open.ids);
    });
    out.list("outgoing", state.outgoing, [](StateWriter& one, const Outgoing& outgoing) {
      one.object("notice", [&](StateWriter& inner) { write(inner, *outgoing.notice); });
      one.texts("channels", outgoing.channels);
    });
    out.list("silences", state.silences, plain);
    out.list("rules", state.rules, plain);
    out.list("channels", state.channels, plain);
  }
  json.finish();
  return text;
}

Result<AlertStateFile> parse_alert_state(std::string_view text) {
  GPUVIGIL_TRY(const JsonValue in, parse_json(text, kMaxBytes));
  if (integer_of(in["version"]) != kVersion) {
    return fail(Errc::kCorrupt, "not the state of alerts of this version");
  }
  AlertStateFile state;
  for (const JsonValue& one : elements(in["living"])) state.living.push_back(read_living(one));
  for (const JsonValue& one : elements(in["open"])) {
    state.open.push_back({read_notice(one["notice"]), texts_of(one["ids"])});
  }
  for (const JsonValue& one : elements(in["outgoing"])) {
    state.outgoing.push_back(
        {std::make_shared<const Notice>(read_notice(one["notice"])), texts_of(one["channels"])});
  }
  for (const JsonValue& one : elements(in["silences"])) {
    state.silences.push_back(read_silence(one));
  }
  for (const JsonValue& one : elements(in["rules"])) state.rules.push_back(read_rule(one));
  for (const JsonValue& one : elements(in["channels"])) {
    state.channels.push_back(read_channel(one));
  }
  return state;
}

}  // namespace gpuvigil
