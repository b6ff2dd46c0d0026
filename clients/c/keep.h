// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a publisher stays connected, and waits. Its thread only.

#include <stdbool.h>
#include <stdint.h>

#include "link.h"

/// CLOCK_MONOTONIC.
uint64_t gpuvigil_keep_now_ms(void);

/// Hears what the server said, gives the segment up that a server had, and connects when it is time
/// or `is_urgent`. Gives when the next time is, which is `next_try` the next time.
uint64_t gpuvigil_keep_linked(link_status* status, uint64_t next_try, bool is_urgent);

/// Waits for `wake` (an eventfd, which it empties), the server, the next try to connect, or
/// `period_ms`.
void gpuvigil_keep_waiting(int wake, uint64_t next_try, uint32_t period_ms);
