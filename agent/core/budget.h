// SPDX-License-Identifier: Apache-2.0
#pragma once

// How closely an agent looks, so that it costs its program no more than it may: a pure function of
// what it cost so far. Asked once a second.

#include <stdint.h>

#define BUDGET_LEVELS 6U

/// One way to look; the lower the closer.
typedef struct budget_level {
  uint32_t detail;  ///< GPUVIGIL_DETAIL_*
  uint32_t every;
} budget_level;

/// Closest first, ends with GPUVIGIL_DETAIL_OFF.
extern const budget_level gpuvigil_budget_levels[BUDGET_LEVELS];

typedef struct budget {
  double allowed;        ///< Share of wall time, 0.01 for 1 %.
  uint32_t level;        ///< Index of gpuvigil_budget_levels.
  uint32_t calm;         ///< Rounds in a row in which a closer look would have been affordable.
  uint32_t calm_needed;  ///< Before it is tried; doubles with each try that failed.
  uint32_t since_up;     ///< Rounds since the last step up.
} budget;

/// `percent` of wall time; what is no number from 0.01 to 100 is 1.
budget gpuvigil_budget_make(const char* percent);

/// After a round of `wall_ns` in which the agent took `cost_ns` of CPU time.
budget gpuvigil_budget_next(budget now, uint64_t cost_ns, uint64_t wall_ns);
