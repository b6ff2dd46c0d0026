// SPDX-License-Identifier: Apache-2.0
#include "budget.h"

#include <stdbool.h>
#include <stddef.h>

#include "gpuvigil/segment.h"

#define DEFAULT_PERCENT 1.0
#define CALM_ROUNDS 10U
#define MOST_CALM_ROUNDS 640U  // ten minutes

const budget_level gpuvigil_budget_levels[BUDGET_LEVELS] = {
    {GPUVIGIL_DETAIL_FULL, 1},     {GPUVIGIL_DETAIL_SAMPLED, 4}, {GPUVIGIL_DETAIL_SAMPLED, 16},
    {GPUVIGIL_DETAIL_SAMPLED, 64}, {GPUVIGIL_DETAIL_COUNTS, 1},  {GPUVIGIL_DETAIL_OFF, 1},
};

/// It steps down before the budget is used up, and up where a level that costs four times as much
/// would still be well within it.
static const double kAlarming = 0.8;
/// Before it looks away altogether the budget has to be used up: counting is worth all of it.
static const double kSpent = 1.0;
static const double kExcessive = 3.0;
static const double kCalm = 0.15;

/// Digits with at most one point; else -1. (strtod() goes by the program's locale.)
static double number_of(const char* text) {
  double value = 0;
  double unit = 0;  // of the next digit behind the point
  bool has_digit = false;
  for (; *text != '\0'; ++text) {
    if (*text == '.' && unit == 0) {
      unit = 0.1;
    } else if (*text < '0' || *text > '9') {
      return -1;
    } else if (unit == 0) {
      value = 10 * value + (*text - '0');
      has_digit = true;
    } else {
      value += unit * (*text - '0');
      unit /= 10;
      has_digit = true;
    }
  }
  return has_digit ? value : -1;
}

budget gpuvigil_budget_make(const char* percent) {
  double value = percent != NULL ? number_of(percent) : DEFAULT_PERCENT;
  if (!(value >= 0.01 && value <= 100)) value = DEFAULT_PERCENT;
  return (budget){.allowed = value / 100, .calm_needed = CALM_ROUNDS, .since_up = CALM_ROUNDS};
}

static budget step_down(budget now, uint32_t levels) {
  // What it had tried was too much: the next try waits longer.
  if (now.since_up < CALM_ROUNDS && now.calm_needed < MOST_CALM_ROUNDS) now.calm_needed *= 2U;
  now.level = now.level + levels < BUDGET_LEVELS ? now.level + levels : BUDGET_LEVELS - 1U;
  now.calm = 0;
  now.since_up = CALM_ROUNDS;
  return now;
}

budget gpuvigil_budget_next(budget now, uint64_t cost_ns, uint64_t wall_ns) {
  if (wall_ns == 0) return now;
  const double share = (double)cost_ns / (double)wall_ns / now.allowed;
  if (now.since_up < CALM_ROUNDS) ++now.since_up;
  if (share > kExcessive) return step_down(now, 2);
  const bool is_off_next = now.level == BUDGET_LEVELS - 2U;
  if (share > (is_off_next ? kSpent : kAlarming)) return step_down(now, 1);
  now.calm = share < kCalm ? now.calm + 1U : 0;
  // It has proved affordable: a burst that is over is no reason to wait for ever.
  if (now.since_up == CALM_ROUNDS && now.calm == 6U * CALM_ROUNDS) now.calm_needed = CALM_ROUNDS;
  if (now.level == 0 || now.calm < now.calm_needed) return now;
  --now.level;
  now.calm = 0;
  now.since_up = 0;
  return now;
}
