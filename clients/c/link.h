// SPDX-License-Identifier: Apache-2.0
#pragma once

// The connection to a server. The publisher's thread only, but for gpuvigil_link_after_fork().

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpuvigil/gpuvigil.h"
#include "gpuvigil/trace_ring.h"

#define MAX_WHY 256U

typedef struct link_status {
  gpuvigil_state state;
  char why[MAX_WHY];  ///< A sentence for people.
} link_status;

/// Where to look: `path`, or NULL for the places that gpuvigil.h names. Before the thread starts.
void gpuvigil_link_set_path(const char* path);

/// Tries to hand `segment`, of layout `abi`, over. Nothing here waits: gpuvigil_link_listen() looks
/// for the answer.
void gpuvigil_link_connect(int segment, uint32_t abi, link_status* status);

/// Looks at what the server has said. False when the connection has ended.
bool gpuvigil_link_listen(link_status* status);

/// To be waited on for reading; -1 without a connection.
int gpuvigil_link_descriptor(void);

/// True once the server took the segment.
bool gpuvigil_link_is_taken(void);

/// The newest wish of the server's for a trace, once. False: there is none.
bool gpuvigil_link_take_request(gpuvigil_trace_request* asked);

/// Sends a message, and `beside` it a descriptor that stays the caller's; -1: none. Nothing here
/// waits. False where the server has gone or does not listen.
bool gpuvigil_link_send(void* text, size_t size, int beside);

void gpuvigil_link_close(void);
void gpuvigil_link_after_fork(void);
