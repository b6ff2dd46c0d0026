// SPDX-License-Identifier: Apache-2.0
#pragma once

// One command from before it is enqueued until it has run.

#include <stdbool.h>
#include <stdint.h>

#include "devices.h"
#include "driver.h"

typedef struct watch {
  cl_event* event;  ///< To be handed to the driver: the program's place, or `own`.
  cl_event own;
  cl_event* wanted;  ///< The program's place, or NULL.
  cl_queue_entry* queue;
  uint32_t series;
  uint64_t ticket;       ///< What the command counts as, where it is timed.
  uint64_t before_ns;    ///< When this began, of the few whose cost is measured; else 0.
  uint64_t enqueued_ns;  ///< When the driver was called.
  bool is_timed;
} watch;

/// Before a kernel is enqueued. Without a queue that is known, `event` is the program's.
void gpuvigil_watch_kernel(watch* w, cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                           const size_t* global, const size_t* local, cl_event* wanted);
/// Before anything else is.
void gpuvigil_watch_transfer(watch* w, cl_command_queue queue, transfer what, cl_event* wanted);

/// After it was, with what the driver said.
void gpuvigil_watch_end(watch* w, cl_int result);

/// For agent_plan.flush: how far everything is counted.
void gpuvigil_watch_flush(void);
