// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "model/channel_text.h"
#include "model/notice.h"
#include "outbound/outbound_client.h"

namespace gpuvigil {

enum class ChannelKind { kWebhook, kSlack, kPagerDuty, kAlertmanager, kEmail, kCommand };

[[nodiscard]] std::string_view to_string(ChannelKind kind);

inline constexpr std::size_t kMaxChannels = 32;

/// A checked channel, as a sender needs it. Immutable.
struct ChannelSpec {
  std::string name;
  ChannelKind kind = ChannelKind::kWebhook;
  RuleOrigin origin = RuleOrigin::kFile;
  std::optional<OutboundUrl> url;  ///< Of all but e-mail and commands.
  Secret secret;
  std::string mail_url;  ///< "smtp://host:port".
  std::string sender;
  std::vector<std::string> to;
  std::string user;
  std::vector<std::string> command;
  AddressPolicy addresses;
  std::string ca_file;
};

/// What a channel's text means. A command is refused of the API: whoever may call it must not so
/// be able to run programs here. Errors: every field that is wrong, with why; no secret is in them.
[[nodiscard]] std::expected<std::shared_ptr<const ChannelSpec>, std::vector<FieldError>>
compile_channel(const ChannelText& text, RuleOrigin origin);

/// The text without its secrets: what may be shown.
[[nodiscard]] ChannelText without_secrets(ChannelText text);

/// What a channel is told: a notice, or to an Alertmanager all alerts there are.
struct Message {
  std::shared_ptr<const Notice> notice;
  std::shared_ptr<const AlertRoll> roll;
};

}  // namespace gpuvigil
