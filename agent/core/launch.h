// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where executions that were launched alike are counted: found once, after which each takes some
// nanoseconds. agent_count() does the same, and finds it anew each time. Held, all of it.

#include "agent.h"
#include "shard.h"
#include "tables.h"

/// It is worth its room where it is called: a call costs a tenth of what a record does.
#define AGENT_INLINE static inline __attribute__((always_inline))

/// What of an execution decides where it is counted: all but its times. Valid until agent_release()
/// and, after agent_launch_renew(), in the next hold, as long as its series is the right one.
typedef struct agent_launch {
  cell* row;             ///< NULL until the first was counted.
  cell_range* range;     ///< Of `row`; NULL until the first was counted in this hold.
  uintptr_t busy;        ///< See agent_busy_of(); 0: its device has no busy times.
  stream_entry* stream;  ///< NULL: not found yet, as nothing was looked at in detail.
  shape_entry* shape;    ///< NULL: it has none, or not found yet.
  uint32_t series;       ///< AGENT_NONE counts as a loss.
  uint32_t kind;
} agent_launch;

/// Where executions like this one are counted. Only where `like->is_detail` may later ones be
/// counted in detail: what is not looked at takes no room in the tables.
agent_launch agent_launch_of(const agent_execution* like);

/// It was found in an earlier hold.
void agent_launch_renew(agent_launch* launch);

/// In its row and among the newest. False, and nothing is changed, where the row has no page of a
/// sketch for it yet, or gets none, and for the first of a hold.
AGENT_INLINE bool agent_launch_count_row(agent_launch* launch, uint64_t start_ns, uint64_t end_ns) {
  cell* const row = launch->row;
  cell_range* const range = launch->range;
  if (range == NULL) return false;
  const uint64_t length = end_ns - start_ns;
  const uint32_t bucket = gpuvigil_sketch_bucket(length);
  gpuvigil_segment_page* const page = row->pages[bucket / GPUVIGIL_SKETCH_PAGE_BUCKETS];
  if (__builtin_expect(page == NULL || page == &gpuvigil_shard_no_room, 0)) return false;
  ++page->counts[bucket % GPUVIGIL_SKETCH_PAGE_BUCKETS];
  if (length < range->min_ns) range->min_ns = length;
  if (length > range->max_ns) range->max_ns = length;
  row->sum_ns += length;
  row->sum_squares_ns2 += (double)length * (double)length;
  if (end_ns >= row->last_end_ns) {
    row->last_end_ns = end_ns;
    row->last_duration_ns = length;
  }
  shard* const all = gpuvigil_shard_shared;
  all->recent[all->recent_head % MAX_RECENT] = (execution){.id = launch->series,
                                                           .duration_ns = length,
                                                           .memory_bytes = GPUVIGIL_NO_MEMORY,
                                                           .start_ns = start_ns,
                                                           .end_ns = end_ns};
  ++all->recent_head;
  ++row->calls;
  return true;
}

static inline bool agent_kind_is_kernel(uint32_t kind) {
  return kind == GPUVIGIL_KIND_COMPUTE || kind == GPUVIGIL_KIND_COLLECTIVE;
}

/// Where what is or is not a kernel keeps a device busy, in one word.
static inline uintptr_t agent_busy_of(busy_pair* pair, bool is_kernel) {
  return (uintptr_t)pair | (pair != NULL && is_kernel);
}

/// Busy times until they are told.
typedef struct agent_busy {
  uintptr_t whose;
  busy_batch batch;
} agent_busy;

/// Tells what was gathered, and gathers what is of `whose`; before agent_release(), with 0.
void agent_busy_tell(agent_busy* busy, uintptr_t whose, uint64_t start_ns, uint64_t end_ns);

/// Beside its row: busy times, stream and shape.
AGENT_INLINE void agent_launch_count_beside(const agent_launch* launch, agent_busy* busy,
                                            uint64_t start_ns, uint64_t end_ns, bool is_detail) {
  const bool is_gathered =
      start_ns == end_ns ||
      (launch->busy == busy->whose && gpuvigil_busy_gather(&busy->batch, start_ns, end_ns));
  if (__builtin_expect(!is_gathered, 0)) agent_busy_tell(busy, launch->busy, start_ns, end_ns);
  if (!is_detail) return;
  ++launch->stream->calls.now;
  launch->stream->sum_ns.now += end_ns - start_ns;
  if (launch->shape == NULL) return;
  ++launch->shape->calls.now;
  launch->shape->sum_ns.now += end_ns - start_ns;
}

/// As agent_launch_count(), for any execution.
void agent_launch_count_any(agent_launch* launch, agent_busy* busy, uint64_t start_ns,
                            uint64_t end_ns, bool is_detail);

/// Counts one execution; `start_ns` 0, or an end before it: untimed. Each that an agent counts
/// comes through here.
AGENT_INLINE void agent_launch_count(agent_launch* launch, agent_busy* busy, uint64_t start_ns,
                                     uint64_t end_ns, bool is_detail) {
  const bool is_timed = start_ns != 0 && end_ns >= start_ns && end_ns - start_ns < AGENT_LONGEST_NS;
  if (__builtin_expect(is_timed && agent_launch_count_row(launch, start_ns, end_ns), 1)) {
    agent_launch_count_beside(launch, busy, start_ns, end_ns, is_detail);
  } else {
    agent_launch_count_any(launch, busy, start_ns, end_ns, is_detail);
  }
}
