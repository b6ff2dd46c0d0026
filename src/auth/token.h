// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "auth/scope.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace gpuvigil {

/// What the server knows of a bearer token: all but the token itself.
struct Token {
  std::string id;    ///< 8 hex digits, to speak of it: no secret.
  std::string name;  ///< For people: 1 to 64 printable characters.
  ScopeSet scopes;
  Timestamp created{};                    ///< Whole seconds.
  std::optional<Timestamp> expires;       ///< Whole seconds; absent: never.
  std::array<std::uint8_t, 32> digest{};  ///< SHA-256 of the token.
};

inline constexpr std::string_view kTokenPrefix = "gpuvigil_";  ///< Scanners for secrets find it.
inline constexpr std::size_t kTokenLength = kTokenPrefix.size() + 43;
inline constexpr std::size_t kMaxTokens = 1000;
inline constexpr std::size_t kMaxTokenName = 64;

/// What somebody asks a new token to be.
struct TokenRequest {
  std::string name;
  ScopeSet scopes;
  Timestamp now{};
  std::optional<Duration> lifetime;  ///< Absent: for ever.
};

struct NewToken {
  Token token;
  Secret text;  ///< Known here and now only.
};

/// A token of 256 random bits. Errors: kInvalidArgument for a name that is empty, too long or not
/// printable, no scope, or a lifetime below a second.
[[nodiscard]] Result<NewToken> make_token(const TokenRequest& request);

/// The unexpired token with this text; null when there is none. Takes the same time for every text
/// that is none of them.
[[nodiscard]] const Token* find_token(std::span<const Token> tokens, std::string_view text,
                                      Timestamp now);

/// One line a token: id, scopes, created and expiry in Unix seconds, digest, name.
[[nodiscard]] std::string format_tokens(std::span<const Token> tokens);

/// Reads what format_tokens() writes. Errors: kCorrupt, naming the line; kTooLarge for more than
/// kMaxTokens.
[[nodiscard]] Result<std::vector<Token>> parse_tokens(std::string_view text);

}  // namespace gpuvigil
