// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/clock.h"

namespace gpuvigil {

/// The name of a user, empty where there is none. May ask a server on the network, and wait.
[[nodiscard]] std::string user_name_of(std::uint32_t uid);

/// Names of users, remembered: asking may take long, so it is done apart from reading them.
class UserNames {
 public:
  using Ask = std::function<std::string(std::uint32_t uid)>;

  static constexpr std::size_t kMaxNames = 1'024;
  static constexpr Duration kRemembered = std::chrono::minutes(10);

  explicit UserNames(Ask ask = user_name_of) : ask_(std::move(ask)) {}

  /// What is remembered; nothing where it is still to be asked for.
  [[nodiscard]] std::optional<std::string> find(std::uint32_t uid);

  /// Asks for all that find() did not know, and forgets what is old. False where there was nothing
  /// to ask. May wait.
  bool ask_for_missing(Timestamp now);

 private:
  Ask ask_;
  Timestamp since_{};
  std::unordered_map<std::uint32_t, std::string> names_;
  std::unordered_set<std::uint32_t> missing_;
};

}  // namespace gpuvigil
