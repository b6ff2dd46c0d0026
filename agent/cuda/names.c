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

const cuda_name* cuda_name_find(const char* name, uint32_t device, cuda_series_of series_of) {
  static const char nameless[16] = "(unnamed)";
  if (name == NULL) name = nameless;
  const uint64_t key = ((uint64_t)(uintptr_t)name ^ device) * UINT64_C(0x9E3779B97F4A7C15);
  const uint32_t first = (uint32_t)(key >> (64U - SLOT_BITS));
  uint64_t head[2];
  read_head(name, head);
  cuda_name* into = &slots[first];
  for (uint32_t probe = 0; probe < PROBES; ++probe) {
    cuda_name* const slot = &slots[(first + probe) % SLOTS];
    if (slot->epoch != epoch) {
      into = slot;
      break;
    }
    if (slot->name != name || slot->device != device) continue;
    if (slot->head[0] == head[0] && slot->head[1] == head[1]) return slot;
    into = slot;
    break;
  }
  const uint32_t kind = kind_of(name);
  *into = (cuda_name){.name = name,
                      .head = {head[0], head[1]},
                      .device = device,
                      .epoch = epoch,
                      .series = series_of(name, kind, device),
                      .kind = kind};
  return into;
}

void cuda_names_forget(void) {
  if (++epoch != 0) return;
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
