// SPDX-License-Identifier: Apache-2.0
#include "notify/messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_reader.h"
#include "base/sha256.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Timestamp kAt = from_unix_ns(1'767'323'045'000'000'000);  // 2026-01-02T03:04:05Z

Alert alert_of(std::string message, Severity severity = Severity::kCritical) {
  Alert alert;
  alert.id = "a1";
  alert.rule = "xid";
  alert.severity = severity;
  alert.state = AlertState::kFiring;
  alert.message = std::move(message);
  alert.began = kAt;
  alert.metric = "xid_events";
  alert.value = 2;
  alert.uuid = "GPU-0";
  alert.notify = true;
  return alert;
}

Notice notice_of(std::vector<Alert> alerts) {
  Notice notice;
  notice.key = "gpuvigil-1";
  notice.group = {{"severity", "critical"}};
  notice.total = alerts.size();
  notice.alerts = std::move(alerts);
  notice.at = kAt;
  return notice;
}

JsonValue parsed(const std::string& text) {
  auto value = parse_json(text, 1 << 20);
  EXPECT_TRUE(value.has_value()) << text;
  return value ? *value : JsonValue();
}

TEST(Messages, TheHeadlineIsOneShortLine) {
  EXPECT_EQ(headline(notice_of({alert_of("GPU 0 is lost")})), "critical: GPU 0 is lost");
  Notice many = notice_of({alert_of("GPU 0 is lost"), alert_of("b")});
  many.total = 64;
  EXPECT_EQ(headline(many), "critical: GPU 0 is lost (and 63 more)");
  many.is_resolved = true;
  EXPECT_THAT(headline(many), HasSubstr("over: "));
  const std::string evil = headline(notice_of({alert_of("a\r\nBcc: x" + std::string(999, 'y'))}));
  EXPECT_LE(evil.size(), 300U);
  EXPECT_EQ(evil.find_first_of("\r\n"), std::string::npos);
}

TEST(Messages, AWebhookIsSignedOverItsTimeAndBody) {
  // RFC 4231, test case 2.
  EXPECT_EQ(hmac_sha256_hex("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const Notice notice = notice_of({alert_of("m")});
  const std::string body = webhook_body(notice);
  const auto headers = webhook_headers(notice, Secret("key"), body, kAt);
  ASSERT_EQ(headers.size(), 3U);
  EXPECT_EQ(headers[0].value, "1767323045");
  EXPECT_EQ(headers[1].value, "gpuvigil-1-firing");
  EXPECT_EQ(headers[2].value, "sha256=" + hmac_sha256_hex("key", "1767323045." + body));
  EXPECT_EQ(webhook_headers(notice, Secret(), body, kAt).size(), 2U);
  const JsonValue read = parsed(body);
  EXPECT_EQ(read["status"].string_or(""), "firing");
  EXPECT_EQ((*read["alerts"].as_array())[0]["rule"].string_or(""), "xid");
}

TEST(Messages, SlackReadsNoMarkupOfOthers) {
  const std::string body = slack_body(notice_of({alert_of("<!channel> & <http://evil|click>")}));
  const JsonValue read = parsed(body);
  EXPECT_EQ(read["text"].string_or(""),
            "critical: &lt;!channel&gt; &amp; &lt;http://evil|click&gt;");
}

TEST(Messages, PagerDutyTriggersAndResolvesWithOneKey) {
  Notice notice = notice_of({alert_of("m", Severity::kWarning)});
  notice.alerts[0].runbook = "https://wiki/xid";
  const JsonValue trigger = parsed(pagerduty_body(notice, Secret("routing")));
  notice.is_resolved = true;
  const JsonValue resolve = parsed(pagerduty_body(notice, Secret("routing")));
  EXPECT_EQ(trigger["event_action"].string_or(""), "trigger");
  EXPECT_EQ(resolve["event_action"].string_or(""), "resolve");
  EXPECT_EQ(trigger["dedup_key"].string_or("x"), resolve["dedup_key"].string_or("y"));
  EXPECT_EQ(trigger["routing_key"].string_or(""), "routing");
  EXPECT_EQ(trigger["payload"]["severity"].string_or(""), "warning");
  EXPECT_EQ((*trigger["links"].as_array())[0]["href"].string_or(""), "https://wiki/xid");
}

TEST(Messages, AnAlertmanagerIsToldWhenItEnds) {
  AlertRoll roll{.alerts = {alert_of("m"), alert_of("n")}, .at = kAt};
  roll.alerts[0].labels = {{"team-name", "ml"}, {"severity", "forged"}};
  roll.alerts[1].state = AlertState::kResolved;
  roll.alerts[1].resolved_at = kAt + 5s;
  const JsonValue read = parsed(alertmanager_body(roll, 1min));
  const auto& all = *read.as_array();
  EXPECT_EQ(all[0]["labels"]["alertname"].string_or(""), "xid");
  EXPECT_EQ(all[0]["labels"]["severity"].string_or(""), "critical") << "a label forges nothing";
  EXPECT_EQ(all[0]["labels"]["team_name"].string_or(""), "ml");
  EXPECT_THAT(std::string(all[0]["startsAt"].string_or("")), HasSubstr("03:04:05"));
  EXPECT_THAT(std::string(all[0]["endsAt"].string_or("")), HasSubstr("03:08:05"));
  EXPECT_THAT(std::string(all[1]["endsAt"].string_or("")), HasSubstr("03:04:10"));
}

TEST(Messages, NoLineOfAMailCanBeForged) {
  ChannelSpec channel;
  channel.sender = "gpu@example.org";
  channel.to = {"ops@example.org"};
  Notice notice = notice_of({alert_of("a\r\n.\r\nBcc: everybody@example.org")});
  notice.is_resolved = true;
  const std::string text = mail_text(notice, channel);
  EXPECT_THAT(text, Not(HasSubstr("\nBcc:")));
  EXPECT_THAT(text, HasSubstr("In-Reply-To: <gpuvigil-1.firing@gpuvigil>\r\n"));
  EXPECT_THAT(text, HasSubstr("Date: Fri, 02 Jan 2026 03:04:05 +0000\r\n"));
}

TEST(Channel, MistakesNameTheirFieldAndNoSecret) {
  const auto f = [](const ChannelText& text, RuleOrigin origin = RuleOrigin::kApi) {
    std::string fields;
    const auto made = compile_channel(text, origin);
    if (made) return fields;
    for (const FieldError& error : made.error()) {
      fields += error.field + " ";
      EXPECT_THAT(error.reason, Not(HasSubstr("hunter2")));
    }
    return fields;
  };
  const std::string url = "https://example.org/hunter2";
  EXPECT_EQ(f({.name = "a", .kind = "webhook", .url = url, .secret = "hunter2"}), "");
  EXPECT_EQ(f({.name = "a", .kind = "slack", .url = url}), "");
  EXPECT_EQ(f({.name = "a", .kind = "pagerduty", .secret = "hunter2"}), "");
  EXPECT_EQ(f({.name = "a", .kind = "alertmanager", .url = "http://example.org:9093/"}), "");
  EXPECT_EQ(f({.name = "a",
               .kind = "email",
               .url = "smtp://mail.example.org:25",
               .sender = "a@b.c",
               .to = {"d@e.f"}}),
            "");
  EXPECT_EQ(f({.name = "a", .kind = "command", .command = {"/bin/true"}}, RuleOrigin::kFile), "");
  EXPECT_EQ(f({.name = "a", .kind = "command", .command = {"/bin/true"}}), "kind ");
  EXPECT_EQ(f({.name = "a", .kind = "command", .command = {"true"}}, RuleOrigin::kFile),
            "command ");
  EXPECT_EQ(f({.name = "a b", .kind = "fax"}), "name kind ");
  EXPECT_EQ(f({.name = "a", .kind = "webhook", .url = "ftp://hunter2/"}), "url ");
  EXPECT_EQ(f({.name = "a", .kind = "pagerduty"}), "secret ");
  EXPECT_EQ(f({.name = "a", .kind = "webhook", .url = url, .secret = "hunter2\nx"}), "secret ");
  EXPECT_EQ(f({.name = "a", .kind = "webhook", .url = url, .allow = {"mars"}}), "allow ");
  EXPECT_EQ(f({.name = "a",
               .kind = "email",
               .url = "smtp://host/x",
               .sender = "a",
               .to = {"d@e.f\r\nDATA"}}),
            "url sender to ");
}

TEST(Channel, IsShownWithoutItsSecrets) {
  const ChannelText shown = without_secrets({.name = "a",
                                             .kind = "slack",
                                             .url = "https://hooks.example.org/T0/hunter2",
                                             .secret = "hunter2",
                                             .command = {"/bin/x", "hunter2"}});
  EXPECT_EQ(shown.url, "https://hooks.example.org:443");
  EXPECT_TRUE(shown.secret.empty());
  EXPECT_EQ(shown.command.size(), 1U);
}

}  // namespace
}  // namespace gpuvigil
