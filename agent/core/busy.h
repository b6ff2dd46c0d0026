// SPDX-License-Identifier: Apache-2.0
#pragma once

// How long something was going on: the exact length of the union of intervals that come in any
// order. Kept are the newest runs of it; what is older is a sum, and an interval that reaches back
// before that is cut off there, so that the length is a lower bound. Under a lock of its owner.

#include <stdbool.h>
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

#define BUSY_BATCH 64U

/// Intervals that are about to be added: those that touch are one run already.
typedef struct busy_batch {
  busy_run newest;
  uint32_t count;             ///< Of the runs before it.
  busy_run runs[BUSY_BATCH];  ///< Disjoint, ascending.
} busy_batch;

/// Begins with an interval.
static inline void gpuvigil_busy_begin(busy_batch* batch, uint64_t from, uint64_t to) {
  batch->newest.from = from;
  batch->newest.to = to;
  batch->count = 0;
}

/// Takes in an interval that is not empty. False, and nothing is changed: the batch is full, or the
/// interval begins before its newest run.
static inline bool gpuvigil_busy_gather(busy_batch* batch, uint64_t from, uint64_t to) {
  const busy_run newest = batch->newest;
  if (__builtin_expect(from < newest.from || batch->count == BUSY_BATCH - 1U, 0)) return false;
  // Without a branch, as nobody can foresee whether there is a pause between two.
  const uint64_t is_next = from > newest.to;
  batch->runs[batch->count].from = newest.from;
  batch->runs[batch->count].to = newest.to;
  batch->count += (uint32_t)is_next;
  batch->newest.from = newest.from + ((from - newest.from) & (0U - is_next));
  batch->newest.to = to > newest.to ? to : newest.to;
  return true;
}

/// No more comes.
static inline void gpuvigil_busy_end(busy_batch* batch) {
  batch->runs[batch->count] = batch->newest;
}

/// Adds what an ended batch holds.
void gpuvigil_busy_add_batch(busy_union* busy, const busy_batch* batch);
