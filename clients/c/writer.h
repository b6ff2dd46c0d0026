// SPDX-License-Identifier: Apache-2.0
#pragma once

// The segment that is being written: made, filled from the shards, given up. The publisher's thread
// only, but for gpuvigil_writer_after_fork().

#include <stdbool.h>

#include "series.h"

/// The segment's descriptor, made if there is none; -1 where the system does not let us.
int gpuvigil_writer_descriptor(void);

/// Brings the segment up to what was counted before the call. `is_shared`: a server reads it.
void gpuvigil_writer_publish(bool is_shared);

/// Counts one execution that is in no row, by its GPUVIGIL_LOSS_*. Any thread.
void gpuvigil_writer_count_loss(uint32_t loss);

/// A server had it: what is counted from now on goes into a new one.
void gpuvigil_writer_give_up(void);

/// In the child: the parent's segment is out of reach.
void gpuvigil_writer_after_fork(void);
