// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "apps/config.h"
#include "auth/token.h"
#include "base/result.h"

namespace gpuvigil {

/// Where a server that starts keeps its tokens, and the first of them when there was none.
struct StartTokens {
  std::string directory;
  std::optional<NewToken> first;
};

/// Makes the state directory, and a first token in it where there is none. Where that cannot be
/// done, a server that lets its own user read goes on without tokens, and the log says so.
/// Errors: those of TokenFile, when nobody could call without a token.
[[nodiscard]] Result<StartTokens> prepare_tokens(const Config::Server& server);

/// Prints, on standard output and nowhere else, the address at which a browser logs in with the
/// first token; nothing when there were tokens before. The token itself is printed on a terminal
/// only: no log must hold it.
void announce(const StartTokens& tokens, const std::string& url);

}  // namespace gpuvigil
