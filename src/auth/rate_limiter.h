// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace gpuvigil {

/// How often somebody may ask.
struct Rate {
  double per_second = 10;    ///< More than 0.
  std::uint32_t burst = 50;  ///< So many at once after a pause; at least 1.
  friend bool operator==(const Rate&, const Rate&) = default;
};

/// A limit for each client, as a bucket that holds `burst` and is refilled `per_second` (kept as
/// the one time at which it will be full: GCRA).
///
/// Threading: one thread. **Invariants:** knows at most kMaxClients; who would be one too many
/// while all others are busy shares the bucket of those who are.
class RateLimiter {
 public:
  struct Verdict {
    bool allowed = true;
    std::uint32_t remaining = 0;  ///< That could follow at once.
    Duration retry_after{};       ///< When refused: until one is allowed. Else zero.
  };

  /// Takes one for `client`, if there is one left.
  Verdict take(std::string_view client, const Rate& rate, Timestamp now);

  [[nodiscard]] std::size_t clients() const { return full_at_.size(); }
  /// Requests that met no room for a bucket of their own.
  [[nodiscard]] std::uint64_t crowded() const { return crowded_; }

  static constexpr std::size_t kMaxClients = 10'000;

 private:
  Timestamp& bucket(std::string_view client, Timestamp now);

  std::map<std::string, Timestamp, std::less<>> full_at_;
  Timestamp crowd_full_at_{};
  std::uint64_t crowded_ = 0;
};

/// "10", "10:50" (a burst of 50), "0.5:3". A burst that is not said is five seconds' worth, at
/// least 1. Nothing for anything else, a rate above 1 000 000 or below 0.001.
[[nodiscard]] std::optional<Rate> parse_rate(std::string_view text);
[[nodiscard]] std::string to_string(const Rate& rate);

}  // namespace gpuvigil
