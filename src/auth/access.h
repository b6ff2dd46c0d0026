// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "auth/rate_limiter.h"
#include "auth/scope.h"
#include "auth/sessions.h"
#include "auth/token_file.h"
#include "base/clock.h"

namespace gpuvigil {

enum class AuthMode {
  kLocal,  ///< The server's own user (or root) may read over loopback; all else needs a token.
  kToken,  ///< Everything needs a token.
  kOff,    ///< Nobody is asked anything: only where nobody else can connect.
};

[[nodiscard]] std::string_view to_string(AuthMode mode);
[[nodiscard]] std::optional<AuthMode> parse_auth_mode(std::string_view text);

struct AccessOptions {
  AuthMode mode = AuthMode::kLocal;
  std::uint32_t own_user = 0;         ///< Whose processes are at home here, beside root's.
  std::optional<Rate> rate = Rate{};  ///< Of a token or an address; absent: no limit.
  std::optional<Rate> session_rate = Rate{.per_second = 50, .burst = 200};
  Rate failure_rate = {.per_second = 10, .burst = 10};  ///< Wrong credentials from one address.
};

/// What a request says of who sent it.
struct Credentials {
  std::optional<std::string_view> bearer;  ///< Authorization, or the stream's subprotocol.
  std::string_view session;                ///< The cookie; empty: none.
  std::string_view address;                ///< Without the port.
  bool is_loopback = false;
  std::optional<std::uint32_t> user;  ///< Of the other end, where that could be told.
};

/// Somebody who may ask.
struct Caller {
  ScopeSet scopes;
  std::string token_id;     ///< Empty: by being local, or because nobody is asked.
  bool by_session = false;  ///< Through a browser's cookie.
};

/// Why somebody may not.
struct Denial {
  unsigned status = 401;  ///< 401 or 429.
  std::string_view detail;
  Duration retry_after{};  ///< Of 429.
};

/// Decides who a caller is, what they may do, and how often.
///
/// Wrong credentials cost the address's failure bucket and nothing else; every other request costs
/// one of the caller's own: of the token, else of the address, on this machine of each user. Nobody
/// is locked out by what another does, not even from the same address: that would let any local
/// user lock out all others.
///
/// Threading: one thread, the server's.
class Access {
 public:
  /// `tokens` may have no directory: then there are none.
  Access(AccessOptions options, TokenFile tokens, const Clock& clock);

  [[nodiscard]] std::variant<Caller, Denial> identify(const Credentials& credentials);

  /// Charges one request to the caller; to the address and user of `credentials` when it is nobody
  /// in particular (null, or without a token). Nothing, or the refusal.
  [[nodiscard]] std::optional<Denial> charge(const Caller* caller, const Credentials& credentials);

  /// A session for a caller who has shown a token. Requires a token_id.
  [[nodiscard]] Secret open_session(const Caller& caller);
  void close_session(std::string_view key);

  /// Reads the tokens again if their file has changed; true when it had. What cannot be read leaves
  /// what was known, and is told by problem().
  bool refresh();
  [[nodiscard]] const std::string& problem() const { return problem_; }

  /// False once the token has been revoked or has expired. True for callers without one.
  [[nodiscard]] bool is_valid(const std::string& token_id) const;

  [[nodiscard]] const AccessOptions& options() const { return options_; }

  struct Counters {
    std::uint64_t denied = 0;   ///< 401.
    std::uint64_t limited = 0;  ///< 429.
  };
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] std::size_t sessions() const { return sessions_.count(); }

 private:
  /// Wrong credentials, charged to the address.
  Denial denied(std::string_view address, std::string_view why);
  [[nodiscard]] const Token* token_by_id(std::string_view id) const;

  const AccessOptions options_;
  const TokenFile file_;
  const Clock& clock_;
  std::vector<Token> tokens_;
  TokenFile::Version version_;
  Sessions sessions_;
  RateLimiter requests_;
  RateLimiter session_requests_;  ///< Beside those of the same token without a session.
  RateLimiter failures_;
  Counters counters_;
  std::string problem_;
};

}  // namespace gpuvigil
