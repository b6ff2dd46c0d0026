// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>

#include "base/clock.h"

namespace gpuvigil {

/// What one look at a rule's condition told.
enum class RuleFinding { kNoData, kFalse, kTrue };

enum class AlertPhase { kIdle, kPending, kFiring };

/// What a look changed that anybody must hear of.
enum class AlertEvent { kNone, kFired, kResolved };

/// How long a condition must be seen to hold before its alert fires, and to be over before the
/// alert resolves. Zero: at the first look.
struct HoldTimes {
  Duration before_firing{};
  Duration before_resolving{};
};

/// Where one rule stands on one device: everything that is remembered between two looks.
struct AlertProgress {
  AlertPhase phase = AlertPhase::kIdle;
  Timestamp since{};  ///< When `phase` began.
  /// How long there has been evidence for leaving the phase: pending, that the condition holds;
  /// firing, that it is over.
  Duration evidence{};
  /// The last look, while it was such evidence: the time from there to the next one counts.
  std::optional<Timestamp> evident_at;
};

struct AlertStep {
  AlertProgress next;
  AlertEvent event = AlertEvent::kNone;
};

/// The life of an alert, as a pure function of what was known and what is seen now:
///
///     idle    --true--------------------> pending
///     pending --true for before_firing--> firing, and says so
///     pending --false-------------------> idle
///     firing  --false for before_resolving--> idle, and says so
///
/// No data is no evidence: it moves an alert in neither direction, and the time around it does not
/// count towards a hold. "Above 90 % for 30 seconds" means 30 seconds that were looked at.
[[nodiscard]] constexpr AlertStep advance(const HoldTimes& hold, const AlertProgress& was,
                                          RuleFinding finding, Timestamp now) {
  const auto enter = [&](AlertPhase phase, AlertEvent event) {
    return AlertStep{{.phase = phase, .since = now, .evidence = {}, .evident_at = {}}, event};
  };
  AlertProgress next = was;
  const RuleFinding evidence =
      was.phase == AlertPhase::kFiring ? RuleFinding::kFalse : RuleFinding::kTrue;

  if (finding == RuleFinding::kNoData) {
    next.evident_at.reset();
    return {next, AlertEvent::kNone};
  }
  if (finding != evidence) {
    if (was.phase == AlertPhase::kPending) return enter(AlertPhase::kIdle, AlertEvent::kNone);
    next.evidence = {};
    next.evident_at.reset();
    return {next, AlertEvent::kNone};
  }
  if (was.phase == AlertPhase::kIdle && hold.before_firing > Duration::zero()) {
    AlertStep step = enter(AlertPhase::kPending, AlertEvent::kNone);
    step.next.evident_at = now;
    return step;
  }
  if (was.evident_at) next.evidence += std::max(now - *was.evident_at, Duration::zero());
  next.evident_at = now;

  const bool firing = was.phase == AlertPhase::kFiring;
  if (next.evidence < (firing ? hold.before_resolving : hold.before_firing)) {
    return {next, AlertEvent::kNone};
  }
  return firing ? enter(AlertPhase::kIdle, AlertEvent::kResolved)
                : enter(AlertPhase::kFiring, AlertEvent::kFired);
}

}  // namespace gpuvigil
