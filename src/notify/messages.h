// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "notify/channel.h"

namespace gpuvigil {

/// "2 alerts (critical): GPU 0 is lost ... and 1 more"; of a resolved one, "over: ...".
/// One line, at most 300 bytes.
[[nodiscard]] std::string headline(const Notice& notice);

/// What a webhook and a command are told, as JSON.
[[nodiscard]] std::string webhook_body(const Notice& notice);

/// X-Gpuvigil-Timestamp, X-Gpuvigil-Signature ("sha256=" and the HMAC of "TIMESTAMP.BODY", only
/// where there is a key) and X-Gpuvigil-Delivery, which is the same for each try of a notice.
[[nodiscard]] std::vector<OutboundHeader> webhook_headers(const Notice& notice, const Secret& key,
                                                          std::string_view body, Timestamp now);

[[nodiscard]] std::string slack_body(const Notice& notice);

/// Events API v2: trigger and resolve have one dedup_key.
[[nodiscard]] std::string pagerduty_body(const Notice& notice, const Secret& routing_key);

/// What fires ends `resend * 4` after `roll.at` unless it is sent again, as Prometheus does it.
[[nodiscard]] std::string alertmanager_body(const AlertRoll& roll, Duration resend);

/// The whole mail as RFC 5322 has it, lines ending in CR LF; no line of it can be forged by what
/// an alert says.
[[nodiscard]] std::string mail_text(const Notice& notice, const ChannelSpec& channel);

}  // namespace gpuvigil
