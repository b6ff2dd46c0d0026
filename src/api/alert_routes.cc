// SPDX-License-Identifier: Apache-2.0
#include "api/alert_routes.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "api/write_routes.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "engine/alert_desk.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxBody = 256 * 1024;
constexpr std::size_t kMaxErrors = 20;  // more help nobody
constexpr std::size_t kMaxList = 64;

/// Reads the members of one JSON object: each must be known and of its kind. What is wrong with
/// what they say is found by those who know it.
class BodyReader {
 public:
  explicit BodyReader(const JsonValue& body) : body_(body) {
    if (body.as_object() == nullptr) wrong("body", "must be an object");
  }

  std::string text(std::string_view key) {
    const JsonValue& value = member(key);
    if (value.is_null()) return {};
    if (value.as_string() == nullptr) wrong(key, "must be a text");
    return std::string(value.string_or(""));
  }
  bool flag(std::string_view key, bool fallback) {
    const JsonValue& value = member(key);
    if (value.is_null()) return fallback;
    if (value.as_bool() == nullptr) wrong(key, "must be true or false");
    return value.as_bool() != nullptr ? *value.as_bool() : fallback;
  }
  std::vector<std::string> texts(std::string_view key) {
    const JsonValue& value = member(key);
    std::vector<std::string> texts;
    if (value.is_null()) return texts;
    const JsonValue::Array* list = value.as_array();
    if (list == nullptr || list->size() > kMaxList) {
      wrong(key, "must be a list of at most 64 texts");
      return texts;
    }
    for (const JsonValue& one : *list) {
      if (one.as_string() == nullptr) wrong(key, "must be a list of at most 64 texts");
      texts.emplace_back(one.string_or(""));
    }
    return texts;
  }
  Labels labels(std::string_view key) {
    const JsonValue& value = member(key);
    Labels labels;
    if (value.is_null()) return labels;
    if (value.as_object() == nullptr) {
      wrong(key, "must be an object of texts");
      return labels;
    }
    for (const auto& [name, one] : *value.as_object()) {
      if (one.as_string() == nullptr) wrong(key, "must be an object of texts");
      labels.emplace_back(name, one.string_or(""));
    }
    return labels;
  }
  std::optional<Timestamp> time(std::string_view key) {
    const JsonValue& value = member(key);
    if (value.is_null()) return std::nullopt;
    const auto at = parse_rfc3339(value.string_or(""));
    if (!at) wrong(key, "must be a time such as 2026-01-02T03:04:05Z");
    return at;
  }
  std::optional<Duration> span(std::string_view key) {
    const JsonValue& value = member(key);
    if (value.is_null()) return std::nullopt;
    const auto span = parse_span(value.string_or(""));
    if (!span) wrong(key, "must be a time such as 30m or 2h");
    return span;
  }
  void wrong(std::string_view key, std::string reason) {
    if (errors_.size() < kMaxErrors) errors_.push_back({std::string(key), std::move(reason)});
  }

  [[nodiscard]] std::vector<ParameterError> finish() {
    if (body_.as_object() != nullptr) {
      for (const auto& [name, value] : *body_.as_object()) {
        if (std::ranges::find(known_, name) == known_.end()) {
          wrong(clean_text(truncate_utf8(clean_text(name), 64)), "unknown member");
        }
      }
    }
    return errors_;
  }

 private:
  const JsonValue& member(std::string_view key) {
    known_.push_back(key);
    return body_[key];
  }

  const JsonValue& body_;
  std::vector<std::string_view> known_;
  std::vector<ParameterError> errors_;
};

HttpResponse refused(const DeskRefusal& refusal) {
  std::vector<ParameterError> errors;
  for (const FieldError& error : refusal.errors) {
    if (errors.size() < kMaxErrors) errors.push_back({error.field, error.reason});
  }
  switch (refusal.kind) {
    case DeskRefusal::Kind::kInvalid:
      return problem(400, refusal.detail, errors);
    case DeskRefusal::Kind::kNotFound:
      return problem(404, refusal.detail);
    case DeskRefusal::Kind::kConflict:
    case DeskRefusal::Kind::kFull:
      return problem(409, refusal.detail);
    case DeskRefusal::Kind::kFailed:
      break;
  }
  return problem(503, refusal.detail);
}

HttpResponse no_content() {
  HttpResponse response;
  response.status = 204;
  return response;
}

/// Runs `work` at the desk, which answers; without a desk, or when it is busy, a 503.
std::optional<HttpResponse> at_desk(RouteContext& context,
                                    std::function<void(AlertDesk&, const Reply&)> work) {
  AlertDesk* desk = context.desk;
  if (desk == nullptr) return problem(503, "this server has no rules, silences or channels to set");
  const Reply answer = context.deferral.later();
  const bool taken = desk->post([desk, answer, work = std::move(work)] { work(*desk, answer); });
  if (!taken) answer.send(problem(503, "too much waits to be done; try again"));
  return std::nullopt;
}

/// The body of a POST as JSON, or what is wrong with it.
std::expected<JsonValue, HttpResponse> read_body(RouteContext& context) {
  if (auto wrong = check_body(context)) return std::unexpected(*std::move(wrong));
  auto body = parse_json(context.request.body, kMaxBody);
  if (body) return *std::move(body);
  const unsigned status = body.error().code == Errc::kTooLarge ? 413 : 400;
  return std::unexpected(problem(status, "the body is no JSON: " + body.error().message));
}

HttpResponse not_understood(const std::vector<ParameterError>& errors) {
  return problem(400, "some members are not understood", errors);
}

/// Nothing when the request has no parameters, else the 400.
std::optional<HttpResponse> check_query(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  return std::nullopt;
}

std::string caller_name(const RouteContext& context) {
  return context.caller.token_id.empty() ? "local" : context.caller.token_id;
}

void write_texts(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  json.key(key);
  json.begin_array();
  for (const std::string& text : texts) json.string(text);
  json.end_array();
}

void write_text(JsonWriter& json, std::string_view key, std::string_view text) {
  json.key(key);
  text.empty() ? json.null() : json.string(text);
}

void write_row(JsonWriter& json, const RuleRow& row) {
  json.begin_object();
  json.key("name");
  json.string(row.text.name);
  json.key("origin");
  json.string(to_string(row.origin));
  json.key("when");
  json.string(row.text.when);
  write_text(json, "keep", row.text.keep);
  json.key("severity");
  json.string(row.text.severity);
  write_text(json, "summary", row.text.summary);
  write_text(json, "runbook", row.text.runbook);
  json.key("labels");
  json.begin_object();
  for (const auto& [name, value] : row.text.labels) {
    json.foreign_key(name);
    json.string(value);
  }
  json.end_object();
  json.key("notify");
  json.boolean(row.text.notify);
  json.key("pending");
  json.number(row.pending);
  json.key("firing");
  json.number(row.firing);
  json.end_object();
}

void write_row(JsonWriter& json, const Silence& silence) {
  json.begin_object();
  json.key("id");
  json.string(silence.id);
  std::vector<std::string> matchers;
  for (const Matcher& matcher : silence.matchers) matchers.push_back(to_string(matcher));
  write_texts(json, "matchers", matchers);
  json.key("starts_at");
  json.timestamp(silence.starts);
  json.key("ends_at");
  json.timestamp(silence.ends);
  json.key("comment");
  json.string(silence.comment);
  json.key("created_by");
  json.string(silence.created_by);
  json.end_object();
}

void write_row(JsonWriter& json, const ChannelRow& row) {
  json.begin_object();
  json.key("name");
  json.string(row.text.name);
  json.key("origin");
  json.string(to_string(row.origin));
  json.key("kind");
  json.string(row.text.kind);
  write_text(json, "url", row.text.url);
  write_text(json, "sender", row.text.sender);
  write_texts(json, "to", row.text.to);
  write_texts(json, "matchers", row.text.matchers);
  write_texts(json, "allow", row.text.allow);
  json.key("queued");
  json.number(row.health.queued);
  json.key("delivered");
  json.number(row.health.delivered);
  json.key("retries");
  json.number(row.health.retries);
  json.key("dropped");
  json.number(row.health.dropped);
  write_text(json, "problem", row.health.problem);
  json.end_object();
}

template <class Row>
std::string row_json(const Row& row) {
  std::string body;
  JsonWriter json(body);
  write_row(json, row);
  json.finish();
  return body;
}

/// {"rules": [...]}.
template <class Row>
std::string list_json(std::string_view name, const std::vector<Row>& rows) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.key(name);
  json.begin_array();
  for (const Row& row : rows) write_row(json, row);
  json.end_array();
  json.end_object();
  json.finish();
  return body;
}

/// Answers 204 once what was done is visible, or why it was not done.
void settle(const DeskResult<void>& done, const Reply& answer) {
  if (!done) answer.send(refused(done.error()));
}

}  // namespace

std::optional<HttpResponse> post_alert_ack(RouteContext& context) {
  if (auto wrong = check_query(context)) return wrong;
  if (!context.request.body.empty()) return problem(400, "an acknowledgement has no body");
  return at_desk(context, [id = std::string(context.path_parameter), by = caller_name(context)](
                              AlertDesk& desk, const Reply& answer) {
    const bool taken = desk.acknowledge(id, by, [answer](bool found) {
      answer.send(found ? no_content() : problem(404, "no alert of that id is pending or firing"));
    });
    if (!taken) answer.send(problem(503, "the engine is busy; try again"));
  });
}

std::optional<HttpResponse> get_rules(RouteContext& context) {
  if (auto wrong = check_query(context)) return wrong;
  return at_desk(context, [](AlertDesk& desk, const Reply& answer) {
    answer.send(reply(list_json("rules", desk.rules())));
  });
}

std::optional<HttpResponse> post_rule(RouteContext& context) {
  auto body = read_body(context);
  if (!body) return std::move(body).error();
  BodyReader in(*body);
  RuleText rule;
  rule.name = in.text("name");
  rule.when = in.text("when");
  rule.keep = in.text("keep");
  if (const std::string severity = in.text("severity"); !severity.empty()) {
    rule.severity = severity;
  }
  rule.summary = in.text("summary");
  rule.runbook = in.text("runbook");
  rule.labels = in.labels("labels");
  rule.notify = in.flag("notify", true);
  if (const auto errors = in.finish(); !errors.empty()) return not_understood(errors);
  return at_desk(context, [rule](AlertDesk& desk, const Reply& answer) {
    const RuleRow row{.text = rule, .origin = RuleOrigin::kApi};
    const auto done = desk.put_rule(rule, [answer, row] { answer.send(reply(row_json(row))); });
    if (!done) answer.send(refused(done.error()));
  });
}

std::optional<HttpResponse> delete_rule(RouteContext& context) {
  if (auto wrong = check_query(context)) return wrong;
  return at_desk(
      context, [name = std::string(context.path_parameter)](AlertDesk& desk, const Reply& answer) {
        settle(desk.remove_rule(name, [answer] { answer.send(no_content()); }), answer);
      });
}

std::optional<HttpResponse> get_silences(RouteContext& context) {
  if (auto wrong = check_query(context)) return wrong;
  return at_desk(context, [](AlertDesk& desk, const Reply& answer) {
    answer.send(reply(list_json("silences", desk.silences())));
  });
}

std::optional<HttpResponse> post_silence(RouteContext& context) {
  auto body = read_body(context);
  if (!body) return std::move(body).error();
  BodyReader in(*body);
  const Timestamp now = wall_time();
  SilenceWish wish;
  wish.matchers = in.texts("matchers");
  wish.starts = in.time("starts_at").value_or(now);
  const auto ends = in.time("ends_at");
  const auto span = in.span("duration");
  wish.comment = in.text("comment");
  wish.created_by = caller_name(context);
  if (ends.has_value() == span.has_value()) in.wrong("ends_at", "give either ends_at or duration");
  if (const auto errors = in.finish(); !errors.empty()) return not_understood(errors);
  wish.ends = ends ? *ends : wish.starts + *span;
  return at_desk(context, [wish](AlertDesk& desk, const Reply& answer) {
    settle(desk.add_silence(
               wish, [answer](const Silence& silence) { answer.send(reply(row_json(silence))); }),
           answer);
  });
}

std::optional<HttpResponse> delete_silence(RouteContext& context) {
  if (auto wrong = check_query(context)) return wrong;
  return at_desk(context,
                 [id = std::string(context.path_parameter)](AlertDesk& desk, const Reply& answer) {
                   settle(desk.remove_silence(id, [answer] { answer.send(no_content()); }), answer);
                 });
}

std::optional<HttpResponse> get_channels(RouteContext& context) {
  if (auto wrong = check_query(context)) return wrong;
  return at_desk(context, [](AlertDesk& desk, const Reply& answer) {
    answer.send(reply(list_json("channels", desk.channels())));
  });
}

std::optional<HttpResponse> post_channel(RouteContext& context) {
  auto body = read_body(context);
  if (!body) return std::move(body).error();
  BodyReader in(*body);
  ChannelText channel;
  channel.name = in.text("name");
  channel.kind = in.text("kind");
  channel.url = in.text("url");
  channel.secret = in.text("secret");
  channel.sender = in.text("sender");
  channel.to = in.texts("to");
  channel.user = in.text("user");
  channel.matchers = in.texts("matchers");
  channel.allow = in.texts("allow");
  if (const auto errors = in.finish(); !errors.empty()) return not_understood(errors);
  return at_desk(context, [channel](AlertDesk& desk, const Reply& answer) {
    const auto done = desk.put_channel(channel);
    answer.send(done ? reply(row_json(*done)) : refused(done.error()));
  });
}

std::optional<HttpResponse> delete_channel(RouteContext& context) {
  if (auto wrong = check_query(context)) return wrong;
  return at_desk(
      context, [name = std::string(context.path_parameter)](AlertDesk& desk, const Reply& answer) {
        const auto done = desk.remove_channel(name);
        answer.send(done ? no_content() : refused(done.error()));
      });
}

std::optional<HttpResponse> post_channel_test(RouteContext& context) {
  if (auto wrong = check_query(context)) return wrong;
  if (!context.request.body.empty()) return problem(400, "a test has no body");
  return at_desk(
      context, [name = std::string(context.path_parameter)](AlertDesk& desk, const Reply& answer) {
        const auto begun = desk.test_channel(name, [answer](const Result<void>& done) {
          answer.send(done ? no_content()
                           : problem(502, "the test was not taken: " + done.error().message));
        });
        if (!begun) answer.send(refused(begun.error()));
      });
}

}  // namespace gpuvigil
