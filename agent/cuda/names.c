// SPDX-License-Identifier: Apache-2.0
#include "names.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gpuvigil/segment.h"

#define SLOTS 4096U
#define SLOT_BITS 12U
#define PROBES 8U
#define PAGE 4096U
#define NAME_SCAN 8192U

#define DEVICE_BITS 6U

_Static_assert(sizeof(cuda_name) == 32, "two in a line");
static cuda_name slots[SLOTS];
static uint32_t epoch = 1;

/// The first 16 bytes of a text, which may be shorter: what lies behind it on the same page of
/// memory can be read as well, and is the same the next time or costs one lookup more.
#ifdef __SANITIZE_ADDRESS__
static void read_head(const char* text, uint64_t head[2]) {
  head[0] = head[1] = 0;
  memcpy(head, text, strnlen(text, 16));
}
#else
static inline void read_head(const char* text, uint64_t head[2]) {
  if (((uintptr_t)text & (PAGE - 1U)) <= PAGE - 16U) {
    __builtin_memcpy(head, text, 16);
    return;
  }
  head[0] = head[1] = 0;
  memcpy(head, text, strnlen(text, 16));
}
#endif

uint32_t cuda_kind_of_kernel(const char* name) {
  static const char* const libraries[] = {"nccl", "rccl", "nvshmem"};
  for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); ++i) {
    if (strcasestr(name, libraries[i]) != NULL) return GPUVIGIL_KIND_COLLECTIVE;
  }
  return GPUVIGIL_KIND_COMPUTE;
}

static uint32_t kind_of(const char* name) {
  // A name without an end would be scanned for ever; who has one does not communicate.
  return strnlen(name, NAME_SCAN) < NAME_SCAN ? cuda_kind_of_kernel(name) : GPUVIGIL_KIND_COMPUTE;
}

/// Where a kernel of this epoch is, or may be put; `is_found` says which.
static cuda_name* find_slot(const char* name, uint32_t when, const uint64_t head[2],
                            bool* is_found) {
  const uint64_t key = ((uint64_t)(uintptr_t)name ^ when) * UINT64_C(0x9E3779B97F4A7C15);
  const uint32_t first = (uint32_t)(key >> (64U - SLOT_BITS));
  *is_found = false;
  for (uint32_t probe = 0; probe < PROBES; ++probe) {
    cuda_name* const slot = &slots[(first + probe) % SLOTS];
    if (slot->name == name && slot->when == when) {
      *is_found = slot->head[0] == head[0] && slot->head[1] == head[1];
      return slot;
    }
    if (slot->when >> DEVICE_BITS != epoch) return slot;
  }
  return &slots[first];
}

const cuda_name* cuda_name_find(const char* name, uint32_t device, cuda_series_of series_of) {
  static const char nameless[16] = "(unnamed)";
  if (name == NULL) name = nameless;
  bool is_found = false;
  uint64_t head[2];
  read_head(name, head);
  const uint32_t when = epoch << DEVICE_BITS | device;
  cuda_name* const slot = find_slot(name, when, head, &is_found);
  if (__builtin_expect(is_found, 1)) return slot;
  const uint32_t kind = kind_of(name);
  const uint32_t series = series_of(name, kind, device);
  *slot = (cuda_name){
      .name = name, .head = {head[0], head[1]}, .when = when, .what = series << 4U | kind};
  return slot;
}

void cuda_name_head(const char* name, uint64_t head[2]) {
  head[0] = head[1] = 0;
  if (name != NULL) read_head(name, head);
}

void cuda_names_forget(void) {
  epoch = (epoch + 1U) & (UINT32_MAX >> DEVICE_BITS);
  if (epoch != 0) return;
  memset(slots, 0, sizeof(slots));
  epoch = 1;
}

static const char* const copies[] = {"Unknown", "HtoD", "DtoH", "HtoA", "AtoH", "AtoA",
                                     "AtoD",    "DtoA", "DtoD", "HtoH", "PtoP"};
static const char* const memories[] = {"Unknown", "Pageable", "Pinned",        "Device",
                                       "Array",   "Managed",  "Device Static", "Managed Static"};

static const char* memory_name(uint32_t kind) {
  return memories[kind < sizeof(memories) / sizeof(memories[0]) ? kind : 0];
}

void cuda_copy_name(char* text, uint32_t copy_kind, uint32_t source_kind,
                    uint32_t destination_kind) {
  const char* const copy = copies[copy_kind < sizeof(copies) / sizeof(copies[0]) ? copy_kind : 0];
  snprintf(text, 64, "Memcpy %s (%s -> %s)", copy, memory_name(source_kind),
           memory_name(destination_kind));
}

void cuda_set_name(char* text, uint32_t memory_kind) {
  snprintf(text, 64, "Memset (%s)", memory_name(memory_kind));
}
