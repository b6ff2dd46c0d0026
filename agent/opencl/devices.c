// SPDX-License-Identifier: Apache-2.0
#include "devices.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"
#include "identity.h"

#define GET(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define SET(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

#define PROBES 32U
#define SECOND_NS UINT64_C(1000000000)
/// A command that runs longer than this is told of as idle time while it runs.
#define LONGEST_WAIT_NS (10U * SECOND_NS)
#define CLOCK_SPAN_NS (2U * SECOND_NS)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static cl_queue_entry queues[MAX_CL_QUEUES];
static uint32_t queues_made;
static cl_device_entry devices[MAX_CL_DEVICES];
static uint32_t device_count;

static const struct {
  const char* name;
  uint32_t kind;
} kTransfers[TRANSFERS] = {
    [TRANSFER_READ] = {"Memcpy DtoH", GPUVIGIL_KIND_MEMCPY},
    [TRANSFER_WRITE] = {"Memcpy HtoD", GPUVIGIL_KIND_MEMCPY},
    [TRANSFER_COPY] = {"Memcpy DtoD", GPUVIGIL_KIND_MEMCPY},
    [TRANSFER_MAP] = {"Memcpy map", GPUVIGIL_KIND_MEMCPY},
    [TRANSFER_UNMAP] = {"Memcpy unmap", GPUVIGIL_KIND_MEMCPY},
    [TRANSFER_FILL] = {"Memset", GPUVIGIL_KIND_MEMSET},
    [TRANSFER_MIGRATE] = {"Memcpy migrate", GPUVIGIL_KIND_MEMCPY},
    [TRANSFER_NATIVE] = {"(native kernel)", GPUVIGIL_KIND_COMPUTE},
};

uint32_t gpuvigil_transfer_kind(transfer what) {
  return kTransfers[what].kind;
}

// ---- devices ----

/// The place of a device, made when it is new; parts of a device are the device.
static uint32_t device_place(cl_device_id device) {
  device = gpuvigil_identity_root(device);
  for (uint32_t i = 0; i < device_count; ++i) {
    if (devices[i].device == device) return i;
  }
  if (device_count == MAX_CL_DEVICES) return AGENT_NONE;
  const uint32_t place = device_count;
  cl_device_entry* const made = &devices[place];
  device_identity identity;
  gpuvigil_identity_of(device, &identity);
  made->device = device;
  made->index = agent_device(place, identity.uuid, identity.name);
  if (made->index == AGENT_NONE) return AGENT_NONE;
  for (uint32_t i = 0; i < TRANSFERS; ++i) {
    made->series[i] = agent_series(kTransfers[i].name, kTransfers[i].kind, place);
  }
  made->ahead[0] = made->ahead[1] = UINT64_MAX;
  agent_runtime(identity.runtime);
  agent_log("device %u: %s %s, %s", place, identity.uuid, identity.name, identity.runtime);
  device_count = place + 1U;
  return place;
}

cl_device_entry* gpuvigil_device_at(uint32_t place) {
  return &devices[place];
}

void gpuvigil_device_heard(cl_device_entry* device, uint64_t end_ns, uint64_t now) {
  if (now - device->ahead_since > CLOCK_SPAN_NS) {
    device->ahead_since = now;
    device->ahead[1] = device->ahead[0];
    device->ahead[0] = UINT64_MAX;
  }
  // Differences may be "negative": their order is that of signed numbers.
  const int64_t ahead = (int64_t)(now - end_ns);
  if (device->ahead[0] == UINT64_MAX || ahead < (int64_t)device->ahead[0]) {
    device->ahead[0] = (uint64_t)ahead;
  }
}

uint64_t gpuvigil_device_time(const cl_device_entry* device, uint64_t ns) {
  const uint64_t now = device->ahead[0];
  const uint64_t before = device->ahead[1];
  if (now == UINT64_MAX) return before == UINT64_MAX ? 0 : ns + before;
  const bool is_before = before != UINT64_MAX && (int64_t)before < (int64_t)now;
  return ns + (is_before ? before : now);
}

// ---- queues ----

static uint32_t hash_of(uint64_t key) {
  return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 40U) % MAX_CL_QUEUES;
}

cl_queue_entry* gpuvigil_queue_find(cl_command_queue queue) {
  const uint64_t key = (uint64_t)(uintptr_t)queue;
  const uint32_t first = hash_of(key);
  for (uint32_t i = 0; i < PROBES; ++i) {
    cl_queue_entry* const entry = &queues[(first + i) % MAX_CL_QUEUES];
    if (__atomic_load_n(&entry->key, __ATOMIC_ACQUIRE) == key) return entry;
  }
  return NULL;
}

/// Where a handle is, or belongs; NULL without room.
static cl_queue_entry* place_of(cl_command_queue queue) {
  cl_queue_entry* const found = gpuvigil_queue_find(queue);
  if (found != NULL) return found;
  const uint32_t first = hash_of((uint64_t)(uintptr_t)queue);
  for (uint32_t i = 0; i < PROBES; ++i) {
    cl_queue_entry* const entry = &queues[(first + i) % MAX_CL_QUEUES];
    if (GET(entry->key) == 0) return entry;
  }
  return NULL;
}

void gpuvigil_queue_add(cl_command_queue queue, cl_device_id device,
                        cl_command_queue_properties wanted, bool is_profiled) {
  pthread_mutex_lock(&mutex);
  cl_queue_entry* const entry = place_of(queue);
  const uint32_t place = entry != NULL ? device_place(device) : AGENT_NONE;
  if (place != AGENT_NONE) {
    entry->device = place;
    entry->stream = ++queues_made;
    entry->wanted = wanted;
    entry->is_profiled = is_profiled;
    agent_hold();
    entry->quiet_until = agent_now();
    agent_release();
    __atomic_store_n(&entry->key, (uint64_t)(uintptr_t)queue, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&mutex);
}

void gpuvigil_queue_remove(cl_command_queue queue) {
  pthread_mutex_lock(&mutex);
  cl_queue_entry* const entry = gpuvigil_queue_find(queue);
  if (entry != NULL) SET(entry->key, 0);
  pthread_mutex_unlock(&mutex);
}

uint32_t gpuvigil_queue_place(const cl_queue_entry* queue) {
  return (uint32_t)(queue - queues);
}

cl_queue_entry* gpuvigil_queue_at(uint32_t place) {
  return &queues[place];
}

uint64_t gpuvigil_queues_quiet_until(uint64_t now) {
  uint64_t until = now;
  for (uint32_t i = 0; i < MAX_CL_QUEUES; ++i) {
    cl_queue_entry* const queue = &queues[i];
    const uint64_t enqueued = __atomic_load_n(&queue->enqueued, __ATOMIC_ACQUIRE);
    if (enqueued == queue->completed) {
      queue->quiet_until = now;
    } else if (queue->quiet_until < until) {
      until = queue->quiet_until;
    }
  }
  return until + LONGEST_WAIT_NS < now ? now - LONGEST_WAIT_NS : until;
}
