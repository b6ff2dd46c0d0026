// SPDX-License-Identifier: Apache-2.0
// The verbs about alerts: what is done about them, and rules tried before they are used.
#include <cstdio>

#include <fmt/format.h>

#include "api/parameters.h"
#include "apps/cells.h"
#include "apps/client.h"
#include "apps/config.h"
#include "apps/exit_codes.h"
#include "apps/output.h"
#include "apps/rule_trial.h"
#include "apps/verbs.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "engine/alert_desk.h"
#include "views/text_table.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxAnswerBytes = 64 * 1024 * 1024;
constexpr Duration kPatience = 15s;  ///< A test of a channel takes as long as it takes.

int say(const std::string& text) {
  const auto done = print(text);
  return done ? kExitOk : complain(done.error());
}

/// Prints a list of the API: as JSON, or a line a row as `line` writes it.
int list(const AlertOptions& options, std::string_view path, std::string_view member,
         std::string (*line)(const JsonValue& row)) {
  const auto answer = ask(options.client, path, {});
  if (!answer) return complain(answer.error());
  if (options.client.json) return say(*answer + "\n");
  const auto value = parse_json(*answer, kMaxAnswerBytes);
  if (!value) return complain({Errc::kInternal, "the server's answer: " + value.error().message});
  std::string text;
  for (const JsonValue& row : detail::elements((*value)[member])) text += line(row);
  return say(text.empty() ? fmt::format("no {}\n", member) : text);
}

int send(const AlertOptions& options, std::string_view method, std::string_view path,
         std::string_view body, std::string_view done) {
  const auto answer = change(options.client, method, path, body, kPatience);
  if (!answer) return complain(answer.error());
  return say(options.client.json && !answer->empty() ? *answer + "\n" : std::string(done));
}

std::string rule_line(const JsonValue& row) {
  const bool calls = row["notify"].as_bool() != nullptr && *row["notify"].as_bool();
  return fmt::format("{}  {}  {}  {}  {}\n", detail::text(row["name"]), detail::text(row["origin"]),
                     detail::text(row["severity"]), calls ? "calls" : "shows",
                     detail::text(row["when"]));
}

std::string silence_line(const JsonValue& row) {
  return fmt::format("{}  until {}  {}  {}\n", detail::text(row["id"]),
                     detail::text(row["ends_at"]), detail::joined(row["matchers"]),
                     detail::text(row["comment"]));
}

std::string channel_line(const JsonValue& row) {
  return fmt::format("{}  {}  {}  delivered {}, waiting {}, dropped {}  {}\n",
                     detail::text(row["name"]), detail::text(row["kind"]), detail::text(row["url"]),
                     detail::count(row["delivered"]), detail::count(row["queued"]),
                     detail::count(row["dropped"]), detail::text(row["problem"]));
}

}  // namespace

int run_alerts_ack(const AlertOptions& options) {
  return send(options, "POST", fmt::format("/api/v1/gpu/alerts/{}/ack", path_segment(options.id)),
              {}, "acknowledged\n");
}

int run_alerts_silence(const AlertOptions& options) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.key("matchers");
  json.begin_array();
  for (const std::string& matcher : options.matchers) json.string(matcher);
  json.end_array();
  json.key("duration");
  json.string(options.span);
  json.key("comment");
  json.string(options.comment);
  json.end_object();
  json.finish();
  const auto answer = change(options.client, "POST", "/api/v1/gpu/silences", body, kPatience);
  if (!answer) return complain(answer.error());
  if (options.client.json) return say(*answer + "\n");
  const auto made = parse_json(*answer, kMaxAnswerBytes);
  return say(made ? silence_line(*made) : *answer);
}

int run_alerts_unsilence(const AlertOptions& options) {
  return send(options, "DELETE", fmt::format("/api/v1/gpu/silences/{}", path_segment(options.id)),
              {}, "ended\n");
}

int run_alerts_silences(const AlertOptions& options) {
  return list(options, "/api/v1/gpu/silences", "silences", silence_line);
}

int run_rules_list(const AlertOptions& options) {
  return list(options, "/api/v1/gpu/rules", "rules", rule_line);
}

int run_rules_lint(const AlertOptions& options) {
  const auto config = load_config(options.file);
  if (!config) return complain(config.error());
  return say(fmt::format("{} rules and {} channels are sound\n", config->alerts.rules.size(),
                         config->alerts.channels.size()));
}

int run_rules_test(const AlertOptions& options) {
  const auto config = load_config(options.file);
  if (!config) return complain(config.error());
  std::vector<Rule> rules;
  for (const RuleText& text : config->alerts.rules) {
    if (auto rule = compile_rule(text, RuleOrigin::kFile)) rules.push_back(*std::move(rule));
  }
  if (rules.empty()) return complain({Errc::kInvalidArgument, "the file has no rules to try"});
  const auto raised = options.traces.empty() ? try_on_history(rules, options.client, options.since)
                                             : try_on_recordings(rules, options.traces);
  return raised ? say(*raised) : complain(raised.error());
}

int run_channels_list(const AlertOptions& options) {
  return list(options, "/api/v1/gpu/channels", "channels", channel_line);
}

int run_channels_test(const AlertOptions& options) {
  return send(options, "POST",
              fmt::format("/api/v1/gpu/channels/{}/test", path_segment(options.id)), {},
              "the test was taken\n");
}

}  // namespace gpuvigil
