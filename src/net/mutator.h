// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gpuvigil::testing {

/// Makes requests that are nearly good: takes valid ones and spoils them in a few places, as chance
/// and its seed will. The same seed makes the same requests.
class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : state_(seed) {}

  /// The next one: one or two requests with one to four changes.
  [[nodiscard]] std::string next();

  /// From 0 to `end` - 1. Requires `end` > 0.
  [[nodiscard]] std::size_t below(std::size_t end);

 private:
  void change(std::string& wire);

  std::uint64_t state_;
};

/// What a Mutator begins with: requests and upgrades of every kind, each good.
[[nodiscard]] const std::vector<std::string>& good_requests();

}  // namespace gpuvigil::testing
