// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/rule_text.h"

namespace gpuvigil {

enum class Severity { kWarning, kCritical };
enum class AlertState { kPending, kFiring, kResolved };

[[nodiscard]] constexpr std::string_view to_string(Severity severity) {
  return severity == Severity::kCritical ? "critical" : "warning";
}

[[nodiscard]] constexpr std::string_view to_string(AlertState state) {
  switch (state) {
    case AlertState::kPending:
      return "pending";
    case AlertState::kFiring:
      return "firing";
    case AlertState::kResolved:
      return "resolved";
  }
  return "resolved";
}

/// One rule that holds, or held, on one device.
struct Alert {
  std::string id;  ///< Unique while the server lives: of the rule, the device and the start.
  std::string rule;
  Severity severity = Severity::kWarning;
  AlertState state = AlertState::kPending;
  std::string message;  ///< A sentence without a full stop.
  Timestamp began{};    ///< When it began to fire; while pending, to hold.
  std::optional<Timestamp> resolved_at;
  std::string metric;  ///< A name of history and rules: "memory_usage".
  double value = 0;    ///< The worst while it fired, in the metric's unit.
  double threshold = 0;
  std::uint32_t device = 0;  ///< Index, for display; of no meaning without a UUID.
  std::string uuid;          ///< Empty: it is about the whole machine.
  bool acknowledged = false;
  std::string kernel = {};           ///< As recorded; empty: it is about no kernel.
  std::string acknowledged_by = {};  ///< The name of a token, or "local".
  Labels labels = {};                ///< Of its rule.
  std::string runbook = {};          ///< Empty: none.
  bool notify = false;               ///< Its rule calls people.
  bool silenced = false;             ///< A silence keeps it from calling them.
  bool inhibited = false;            ///< Another alert that fires explains it.
};

}  // namespace gpuvigil
