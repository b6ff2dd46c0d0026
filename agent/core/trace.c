// SPDX-License-Identifier: Apache-2.0
#include "trace.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "extras.h"
#include "sealed.h"
#include "writer.h"

#define GET(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
/// Not seen before what was stored before it: an entry's words not before its number is 0.
#define SET(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELEASE)

#define CAPACITY \
  ((GPUVIGIL_TRACE_MAX_BYTES - sizeof(gpuvigil_trace_header)) / sizeof(gpuvigil_trace_entry))
/// Drivers tell of an end a little after it.
#define LINGER_NS UINT64_C(100000000)

gpuvigil_trace_header* gpuvigil_trace_ring;

// The agent's thread.
static gpuvigil_trace_header* ring;  // as the one above, but for whoever holds no lock
static uint64_t id;
static uint64_t until;
static uint64_t untimed_before;
static uint64_t lost_before;

// Under agent_hold(). Nothing that stands in the ring is ever read from there.
static uint64_t from_ns;
static uint64_t until_ns;
static uint64_t head;

void gpuvigil_trace_write(const agent_execution* one) {
  if (one->end_ns < from_ns || one->end_ns >= until_ns) return;
  gpuvigil_trace_entry* const entry =
      (gpuvigil_trace_entry*)(void*)(gpuvigil_trace_ring + 1) + head % CAPACITY;
  SET(entry->number, 0);
  SET(entry->row, one->series);
  SET(entry->device, one->device);
  SET(entry->stream, one->stream);
  SET(entry->start_ns, one->start_ns);
  SET(entry->end_ns, one->end_ns);
  SET(entry->bytes, one->has_bytes ? one->bytes : UINT64_MAX);
  SET(entry->correlation, one->correlation);
  const bool is_known = one->shape != NULL && one->shape != &agent_shape_other;
  const agent_shape* const shape = is_known ? one->shape : &agent_shape_other;
  for (size_t i = 0; i < 3; ++i) {
    SET(entry->grid[i], shape->grid[i]);
    SET(entry->block[i], shape->block[i]);
  }
  SET(entry->registers, shape->registers);
  SET(entry->shared_bytes, shape->static_shared_bytes + shape->dynamic_shared_bytes);
  __atomic_store_n(&entry->number, ++head, __ATOMIC_RELEASE);
  __atomic_store_n(&gpuvigil_trace_ring->head, head, __ATOMIC_RELEASE);
}

static void release(void) {
  if (ring == NULL) return;
  agent_hold();
  gpuvigil_trace_ring = NULL;
  agent_release();
  munmap(ring, GPUVIGIL_TRACE_MAX_BYTES);
  ring = NULL;
}

static void begin(const gpuvigil_trace_request* request) {
  const uint64_t now = agent_now();
  const uint64_t length =
      request->duration_ns < GPUVIGIL_TRACE_MAX_NS ? request->duration_ns : GPUVIGIL_TRACE_MAX_NS;
  id = request->id;
  until = now + length;
  untimed_before = gpuvigil_extras_untimed();
  lost_before = gpuvigil_writer_lost();
  const gpuvigil_trace_header made = {.magic = GPUVIGIL_TRACE_MAGIC,
                                      .id = request->id,
                                      .size = GPUVIGIL_TRACE_MAX_BYTES,
                                      .offset = sizeof(made),
                                      .stride = sizeof(gpuvigil_trace_entry),
                                      .capacity = CAPACITY,
                                      .from_ns = now,
                                      .until_ns = until};
  *ring = made;
  agent_hold();
  from_ns = now;
  until_ns = until;
  head = 0;
  gpuvigil_trace_ring = ring;
  agent_release();
}

int gpuvigil_trace_heed(const gpuvigil_trace_request* request) {
  if (request->duration_ns == 0) {
    if (id == request->id) release();
    return -1;
  }
  release();
  void* mapped = NULL;
  const int fd = gpuvigil_sealed_make("trace:gpuvigil", GPUVIGIL_TRACE_MAX_BYTES, &mapped);
  if (fd < 0) return -1;
  ring = mapped;
  begin(request);
  return fd;
}

uint64_t gpuvigil_trace_due(void) {
  return ring == NULL ? UINT64_MAX : until + LINGER_NS;
}

void gpuvigil_trace_finish(void) {
  if (ring == NULL) return;
  SET(ring->untimed, gpuvigil_extras_untimed() - untimed_before);
  SET(ring->lost, gpuvigil_writer_lost() - lost_before);
  agent_hold();
  gpuvigil_trace_ring = NULL;
  agent_release();
  __atomic_store_n(&ring->is_done, 1U, __ATOMIC_RELEASE);
  release();
}

void gpuvigil_trace_drop(void) {
  release();
}

void gpuvigil_trace_after_fork(void) {
  if (ring != NULL) munmap(ring, GPUVIGIL_TRACE_MAX_BYTES);
  gpuvigil_trace_ring = NULL;
  ring = NULL;
}
