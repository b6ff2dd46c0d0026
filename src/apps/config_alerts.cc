// SPDX-License-Identifier: Apache-2.0
#include "apps/config_alerts.h"

#include <fmt/format.h>

#include "alert/rule.h"
#include "notify/channel.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxFileRules = 500;
constexpr std::size_t kMaxList = 32;

RuleText read_rule(ConfigReader& row) {
  RuleText rule;
  row.read("name", rule.name);
  row.read("when", rule.when);
  row.read("keep", rule.keep);
  row.read("severity", rule.severity);
  row.read("summary", rule.summary);
  row.read("runbook", rule.runbook);
  row.read("labels", rule.labels, kMaxLabels);
  row.read("notify", rule.notify);
  const auto compiled = compile_rule(rule, RuleOrigin::kFile);
  if (compiled) return rule;
  for (const FieldError& error : compiled.error()) row.mistake(error.field, error.reason);
  return rule;
}

ChannelText read_channel(ConfigReader& row) {
  ChannelText channel;
  row.read("name", channel.name);
  row.read("kind", channel.kind);
  row.read("url", channel.url);
  row.read("secret", channel.secret);
  row.read("sender", channel.sender);
  row.read("to", channel.to, kMaxList);
  row.read("user", channel.user);
  row.read("command", channel.command, kMaxList);
  row.read("matchers", channel.matchers, kMaxList);
  row.read("allow", channel.allow, kMaxList);
  row.read("ca_file", channel.ca_file);
  const auto compiled = compile_channel(channel, RuleOrigin::kFile);
  if (compiled) return channel;
  for (const FieldError& error : compiled.error()) row.mistake(error.field, error.reason);
  return channel;
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(quoted_toml(text));
  return fmt::format("[{}]", fmt::join(quoted, ", "));
}

void add_text(std::string& out, std::string_view key, const std::string& value) {
  if (!value.empty()) out += fmt::format("{} = {}\n", key, quoted_toml(value));
}

void add_list(std::string& out, std::string_view key, const std::vector<std::string>& values) {
  if (!values.empty()) out += fmt::format("{} = {}\n", key, quoted_list(values));
}

void add_rule(std::string& out, const RuleText& rule) {
  out += "\n[[rules]]\n";
  add_text(out, "name", rule.name);
  add_text(out, "when", rule.when);
  add_text(out, "keep", rule.keep);
  add_text(out, "severity", rule.severity);
  add_text(out, "summary", rule.summary);
  add_text(out, "runbook", rule.runbook);
  if (!rule.labels.empty()) {
    std::vector<std::string> labels;
    for (const auto& [name, value] : rule.labels) {
      labels.push_back(fmt::format("{} = {}", quoted_toml(name), quoted_toml(value)));
    }
    out += fmt::format("labels = {{ {} }}\n", fmt::join(labels, ", "));
  }
  out += fmt::format("notify = {}\n", rule.notify);
}

void add_channel(std::string& out, const ChannelText& channel) {
  const ChannelText shown = without_secrets(channel);
  out += "\n[[channels]]\n";
  add_text(out, "name", shown.name);
  add_text(out, "kind", shown.kind);
  add_text(out, "url", shown.url);
  if (!channel.secret.empty()) out += "# secret = is not shown\n";
  add_text(out, "sender", shown.sender);
  add_list(out, "to", shown.to);
  add_text(out, "user", shown.user);
  add_list(out, "command", shown.command);
  add_list(out, "matchers", shown.matchers);
  add_list(out, "allow", shown.allow);
  add_text(out, "ca_file", shown.ca_file);
}

}  // namespace

std::string quoted_toml(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

void read_alert_config(ConfigReader& in, AlertConfig& config) {
  in.read("alerts.disabled", config.disabled, kMaxFileRules);
  in.read("alerts.group_by", config.grouping.by, kMaxList);
  in.read("alerts.group_wait", config.grouping.wait, 10ms, 1h);
  in.read("alerts.group_interval", config.grouping.interval, 1s, 24h);
  in.read_tables("rules", kMaxFileRules,
                 [&](ConfigReader& row) { config.rules.push_back(read_rule(row)); });
  in.read_tables("channels", kMaxChannels,
                 [&](ConfigReader& row) { config.channels.push_back(read_channel(row)); });
  for (const FieldError& error : check_alert_config(config)) {
    // The others were told with their lines.
    if (error.reason.starts_with("there is")) in.mistake(error.field, error.reason);
  }
}

std::string format_alert_config(const AlertConfig& config) {
  std::string out;
  add_list(out, "disabled", config.disabled);
  const GroupingOptions& grouping = config.grouping;
  out += fmt::format("group_by = {}\ngroup_wait = \"{}\"\ngroup_interval = \"{}\"\n",
                     quoted_list(grouping.by), format_span(grouping.wait),
                     format_span(grouping.interval));
  for (const RuleText& rule : config.rules) add_rule(out, rule);
  for (const ChannelText& channel : config.channels) add_channel(out, channel);
  return out;
}

}  // namespace gpuvigil
