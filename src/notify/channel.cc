// SPDX-License-Identifier: Apache-2.0
#include "notify/channel.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kPagerDutyUrl = "https://events.pagerduty.com/v2/enqueue";
constexpr std::size_t kMaxSecret = 1024;
constexpr std::size_t kMaxList = 32;
constexpr std::size_t kMaxText = 2048;

constexpr std::array<std::pair<std::string_view, ChannelKind>, 6> kKinds = {
    {{"webhook", ChannelKind::kWebhook},
     {"slack", ChannelKind::kSlack},
     {"pagerduty", ChannelKind::kPagerDuty},
     {"alertmanager", ChannelKind::kAlertmanager},
     {"email", ChannelKind::kEmail},
     {"command", ChannelKind::kCommand}}};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 100 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

/// One mailbox as it stands in an envelope: no spaces, no line ends, one @.
bool is_mailbox(std::string_view text) {
  return text.size() <= 254 && std::ranges::count(text, '@') == 1 && !text.starts_with('@') &&
         !text.ends_with('@') && std::ranges::all_of(text, [](char c) {
           return c > ' ' && c < 0x7F && c != '<' && c != '>' && c != ',' && c != '"';
         });
}

bool is_one_line(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < 0x7F; });
}

/// Checks one text; what it says is collected.
class ChannelChecker {
 public:
  ChannelChecker(const ChannelText& text, RuleOrigin origin)
      : text_(text), spec_(std::make_shared<ChannelSpec>()) {
    spec_->name = text.name;
    spec_->origin = origin;
  }

  std::expected<std::shared_ptr<const ChannelSpec>, std::vector<FieldError>> check();

 private:
  void wrong(std::string field, std::string reason) {
    errors_.push_back({std::move(field), std::move(reason)});
  }
  void needs(bool has, const char* field) {
    if (!has) wrong(field, fmt::format("a {} channel needs it", to_string(spec_->kind)));
  }
  void has_no(bool has, const char* field) {
    if (has) wrong(field, fmt::format("a {} channel has none", to_string(spec_->kind)));
  }
  void check_url();
  void check_mail();
  void check_command();
  void check_rest();

  const ChannelText& text_;
  std::shared_ptr<ChannelSpec> spec_;
  std::vector<FieldError> errors_;
};

void ChannelChecker::check_url() {
  std::string url = text_.url;
  if (url.empty() && spec_->kind == ChannelKind::kPagerDuty) url = kPagerDutyUrl;
  if (spec_->kind == ChannelKind::kAlertmanager && !url.empty()) {
    while (url.ends_with('/')) url.pop_back();
    url += "/api/v2/alerts";
  }
  auto parsed = OutboundUrl::parse(url);
  if (parsed) {
    spec_->url = *std::move(parsed);
  } else {
    wrong("url", parsed.error().message);
  }
}

void ChannelChecker::check_mail() {
  const std::string_view url = text_.url;
  const bool is_smtp = url.starts_with("smtp://") || url.starts_with("smtps://");
  const auto at = url.find("://");
  const std::string_view rest = at == std::string_view::npos ? url : url.substr(at + 3);
  if (!is_smtp || rest.empty() || url.size() > kMaxText || !is_one_line(url) ||
      rest.find_first_of("/@?# ") != std::string_view::npos) {
    wrong("url", "must be smtp://HOST:PORT or smtps://HOST:PORT");
  }
  spec_->mail_url = text_.url;
  if (!is_mailbox(text_.sender)) wrong("sender", "must be one address such as gpu@example.org");
  if (text_.to.empty() || text_.to.size() > kMaxList ||
      !std::ranges::all_of(text_.to, is_mailbox)) {
    wrong("to", "must be 1 to 32 addresses such as ops@example.org");
  }
  if (!is_one_line(text_.user) || text_.user.size() > 254) wrong("user", "must be one short line");
  spec_->sender = text_.sender;
  spec_->to = text_.to;
  spec_->user = text_.user;
}

void ChannelChecker::check_command() {
  if (spec_->origin == RuleOrigin::kApi) {
    return wrong("kind", "a command can only be set in the configuration file");
  }
  if (text_.command.empty() || text_.command.size() > kMaxList ||
      !text_.command.front().starts_with('/')) {
    wrong("command", "must be a list of 1 to 32 texts that begins with an absolute path");
  }
  spec_->command = text_.command;
}

void ChannelChecker::check_rest() {
  if (text_.secret.size() > kMaxSecret || !is_one_line(text_.secret)) {
    wrong("secret", "must be one line of at most 1024 bytes");
  }
  spec_->secret = Secret(text_.secret);
  for (const std::string& word : text_.allow) {
    if (word == "loopback") {
      spec_->addresses.loopback = true;
    } else if (word == "private") {
      spec_->addresses.private_networks = true;
    } else if (word == "link_local") {
      spec_->addresses.link_local = true;
    } else {
      wrong("allow", "must be a list of loopback, private and link_local");
    }
  }
  if (!is_one_line(text_.ca_file) || text_.ca_file.size() > kMaxText) {
    wrong("ca_file", "must be a path");
  }
  spec_->ca_file = text_.ca_file;
}

std::expected<std::shared_ptr<const ChannelSpec>, std::vector<FieldError>> ChannelChecker::check() {
  if (!is_name(text_.name)) wrong("name", "must be 1 to 100 letters, digits, _, - or .");
  const auto kind =
      std::ranges::find(kKinds, text_.kind, &std::pair<std::string_view, ChannelKind>::first);
  if (kind == kKinds.end()) {
    wrong("kind", "must be webhook, slack, pagerduty, alertmanager, email or command");
    return std::unexpected(errors_);
  }
  spec_->kind = kind->second;
  const bool is_mail = spec_->kind == ChannelKind::kEmail;
  const bool is_command = spec_->kind == ChannelKind::kCommand;
  if (is_mail) {
    check_mail();
  } else if (is_command) {
    check_command();
  } else {
    check_url();
  }
  if (spec_->kind == ChannelKind::kPagerDuty) needs(!text_.secret.empty(), "secret");
  has_no(!is_command && !text_.command.empty(), "command");
  has_no(is_command && !text_.url.empty(), "url");
  has_no(!is_mail && !text_.to.empty(), "to");
  has_no(!is_mail && !text_.sender.empty(), "sender");
  has_no(!is_mail && !text_.user.empty(), "user");
  has_no((is_command || spec_->kind == ChannelKind::kSlack) && !text_.secret.empty(), "secret");
  check_rest();
  if (!errors_.empty()) return std::unexpected(errors_);
  return std::shared_ptr<const ChannelSpec>(std::move(spec_));
}

}  // namespace

std::string_view to_string(ChannelKind kind) {
  return std::ranges::find(kKinds, kind, &std::pair<std::string_view, ChannelKind>::second)->first;
}

std::expected<std::shared_ptr<const ChannelSpec>, std::vector<FieldError>> compile_channel(
    const ChannelText& text, RuleOrigin origin) {
  return ChannelChecker(text, origin).check();
}

ChannelText without_secrets(ChannelText text) {
  text.secret = {};
  if (text.kind != "email" && !text.url.empty()) {
    const auto parsed = OutboundUrl::parse(text.url);
    text.url = parsed ? parsed->origin() : "";
  }
  if (text.command.size() > 1) text.command.resize(1);  // its arguments may be secrets
  return text;
}

}  // namespace gpuvigil
