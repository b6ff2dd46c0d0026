// SPDX-License-Identifier: Apache-2.0
#pragma once

// How long something was going on: the exact length of the union of intervals that come in any
// order. Kept are the newest runs of it; what is older is a sum, and an interval that reaches back
// before that is cut off there, so that the length is a lower bound. Under a lock of its owner.

#include <stdint.h>

#define BUSY_RUNS 1024U
#define BUSY_LATE 512U

typedef struct busy_run {
  uint64_t from;
  uint64_t to;
} busy_run;

typedef struct busy_union {
  busy_run runs[BUSY_RUNS];  ///< Disjoint, ascending.
  busy_run late[BUSY_LATE];  ///< Not yet among them.
  uint32_t run_count;
  uint32_t late_count;
  uint64_t sealed_ns;     ///< Length of what is before `sealed_until`.
  uint64_t sealed_until;  ///< No run begins before.
} busy_union;

/// [from, to); nothing when it is empty or reversed.
void gpuvigil_busy_add(busy_union* busy, uint64_t from, uint64_t to);

/// Length of the part before `until`. Never falls as `until` grows.
uint64_t gpuvigil_busy_until(busy_union* busy, uint64_t until);
