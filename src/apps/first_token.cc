// SPDX-License-Identifier: Apache-2.0
#include "apps/first_token.h"

#include <fmt/format.h>

#include "apps/output.h"
#include "auth/token_file.h"
#include "base/clock.h"
#include "base/log.h"

namespace gpuvigil {
namespace {

Result<std::optional<NewToken>> make_first(const std::string& directory) {
  if (!directory.empty()) return TokenFile(directory).create_first(SystemClock().now());
  return fail(Errc::kNotFound,
              "no state directory: set HOME or name one with --state-dir DIRECTORY");
}

}  // namespace

Result<StartTokens> prepare_tokens(const Config::Server& server) {
  StartTokens tokens;
  tokens.directory = server.state_directory;
  if (tokens.directory.empty()) tokens.directory = default_state_directory();
  if (server.auth == AuthMode::kOff) return tokens;
  auto first = make_first(tokens.directory);
  if (first) {
    tokens.first = *std::move(first);
  } else if (server.auth == AuthMode::kToken) {
    return std::unexpected(std::move(first).error());
  } else {
    log(LogLevel::kWarn, "tokens.unavailable", {kv("what", first.error().message)});
  }
  return tokens;
}

void announce(const StartTokens& tokens, const std::string& url) {
  if (!tokens.first) return;
  const auto printed = print(fmt::format(
      "Log in at {}/login#token={}\n"
      "The command line finds this token in {}/cli-token; gpuvigil token create makes others.\n",
      url, tokens.first->text.reveal(), tokens.directory));
  if (!printed) log(LogLevel::kWarn, "tokens.not_told", {kv("what", printed.error().message)});
}

}  // namespace gpuvigil
