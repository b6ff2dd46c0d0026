// SPDX-License-Identifier: Apache-2.0
#include "apps/first_token.h"

#include <fmt/format.h>
#include <unistd.h>

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
  // What is no terminal may be kept: by a journal, by a container's log.
  const std::string login = ::isatty(STDOUT_FILENO) == 1
                                ? fmt::format("#token={}", tokens.first->text.reveal())
                                : std::string();
  const auto printed = print(fmt::format(
      "Log in at {}/login{}\n"
      "The first token is in {}/cli-token, where the command line finds it; gpuvigil token create "
      "makes others.\n",
      url, login, tokens.directory));
  if (!printed) log(LogLevel::kWarn, "tokens.not_told", {kv("what", printed.error().message)});
}

}  // namespace gpuvigil
