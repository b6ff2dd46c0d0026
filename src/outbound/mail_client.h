// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "outbound/address_policy.h"

namespace gpuvigil {

/// How one mail is sent.
struct MailRequest {
  std::string url;  ///< "smtp://host:port" (TLS where the server offers it) or "smtps://...".
  std::string from;
  std::vector<std::string> to;
  std::string user = {};             ///< Empty: nobody logs in.
  const Secret* password = nullptr;  ///< With a user: never sent without TLS.
  AddressPolicy addresses = {};
  Duration deadline = std::chrono::seconds(10);
  std::string ca_file = {};  ///< PEM; whom to trust. Empty: whom this system trusts.
};

/// Hands one mail (RFC 5322, lines ending in CR LF) to a server and waits until it has taken it.
/// The rules of OutboundClient hold: the address that is dialled is looked at, certificates are
/// verified, no proxy of the environment is used.
/// Errors: kInvalidArgument (the server will never take it: a 5xx reply), kUnavailable, kTimeout;
/// the message has no password in it.
[[nodiscard]] Result<void> send_mail(const MailRequest& request, std::string_view text);

}  // namespace gpuvigil
