// SPDX-License-Identifier: Apache-2.0
#include "kernels.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#define GET(place) __atomic_load_n(&(place), __ATOMIC_ACQUIRE)
#define SET(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELEASE)

#define SETS 512U
#define WAYS 8U
#define MAX_NAME 8192U

/// What was found out of a kernel on a device. A reader takes the key before and after the value:
/// a handle that is another's now has another key or is found anew.
typedef struct known {
  uint64_t key;    ///< The handle; 0: nothing.
  uint64_t value;  ///< Series, and the device above it.
} known;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static known table[SETS][WAYS];
static uint32_t next_way;

static agent_shape geometries[MAX_GEOMETRIES];
static uint32_t geometry_count = OTHER_GEOMETRY + 1U;
static uint32_t geometry_slots[2U * MAX_GEOMETRIES];  // place; 0: empty

static known* set_of(uint64_t key) {
  return table[(uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 40U) % SETS];
}

static uint32_t find_out(cl_kernel kernel, uint32_t device) {
  char name[MAX_NAME + 1U] = "";
  if (gpuvigil_cl.clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof(name) - 1U, name, NULL) !=
      CL_SUCCESS) {
    name[0] = '\0';
  }
  return agent_series(name, GPUVIGIL_KIND_COMPUTE, device);
}

static void remember(known* set, uint64_t key, uint64_t value) {
  pthread_mutex_lock(&mutex);
  uint32_t way = 0;
  while (way < WAYS && set[way].key != 0) ++way;
  if (way == WAYS) way = next_way++ % WAYS;
  SET(set[way].key, 0);
  SET(set[way].value, value);
  SET(set[way].key, key);
  pthread_mutex_unlock(&mutex);
}

uint32_t gpuvigil_kernel_series(cl_kernel kernel, uint32_t device) {
  const uint64_t key = (uint64_t)(uintptr_t)kernel;
  known* const set = set_of(key);
  for (uint32_t way = 0; way < WAYS; ++way) {
    if (GET(set[way].key) != key) continue;
    const uint64_t value = GET(set[way].value);
    if (value >> 32U == device && GET(set[way].key) == key) return (uint32_t)value;
  }
  const uint32_t series = find_out(kernel, device);
  if (series != AGENT_NONE) remember(set, key, series | (uint64_t)device << 32U);
  return series;
}

void gpuvigil_kernel_made(cl_kernel kernel) {
  const uint64_t key = (uint64_t)(uintptr_t)kernel;
  known* const set = set_of(key);
  pthread_mutex_lock(&mutex);
  for (uint32_t way = 0; way < WAYS; ++way) {
    if (set[way].key == key) SET(set[way].key, 0);
  }
  pthread_mutex_unlock(&mutex);
}

// ---- shapes ----

static uint32_t bounded(size_t number) {
  return number > UINT32_MAX ? UINT32_MAX : (uint32_t)number;
}

static void measure(agent_shape* shape, cl_uint dimensions, const size_t* global,
                    const size_t* local) {
  *shape = (agent_shape){.grid = {1, 1, 1}, .block = {1, 1, 1}};
  if (local == NULL) memset(shape->block, 0, sizeof(shape->block));
  for (cl_uint i = 0; i < dimensions && i < 3; ++i) {
    if (local == NULL || local[i] == 0) {
      shape->grid[i] = bounded(global[i]);
    } else {
      shape->block[i] = bounded(local[i]);
      // A division takes as long as all the rest; sizes are nearly always powers of two.
      const bool is_power = (local[i] & (local[i] - 1U)) == 0;
      shape->grid[i] = bounded(is_power ? (global[i] + local[i] - 1U) >> __builtin_ctzll(local[i])
                                        : (global[i] + local[i] - 1U) / local[i]);
    }
  }
}

static bool is_same(const agent_shape* a, const agent_shape* b) {
  return memcmp(a->grid, b->grid, sizeof(a->grid)) == 0 &&
         memcmp(a->block, b->block, sizeof(a->block)) == 0;
}

static uint32_t add_geometry(uint32_t slot, const agent_shape* shape) {
  pthread_mutex_lock(&mutex);
  uint32_t place = OTHER_GEOMETRY;
  // Somebody else may have been first, with this shape or another.
  while (geometry_slots[slot] != 0 && !is_same(&geometries[geometry_slots[slot]], shape)) {
    slot = (slot + 1U) % (2U * MAX_GEOMETRIES);
  }
  if (geometry_slots[slot] != 0) {
    place = geometry_slots[slot];
  } else if (geometry_count < MAX_GEOMETRIES) {
    place = geometry_count++;
    geometries[place] = *shape;
    SET(geometry_slots[slot], place);
  }
  pthread_mutex_unlock(&mutex);
  return place;
}

uint32_t gpuvigil_geometry_place(cl_uint dimensions, const size_t* global, const size_t* local) {
  if (global == NULL) return 0;
  agent_shape shape;
  measure(&shape, dimensions, global, local);
  uint64_t hash = shape.grid[0] | (uint64_t)shape.block[0] << 32U;
  hash = (hash ^ (hash >> 29U)) * UINT64_C(0x9e3779b97f4a7c15);
  hash ^= shape.grid[1] | (uint64_t)shape.block[1] << 32U;
  hash = (hash ^ (hash >> 29U)) * UINT64_C(0x9e3779b97f4a7c15);
  hash ^= shape.grid[2] | (uint64_t)shape.block[2] << 32U;
  hash = (hash ^ (hash >> 29U)) * UINT64_C(0x9e3779b97f4a7c15);
  uint32_t slot = (uint32_t)(hash >> 40U) % (2U * MAX_GEOMETRIES);
  uint32_t place = GET(geometry_slots[slot]);
  while (place != 0 && !is_same(&geometries[place], &shape)) {
    slot = (slot + 1U) % (2U * MAX_GEOMETRIES);
    place = GET(geometry_slots[slot]);
  }
  return place != 0 ? place : add_geometry(slot, &shape);
}

const agent_shape* gpuvigil_geometry_at(uint32_t place) {
  if (place == 0) return NULL;
  return place == OTHER_GEOMETRY ? &agent_shape_other : &geometries[place];
}
