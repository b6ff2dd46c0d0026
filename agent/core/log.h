// SPDX-License-Identifier: Apache-2.0
#pragma once

// The log that GPUVIGIL_AGENT_LOG asks for; agent_log() of agent.h writes it.

/// Looks at the environment. Once, before the first line.
void gpuvigil_log_start(const char* writer);
/// In the child: its lines are under its own number.
void gpuvigil_log_after_fork(void);
