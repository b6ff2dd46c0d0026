// SPDX-License-Identifier: Apache-2.0
#include "kernels.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PLACES 8192U  // a power of two
#define MOST_KERNELS 6144U
#define MOST_NAME_BYTES 8192U
#define MOST_BYTES (4U << 20U)

typedef struct kernel_entry {
  uint64_t kernel;
  char* name;  ///< NULL: the place is free.
  uint32_t device;
  uint32_t kind;
  uint32_t series;  ///< On that device; AGENT_NONE: not asked for yet.
} kernel_entry;

static kernel_entry places[PLACES];
static uint32_t kernels;
static size_t bytes;

static kernel_entry* find(uint64_t kernel) {
  uint32_t place = (uint32_t)(kernel * UINT64_C(0x9E3779B97F4A7C15) >> 51U) % PLACES;
  while (places[place].name != NULL && places[place].kernel != kernel) {
    place = (place + 1U) % PLACES;
  }
  return &places[place];
}

void rocm_kernel_named(uint64_t kernel, const char* name) {
  kernel_entry* const entry = find(kernel);
  size_t length = name == NULL ? 0 : strnlen(name, MOST_NAME_BYTES);
  if (entry->name != NULL || length == 0) return;
  if (kernels == MOST_KERNELS || bytes + length > MOST_BYTES) return;
  if (length > 3 && memcmp(name + length - 3, ".kd", 3) == 0) length -= 3;
  char* const copy = malloc(length + 1U);
  if (copy == NULL) return;
  memcpy(copy, name, length);
  copy[length] = '\0';
  const bool is_collective =
      strstr(copy, "ncclDevKernel") != NULL || strstr(copy, "ncclKernel") != NULL;
  *entry = (kernel_entry){.kernel = kernel,
                          .name = copy,
                          .kind = is_collective ? GPUVIGIL_KIND_COLLECTIVE : GPUVIGIL_KIND_COMPUTE,
                          .series = AGENT_NONE};
  ++kernels;
  bytes += length;
}

rocm_series rocm_kernel_series(uint64_t kernel, uint32_t device) {
  kernel_entry* const entry = find(kernel);
  if (entry->name == NULL) {
    const uint32_t other = agent_series("__other__", GPUVIGIL_KIND_COMPUTE, device);
    return (rocm_series){.series = other, .kind = GPUVIGIL_KIND_COMPUTE};
  }
  if (entry->series == AGENT_NONE || entry->device != device) {
    entry->device = device;
    entry->series = agent_series(entry->name, entry->kind, device);
  }
  return (rocm_series){.series = entry->series, .kind = entry->kind};
}
