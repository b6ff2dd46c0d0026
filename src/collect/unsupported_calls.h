// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/clock.h"

namespace gpuvigil {

/// Which questions one device does not answer, so that they are not put to it every second for
/// nothing. They are asked again rarely: MIG may be switched off, a driver may wake up.
///
/// Threading: not thread-safe.
class UnsupportedCalls {
 public:
  static constexpr Duration kFirstRest = std::chrono::minutes(1);
  static constexpr Duration kLongestRest = std::chrono::hours(1);

  /// Questions are numbered from 0; there are at most `calls`.
  explicit UnsupportedCalls(std::size_t calls) : rests_(calls) {}

  /// False while a question that was not supported rests.
  [[nodiscard]] bool is_worth_asking(std::size_t call, Timestamp now) const {
    return now >= rests_[call].until;
  }

  /// It was not supported: it rests for a minute, then twice as long each time, at most an hour.
  void refused(std::size_t call, Timestamp now) {
    Rest& rest = rests_[call];
    rest.length =
        rest.length == Duration::zero() ? kFirstRest : std::min(rest.length * 2, kLongestRest);
    rest.until = now + rest.length;
  }

  /// It was answered, even if with a failure that is none of support.
  void answered(std::size_t call) { rests_[call] = {}; }

 private:
  struct Rest {
    Duration length{};
    Timestamp until{};
  };
  std::vector<Rest> rests_;
};

}  // namespace gpuvigil
