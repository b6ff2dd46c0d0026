// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "apps/options.h"
#include "base/result.h"
#include "base/secret.h"

namespace gpuvigil {

/// The token to send to the server that `client` names: the one of --token-file, else of
/// $GPUVIGIL_TOKEN, else the one that this user's own server keeps for the command line; empty
/// where there is none.
///
/// The last one goes only to a port of this machine on which a process of this user, or of root,
/// listens: whoever else sits there must not get it.
///
/// Errors: those of read_private_file() for --token-file.
[[nodiscard]] Result<Secret> client_token(const ClientOptions& client);

/// True when all who listen on that TCP port of this machine are processes of `user` or of root,
/// as a table like /proc/net/tcp tells. False when nobody does.
[[nodiscard]] bool listens_for(std::string_view table, unsigned port, unsigned user);

}  // namespace gpuvigil
