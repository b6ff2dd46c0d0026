// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "model/backend_status.h"

namespace gpuvigil {

/// Decides which changes of backends are worth a line of the log: each change of state at once, and
/// of a backend that stays as it is a new reason, but at most one a minute. A hung driver's reason
/// counts the seconds; it is told once.
///
/// Threading: one thread.
class BackendWatch {
 public:
  static constexpr Duration kQuiet = std::chrono::minutes(1);

  /// One line: `level=... event=... backend=... why=...`.
  struct Line {
    LogLevel level = LogLevel::kInfo;
    std::string_view event;
    std::string backend;
    std::string why;
  };

  /// What has changed since the last call. A backend that never worked is no news to act on, since
  /// most machines lack most drivers: info. One that did, or that hangs: warn.
  [[nodiscard]] std::vector<Line> look(std::span<const BackendStatus> backends, Timestamp now);

 private:
  struct Known {
    BackendState state = BackendState::kStarting;
    std::string problem;  ///< The one that was told.
    Timestamp told{};
    bool worked = false;
  };
  std::unordered_map<std::string, Known> known_;  ///< By name; as many as there are backends.
};

}  // namespace gpuvigil
