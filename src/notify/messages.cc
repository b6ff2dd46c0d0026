// SPDX-License-Identifier: Apache-2.0
#include "notify/messages.h"

#include <algorithm>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/json_writer.h"
#include "base/sha256.h"
#include "base/text.h"
#include "model/alert_json.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxHeadline = 300;

Severity worst_of(const Notice& notice) {
  const bool critical = std::ranges::any_of(
      notice.alerts, [](const Alert& alert) { return alert.severity == Severity::kCritical; });
  return critical ? Severity::kCritical : Severity::kWarning;
}

/// The first runbook there is.
std::string_view runbook_of(const Notice& notice) {
  for (const Alert& alert : notice.alerts) {
    if (!alert.runbook.empty()) return alert.runbook;
  }
  return {};
}

std::string rfc3339(Timestamp at) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z",
                     std::chrono::time_point_cast<std::chrono::milliseconds>(at));
}

/// What Slack reads as markup, written as text.
std::string slack_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

void write_labels(JsonWriter& json, const Labels& labels) {
  json.begin_object();
  for (const auto& [name, value] : labels) {
    json.foreign_key(name);
    json.string(value);
  }
  json.end_object();
}

/// As Prometheus writes label names: letters, digits and underscores.
std::string label_name(std::string_view name) {
  std::string out;
  for (const char c : name) out += c == '-' || c == '.' ? '_' : c;
  if (!out.empty() && out.front() >= '0' && out.front() <= '9') out.insert(0, 1, '_');
  return out;
}

void write_alertmanager_alert(JsonWriter& json, const Alert& alert, const AlertRoll& roll,
                              Duration resend) {
  const auto member = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    json.foreign_key(name);
    json.string(value);
  };
  json.begin_object();
  json.key("labels");
  json.begin_object();
  member("alertname", alert.rule);
  member("severity", to_string(alert.severity));
  if (!alert.uuid.empty()) member("gpu", fmt::format("{}", alert.device));
  member("uuid", alert.uuid);
  member("kernel", truncate_utf8(alert.kernel, 1024));
  for (const auto& [name, value] : alert.labels) {
    const std::string written = label_name(name);
    const bool is_ours = written == "alertname" || written == "severity" || written == "gpu" ||
                         written == "uuid" || written == "kernel";
    if (!is_ours) member(written, value);
  }
  json.end_object();
  json.key("annotations");
  json.begin_object();
  member("summary", alert.message);
  member("value", fmt::format("{:.6g}", alert.value));
  member("threshold", fmt::format("{:.6g}", alert.threshold));
  member("metric", alert.metric);
  member("runbook_url", alert.runbook);
  json.end_object();
  json.key("startsAt");
  json.timestamp(alert.began);
  json.key("endsAt");
  json.timestamp(alert.resolved_at.value_or(roll.at + 4 * resend));
  json.end_object();
}

}  // namespace

std::string headline(const Notice& notice) {
  std::string what = notice.alerts.empty() ? "" : clean_text(notice.alerts.front().message);
  std::string tail;
  if (notice.total > 1) tail = fmt::format(" (and {} more)", notice.total - 1);
  const std::string head = notice.is_test       ? "test: "
                           : notice.is_resolved ? "over: "
                                                : fmt::format("{}: ", to_string(worst_of(notice)));
  const std::size_t room = kMaxHeadline - head.size() - tail.size();
  return head + std::string(truncate_utf8(what, room)) + tail;
}

std::string webhook_body(const Notice& notice) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.key("version");
  json.number(1);
  json.key("status");
  json.string(notice.is_resolved ? "resolved" : "firing");
  json.key("test");
  json.boolean(notice.is_test);
  json.key("key");
  json.string(notice.key);
  json.key("timestamp");
  json.timestamp(notice.at);
  json.key("summary");
  json.string(headline(notice));
  json.key("group");
  write_labels(json, notice.group);
  json.key("total");
  json.number(notice.total);
  json.key("alerts");
  json.begin_array();
  for (const Alert& alert : notice.alerts) write_alert(json, alert);
  json.end_array();
  json.end_object();
  json.finish();
  return body;
}

std::vector<OutboundHeader> webhook_headers(const Notice& notice, const Secret& key,
                                            std::string_view body, Timestamp now) {
  const std::string at = fmt::format("{}", to_unix_ns(now) / 1'000'000'000);
  std::vector<OutboundHeader> headers = {
      {"X-Gpuvigil-Timestamp", at},
      {"X-Gpuvigil-Delivery",
       fmt::format("{}-{}", notice.key, notice.is_resolved ? "resolved" : "firing")}};
  if (!key.empty()) {
    headers.push_back({"X-Gpuvigil-Signature",
                       "sha256=" + hmac_sha256_hex(key.reveal(), fmt::format("{}.{}", at, body))});
  }
  return headers;
}

std::string slack_body(const Notice& notice) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.key("text");
  json.string(slack_text(headline(notice)));
  json.key("attachments");
  json.begin_array();
  constexpr std::size_t kMostLines = 20;
  std::string lines;
  for (std::size_t i = 0; i < std::min(notice.alerts.size(), kMostLines); ++i) {
    const Alert& alert = notice.alerts[i];
    lines += fmt::format("{}{}", lines.empty() ? "" : "\n", slack_text(clean_text(alert.message)));
    if (!alert.runbook.empty()) lines += fmt::format(" <{}|runbook>", slack_text(alert.runbook));
  }
  if (notice.total > kMostLines) lines += fmt::format("\nand {} more", notice.total - kMostLines);
  json.begin_object();
  json.key("color");
  json.string(notice.is_resolved                        ? "#2eb67d"
              : worst_of(notice) == Severity::kCritical ? "#e01e5a"
                                                        : "#ecb22e");
  json.key("text");
  json.string(lines);
  json.key("mrkdwn_in");
  json.begin_array();
  json.end_array();
  json.end_object();
  json.end_array();
  json.end_object();
  json.finish();
  return body;
}

std::string pagerduty_body(const Notice& notice, const Secret& routing_key) {
  std::string body;
  JsonWriter json(body);
  json.begin_object();
  json.key("routing_key");
  json.string(routing_key.reveal());
  json.key("event_action");
  json.string(notice.is_resolved ? "resolve" : "trigger");
  json.key("dedup_key");
  json.string(notice.key);
  json.key("payload");
  json.begin_object();
  json.key("summary");
  json.string(headline(notice));
  json.key("source");
  json.string(notice.alerts.empty() || notice.alerts.front().uuid.empty()
                  ? "gpuvigil"
                  : notice.alerts.front().uuid);
  json.key("severity");
  json.string(to_string(worst_of(notice)));
  json.key("timestamp");
  json.timestamp(notice.at);
  json.key("custom_details");
  json.begin_object();
  json.key("total");
  json.number(notice.total);
  json.key("alerts");
  json.begin_array();
  for (const Alert& alert : notice.alerts) json.string(alert.message);
  json.end_array();
  json.end_object();
  json.end_object();
  if (const std::string_view runbook = runbook_of(notice); !runbook.empty()) {
    json.key("links");
    json.begin_array();
    json.begin_object();
    json.key("href");
    json.string(runbook);
    json.key("text");
    json.string("runbook");
    json.end_object();
    json.end_array();
  }
  json.end_object();
  json.finish();
  return body;
}

std::string alertmanager_body(const AlertRoll& roll, Duration resend) {
  std::string body;
  JsonWriter json(body);
  json.begin_array();
  for (const Alert& alert : roll.alerts) write_alertmanager_alert(json, alert, roll, resend);
  json.end_array();
  json.finish();
  return body;
}

std::string mail_text(const Notice& notice, const ChannelSpec& channel) {
  // A subject is ASCII unless it is encoded, and one line.
  std::string subject;
  for (const char c : headline(notice)) subject += c >= ' ' && c < 0x7F ? c : '?';
  std::string text = fmt::format(
      "From: gpuvigil <{}>\r\nTo: {}\r\nSubject: [gpuvigil] {}\r\n"
      "Date: {:%a, %d %b %Y %H:%M:%S} +0000\r\nMessage-ID: <{}.{}@gpuvigil>\r\n"
      "{}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: 8bit\r\nAuto-Submitted: auto-generated\r\n\r\n",
      channel.sender, fmt::join(channel.to, ", "), subject,
      std::chrono::time_point_cast<std::chrono::seconds>(notice.at), notice.key,
      notice.is_resolved ? "resolved" : "firing",
      notice.is_resolved ? fmt::format("In-Reply-To: <{}.firing@gpuvigil>\r\n", notice.key) : "");
  for (const Alert& alert : notice.alerts) {
    text +=
        fmt::format("{} {}: {}\r\n    since {}, value {:.6g}, threshold {:.6g}\r\n",
                    to_string(alert.severity), to_string(alert.state), clean_text(alert.message),
                    rfc3339(alert.began), alert.value, alert.threshold);
    if (alert.resolved_at) text += fmt::format("    over at {}\r\n", rfc3339(*alert.resolved_at));
    if (!alert.runbook.empty()) text += fmt::format("    {}\r\n", alert.runbook);
  }
  if (notice.total > notice.alerts.size()) {
    text += fmt::format("and {} more\r\n", notice.total - notice.alerts.size());
  }
  return text;
}

}  // namespace gpuvigil
