// SPDX-License-Identifier: Apache-2.0
#pragma once

// What one thread counted. Only the thread that holds a shard writes it; the publisher reads it.
// Shards are never freed: the next thread goes on counting where one ended.

#include <stdbool.h>
#include <stdint.h>

#include "series.h"

#define MAX_SHARDS 256U

/// The shortest and the longest of one epoch.
typedef struct cell_range {
  uint64_t epoch;
  uint64_t min_ns;
  uint64_t max_ns;
} cell_range;

/// Written by relaxed stores in this order, `calls` last.
typedef struct cell {
  uint64_t sum_ns;
  double sum_squares_ns2;
  uint64_t last_end_ns;
  uint64_t last_duration_ns;
  uint64_t memory_calls;
  uint64_t memory_bytes;
  uint64_t calls;

  uint64_t largest_memory_bytes;
  cell_range extremes[2];  ///< Of the last two epochs in which it was used, odd and even ones.
  gpuvigil_segment_page* pages[GPUVIGIL_SKETCH_PAGES];
} cell;

/// One execution, as it is counted and as it is listed.
typedef struct execution {
  uint64_t id;  ///< Of its series.
  uint64_t duration_ns;
  uint64_t memory_bytes;  ///< Or GPUVIGIL_NO_MEMORY.
  uint64_t start_ns;      ///< CLOCK_MONOTONIC; 0: nobody knows.
  uint64_t end_ns;
} execution;

/// What the publisher has taken of a cell.
typedef struct cell_taken {
  cell counters;  ///< Without its pages.
  gpuvigil_segment_page* pages[GPUVIGIL_SKETCH_PAGES];
} cell_taken;

typedef struct shard {
  cell* cells[MAX_SERIES];
  uint64_t recent_head;  ///< Entry n is at n modulo MAX_RECENT.
  execution recent[MAX_RECENT];
  struct shard* next_free;

  // The publisher's.
  cell_taken* taken[MAX_SERIES];
  uint64_t recent_taken;
} shard;

/// Counts on the shard of this thread what ends now. False where there is no memory.
bool gpuvigil_shard_record(uint32_t id, uint64_t duration_ns, uint64_t memory_bytes);

/// For those who count much at once: what lies between is counted on the shard of all who have none
/// of their own. Taken before the lock of series.h.
void gpuvigil_shard_hold(void);
bool gpuvigil_shard_record_held(const execution* one);
void gpuvigil_shard_release(void);

/// What lies between is counted without atomics where the publisher holds as well: then an agent
/// may count by itself in this shard and in its cells, of which there are those in which something
/// was recorded. Neither ever moves.
extern shard* gpuvigil_shard_shared;

/// The extremes of a cell for what is counted until gpuvigil_shard_release(); NULL while nothing
/// was in this epoch. Held.
cell_range* gpuvigil_shard_extremes(cell* counted);

/// Shards below this number exist. Any thread.
uint32_t gpuvigil_shard_count(void);
shard* gpuvigil_shard_at(uint32_t index);

/// Stands where a sketch has no page and gets none: its executions go to __other__.
extern gpuvigil_segment_page gpuvigil_shard_no_room;

/// Begins a new epoch and gives its number: extremes of what is recorded from now on are kept apart
/// from those before. The publisher, before it reads cells.
uint64_t gpuvigil_shard_new_epoch(void);

void gpuvigil_shard_lock(void);
void gpuvigil_shard_unlock(void);
/// In the child: nothing was counted, and nothing is until gpuvigil_shard_resume().
void gpuvigil_shard_after_fork(void);
void gpuvigil_shard_resume(void);
