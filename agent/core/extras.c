// SPDX-License-Identifier: Apache-2.0
#include "extras.h"

#include <string.h>
#include <time.h>

#include "shard.h"
#include "tables.h"
#include "writer.h"

#define GET(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define SET(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

_Static_assert(MAX_SHAPES * sizeof(gpuvigil_segment_shape) +
                       MAX_STREAMS * sizeof(gpuvigil_segment_stream) +
                       MAX_DEVICES * sizeof(gpuvigil_segment_memory) <=
                   EXTRA_BYTES,
               "there is room for these tables");

// Any thread.
static uint64_t untimed[MAX_SERIES];
static uint64_t spent_ns;
static uint64_t covered_until;
static uint64_t blind_since;
static uint32_t blind_reason;
static uint32_t detail;
static uint32_t detail_every = 1;
static char runtime[sizeof(((gpuvigil_segment_status*)0)->runtime)];  // under agent_hold()

// The publisher's.
static gpuvigil_segment_header layout;
static uint64_t untimed_before[MAX_SERIES];
static uint64_t untimed_told[MAX_SERIES];
static uint64_t cost_before;
static uint64_t cost_told;
static uint64_t covered_told;

static gpuvigil_segment_table place_table(uint32_t* end, uint32_t stride, uint32_t capacity) {
  const gpuvigil_segment_table table = {.offset = *end, .stride = stride, .capacity = capacity};
  *end += stride * capacity;
  return table;
}

static void lay_out(gpuvigil_segment_header* header, uint32_t end) {
  header->shapes = place_table(&end, sizeof(gpuvigil_segment_shape), MAX_SHAPES);
  header->streams = place_table(&end, sizeof(gpuvigil_segment_stream), MAX_STREAMS);
  header->memories = place_table(&end, sizeof(gpuvigil_segment_memory), MAX_DEVICES);
  // Busy times go on where they ended in the segment before.
  if ((header->features & GPUVIGIL_SEGMENT_HAS_BUSY) != 0) header->since_ns = covered_told;
  layout = *header;
  gpuvigil_shard_hold();
  gpuvigil_tables_begin_segment();
  gpuvigil_shard_release();
  memcpy(untimed_before, untimed_told, sizeof(untimed_before));
  cost_before = cost_told;
}

static void write_shapes(unsigned char* segment) {
  uint32_t count = 0;
  shape_entry* const shapes = gpuvigil_tables_shapes(&count);
  gpuvigil_segment_shape* const into = (void*)(segment + layout.shapes.offset);
  // Of a row that was made just now: in the next round.
  const uint32_t rows = gpuvigil_writer_rows();
  for (uint32_t i = 1; i < count; ++i) {
    if (shapes[i].told.row >= rows) count = i;
  }
  for (uint32_t i = 0; i < count; ++i) {
    into[i] = shapes[i].told;
    into[i].calls = gpuvigil_since_tell(&shapes[i].calls);
    into[i].sum_ns = gpuvigil_since_tell(&shapes[i].sum_ns);
  }
  SET(((gpuvigil_segment_header*)(void*)segment)->shapes_used, count);
}

static void write_streams(unsigned char* segment) {
  uint32_t count = 0;
  stream_entry* const streams = gpuvigil_tables_streams(&count);
  gpuvigil_segment_stream* const into = (void*)(segment + layout.streams.offset);
  const uint32_t devices = ((gpuvigil_segment_header*)(void*)segment)->devices_used;
  for (uint32_t i = 1; i < count; ++i) {
    if (streams[i].told.device >= devices) count = i;
  }
  for (uint32_t i = 0; i < count; ++i) {
    into[i] = streams[i].told;
    into[i].calls = gpuvigil_since_tell(&streams[i].calls);
    into[i].sum_ns = gpuvigil_since_tell(&streams[i].sum_ns);
  }
  SET(((gpuvigil_segment_header*)(void*)segment)->streams_used, count);
}

static void write_devices(unsigned char* segment) {
  gpuvigil_segment_header* const header = (void*)segment;
  gpuvigil_segment_device* const devices = (void*)(segment + layout.devices.offset);
  gpuvigil_segment_memory* const memories = (void*)(segment + layout.memories.offset);
  const uint64_t until = GET(covered_until);
  gpuvigil_tables_cover(until);
  for (uint32_t i = 0; i < header->devices_used; ++i) {
    device_entry* const device = gpuvigil_tables_device(i);
    SET(devices[i].kernel_busy_ns, gpuvigil_since_tell(&device->kernel_busy_ns));
    SET(devices[i].gpu_busy_ns, gpuvigil_since_tell(&device->gpu_busy_ns));
    memories[i] = device->memory;
  }
  SET(header->covered_until_ns, until);
  covered_told = until;
}

static void write_untimed(void) {
  const uint32_t rows = gpuvigil_writer_rows();
  for (uint32_t i = 0; i < rows; ++i) {
    untimed_told[i] = GET(untimed[i]);
    SET(gpuvigil_writer_row(i)->untimed_calls, untimed_told[i] - untimed_before[i]);
  }
}

static void write_status(gpuvigil_segment_status* status) {
  cost_told = gpuvigil_extras_cost();
  status->detail = GET(detail);
  status->detail_every = GET(detail_every);
  status->cost_ns = cost_told - cost_before;
  status->blind_reason = GET(blind_reason);
  status->blind_since_ns = GET(blind_since);
  memcpy(status->runtime, runtime, sizeof(runtime));
}

static void publish(unsigned char* segment) {
  gpuvigil_segment_header* const header = (void*)segment;
  write_untimed();
  write_shapes(segment);
  write_streams(segment);
  write_devices(segment);
  write_status(&header->status);
}

void gpuvigil_extras_start(const agent_plan* plan) {
  static writer_extras extras = {.abi = 2, .lay_out = lay_out, .publish = publish};
  extras.writer = plan->writer;
  extras.features = plan->features | GPUVIGIL_SEGMENT_HAS_STATUS | GPUVIGIL_SEGMENT_HAS_TRACE;
  gpuvigil_writer_set_extras(&extras);
  covered_until = covered_told = agent_now();
}

uint64_t gpuvigil_extras_untimed(void) {
  uint64_t all = 0;
  for (size_t i = 0; i < MAX_SERIES; ++i) all += GET(untimed[i]);
  return all;
}

uint64_t gpuvigil_extras_cost(void) {
  struct timespec own;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own);
  return GET(spent_ns) + (uint64_t)own.tv_sec * UINT64_C(1000000000) + (uint64_t)own.tv_nsec;
}

void gpuvigil_extras_set_detail(uint32_t now, uint32_t every) {
  SET(detail_every, every);
  SET(detail, now);
}

uint32_t agent_detail(uint32_t* every) {
  if (every != NULL) *every = GET(detail_every);
  return GET(detail);
}

void agent_runtime(const char* text) {
  gpuvigil_shard_hold();
  strncpy(runtime, text, sizeof(runtime) - 1U);
  gpuvigil_shard_release();
}

void agent_blind(uint32_t reason) {
  if (reason != 0 && GET(blind_reason) == 0) SET(blind_since, agent_now());
  if (reason == 0) SET(blind_since, 0);
  SET(blind_reason, reason);
}

void agent_covered(uint64_t until_ns) {
  if (until_ns > GET(covered_until)) SET(covered_until, until_ns);
}

void agent_spent(uint64_t ns) {
  __atomic_fetch_add(&spent_ns, ns, __ATOMIC_RELAXED);
}

void agent_count_untimed(uint32_t id, uint64_t calls) {
  if (id >= MAX_SERIES) {
    agent_lose(GPUVIGIL_LOSS_UNCOUNTED, calls);
  } else {
    __atomic_fetch_add(&untimed[id], calls, __ATOMIC_RELAXED);
  }
}
