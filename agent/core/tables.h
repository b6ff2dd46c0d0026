// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an agent tells beside its series: shapes, streams, busy times, memory. Under the lock of
// agent_hold().

#include "agent.h"
#include "busy.h"
#include "series.h"

#define MAX_SHAPES 512U
#define MAX_SHAPES_OF_A_ROW 16U
#define MAX_STREAMS 256U

/// A counter: as it is, as it was told last, and what of that is in segments before this one.
typedef struct since {
  uint64_t now;
  uint64_t told;
  uint64_t before;
} since;

/// What is to be told in the present segment.
uint64_t gpuvigil_since_tell(since* counter);

typedef struct shape_entry {
  gpuvigil_segment_shape told;  ///< Without its counters.
  since calls;
  since sum_ns;
} shape_entry;

typedef struct stream_entry {
  gpuvigil_segment_stream told;  ///< Without its counters.
  since calls;
  since sum_ns;
} stream_entry;

typedef struct device_entry {
  since kernel_busy_ns;  ///< As far as gpuvigil_tables_cover() was told.
  since gpu_busy_ns;
  gpuvigil_segment_memory memory;
} device_entry;

/// The busy times of a device.
typedef struct busy_pair {
  busy_union kernels;
  busy_union all;
} busy_pair;

/// Where what runs on a device (index) keeps it busy; NULL without memory, or for no device.
busy_pair* gpuvigil_tables_busy(uint32_t device);

/// Where an execution counts by its stream, and by its shape, made where there is room. NULL: an
/// execution without a shape.
stream_entry* gpuvigil_tables_stream(const agent_execution* one);
shape_entry* gpuvigil_tables_shape(const agent_execution* one);

void gpuvigil_tables_remember(uint32_t device, uint64_t allocated, uint64_t pool_reserved,
                              uint64_t pool_used);

/// Brings the busy times of the devices up to a time.
void gpuvigil_tables_cover(uint64_t until_ns);

/// Whatever was told so far is in the segment before.
void gpuvigil_tables_begin_segment(void);

/// Entries, the first of which is that of all that have none.
shape_entry* gpuvigil_tables_shapes(uint32_t* count);
stream_entry* gpuvigil_tables_streams(uint32_t* count);
device_entry* gpuvigil_tables_device(uint32_t index);
