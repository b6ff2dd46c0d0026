// SPDX-License-Identifier: Apache-2.0
#pragma once

// Single executions while a server asks for them (gpuvigil/trace_ring.h). Nothing of it is there at
// other times: then it costs agent_count() the look at a pointer.

#include <stdbool.h>
#include <stdint.h>

#include "agent.h"
#include "gpuvigil/trace_ring.h"

/// Where executions of this moment go, or NULL. Under agent_hold().
extern gpuvigil_trace_header* gpuvigil_trace_ring;

/// Writes an execution that ended within the time that was asked for. Under agent_hold(), while
/// gpuvigil_trace_ring is not NULL.
void gpuvigil_trace_write(const agent_execution* one);

// ---- the agent's thread, nothing held ----

/// Does what a server asks for: begins a trace, in place of one that is there, or ends it. The ring
/// to be handed over, which is then the caller's to close; -1: there is none.
int gpuvigil_trace_heed(const gpuvigil_trace_request* request);

/// When the trace is to be looked after next, by CLOCK_MONOTONIC; UINT64_MAX without one.
uint64_t gpuvigil_trace_due(void);

/// Its time has passed, what the driver kept has come in, and everything was published: says so and
/// gives the ring up.
void gpuvigil_trace_finish(void);

/// The server has gone.
void gpuvigil_trace_drop(void);

/// In the child, where no lock is taken.
void gpuvigil_trace_after_fork(void);
