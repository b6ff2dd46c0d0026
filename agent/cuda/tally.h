// SPDX-License-Identifier: Apache-2.0
#pragma once

// Counts what is in a buffer of CUPTI.

#include <stddef.h>
#include <stdint.h>

#include "cupti_abi.h"

/// Holds the agent, and lets go of it: around some buffers, as what counting needs has left the
/// caches by the next time. Any thread.
void cuda_tally_begin(void);
void cuda_tally_end(void);

/// Counts the records of one buffer. Between the two above.
void cuda_tally_buffer(cupti_next_record next, uint8_t* buffer, size_t valid);

/// Counts the executions of a buffer as lost: what is in it cannot be told from another's.
void cuda_tally_lost(cupti_next_record next, uint8_t* buffer, size_t valid);

/// A flush has ended: addresses of names may mean something else from now on. Any thread.
void cuda_tally_forget_names(void);
