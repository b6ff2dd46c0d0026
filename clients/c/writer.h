// SPDX-License-Identifier: Apache-2.0
#pragma once

// The segment that is being written: made, filled from the shards, given up. The publisher's thread
// only, but for gpuvigil_writer_after_fork().

#include <stdbool.h>

#include "series.h"

/// What a segment has beside its series.
typedef struct writer_extras {
  const char* writer;  ///< For the header, at most 15 bytes.
  uint32_t abi;        ///< The lowest layout that has what is told.
  uint32_t features;   ///< GPUVIGIL_SEGMENT_HAS_*
  /// A segment begins: says where tables are, the first of them at `end`, EXTRA_BYTES in all.
  void (*lay_out)(gpuvigil_segment_header* header, uint32_t end);
  /// Writes what is not series; within a flush, after the series, between gpuvigil_shard_hold() and
  /// _release(), as are the series of who has this.
  void (*publish)(unsigned char* segment);
} writer_extras;

/// Before the first segment; `extras` has to stay.
void gpuvigil_writer_set_extras(const writer_extras* extras);
uint32_t gpuvigil_writer_abi(void);

/// The rows that are written, for writer_extras::publish.
gpuvigil_segment_row* gpuvigil_writer_row(uint32_t id);
uint32_t gpuvigil_writer_rows(void);

/// The segment's descriptor, made if there is none; -1 where the system does not let us.
int gpuvigil_writer_descriptor(void);

/// Brings the segment up to what was counted before the call. `is_shared`: a server reads it.
void gpuvigil_writer_publish(bool is_shared);

/// Counts executions that are in no row, by their GPUVIGIL_LOSS_*. Any thread.
void gpuvigil_writer_count_losses(uint32_t loss, uint64_t calls);

/// How many were ever counted so as GPUVIGIL_LOSS_UNCOUNTED. Any thread.
uint64_t gpuvigil_writer_lost(void);

/// A server had it: what is counted from now on goes into a new one.
void gpuvigil_writer_give_up(void);

/// In the child: the parent's segment is out of reach.
void gpuvigil_writer_after_fork(void);
