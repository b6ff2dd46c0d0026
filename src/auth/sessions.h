// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/secret.h"

namespace gpuvigil {

/// Browsers that have shown a token once and since then show a cookie instead, which their scripts
/// cannot read. Only in memory: after a restart the page asks for the token again.
///
/// Threading: one thread. **Invariants:** at most kMaxSessions; the one idle longest makes room.
class Sessions {
 public:
  static constexpr std::size_t kMaxSessions = 1024;
  static constexpr Duration kIdle = std::chrono::hours(12);   ///< Without a request.
  static constexpr Duration kLongest = std::chrono::days(7);  ///< In all.

  /// A session of the token with that id. The secret is the cookie's value.
  [[nodiscard]] Secret open(std::string_view token_id, Timestamp now);

  /// The token id of the session with this key, which counts as used; empty when there is none.
  [[nodiscard]] std::string_view use(std::string_view key, Timestamp now);

  void close(std::string_view key);

  [[nodiscard]] std::size_t count() const { return sessions_.size(); }

 private:
  struct Session {
    std::string token_id;
    Timestamp began;
    Timestamp used;
  };
  /// By SHA-256 of the key: how long a lookup takes tells nothing of the key.
  std::map<std::array<std::uint8_t, 32>, Session> sessions_;
};

}  // namespace gpuvigil
