// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "notify/channel.h"
#include "outbound/outbound_client.h"

namespace gpuvigil {

/// How a try ended, and what its answer asks for.
struct Try {
  OutboundResult result;  ///< As an HTTP answer; mail and commands are told as 200 or 500.
  std::string problem;    ///< In one line, without secrets; empty: it was taken.
};

/// Sends one message once. `client` is of this channel, and null for mail and commands.
[[nodiscard]] Try transport(const ChannelSpec& spec, const Message& message, OutboundClient* client,
                            Duration deadline, Duration resend);

/// Runs a program with `input` on its standard input and nothing of ours but PATH in its
/// environment, and ends it at the deadline with whatever it started.
/// Errors: kNotFound, kPermission, kTimeout, kIo; kUnavailable when it fails.
[[nodiscard]] Result<void> run_command(const std::vector<std::string>& command,
                                       std::string_view input, Duration deadline);

}  // namespace gpuvigil
