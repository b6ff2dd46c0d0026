// SPDX-License-Identifier: Apache-2.0
#pragma once

// What of an agent goes into the segment beside its series.

#include <stdint.h>

#include "agent.h"

/// Tells the writer of it. Before the first segment.
void gpuvigil_extras_start(const agent_plan* plan);

/// The counters of agent_spent() and of the agent's own thread.
uint64_t gpuvigil_extras_cost(void);

/// Everything that agent_count_untimed() counted in a row. Any thread.
uint64_t gpuvigil_extras_untimed(void);

/// What agent_detail() says from now on.
void gpuvigil_extras_set_detail(uint32_t detail, uint32_t every);
