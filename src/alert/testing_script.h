// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "alert/life_cycle.h"

namespace gpuvigil::testing {

inline constexpr Timestamp kStart =
    from_unix_ns(1'767'323'045'000'000'000);  // 2026-01-02T03:04:05Z

inline RuleFinding finding_of(char c) {
  return c == 'T' ? RuleFinding::kTrue : c == 'F' ? RuleFinding::kFalse : RuleFinding::kNoData;
}

/// A look a second: T holds, F does not, ? no data. The drawing: - idle, p pending, f firing,
/// ! fired here, . resolved here.
inline std::string drawing(const HoldTimes& hold, std::string_view looks) {
  std::string drawn;
  AlertProgress progress;
  Timestamp now = kStart;
  for (const char c : looks) {
    const AlertStep step = advance(hold, progress, finding_of(c), now);
    progress = step.next;
    now += std::chrono::seconds(1);
    if (step.event != AlertEvent::kNone) {
      drawn += step.event == AlertEvent::kFired ? '!' : '.';
    } else {
      drawn += progress.phase == AlertPhase::kIdle      ? '-'
               : progress.phase == AlertPhase::kPending ? 'p'
                                                        : 'f';
    }
  }
  return drawn;
}

/// Any bytes as a script of looks.
inline std::string looks_from(const std::vector<std::uint8_t>& raw) {
  std::string looks;
  for (const std::uint8_t byte : raw) looks += "TTTFF?"[byte % 6U];
  return looks;
}

}  // namespace gpuvigil::testing
