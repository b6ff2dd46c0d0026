// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/rule_text.h"

namespace gpuvigil {

/// A channel as people write it; notify/channel.h says what it means. Its secrets are never
/// returned: `url` is shown as its origin, because the path of a webhook is often one.
struct ChannelText {
  std::string name;                  ///< Its identity.
  std::string kind;                  ///< webhook, slack, pagerduty, alertmanager, email, command.
  std::string url = {};              ///< Where to send; of e-mail smtp://host:port.
  std::string secret = {};           ///< Key of signatures, routing key, token, password.
  std::string sender = {};           ///< E-mail.
  std::vector<std::string> to = {};  ///< E-mail.
  std::string user = {};             ///< E-mail.
  std::vector<std::string> command = {};   ///< Program and arguments.
  std::vector<std::string> matchers = {};  ///< Only alerts that match all; empty: every one.
  std::vector<std::string> allow = {};     ///< loopback, private, link_local: may be dialled too.
  std::string ca_file = {};                ///< PEM; empty: whom this system trusts.

  friend bool operator==(const ChannelText&, const ChannelText&) = default;
};

/// How it stands with a channel.
struct ChannelHealth {
  std::uint64_t queued = 0;
  std::uint64_t delivered = 0;
  std::uint64_t retries = 0;  ///< Tries that failed and were made again.
  std::uint64_t dropped = 0;  ///< Never delivered: refused for good, too old, or no room.
  std::string problem;        ///< Of the last try; empty: none.
};

/// A channel as the API lists it.
struct ChannelRow {
  ChannelText text;  ///< Without its secrets.
  RuleOrigin origin = RuleOrigin::kFile;
  ChannelHealth health;
};

}  // namespace gpuvigil
