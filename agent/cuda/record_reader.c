// SPDX-License-Identifier: Apache-2.0
#include "record_reader.h"

#define KINDS 64U

/// The least that a record of each kind has to have; 0: not asked for.
static const uint16_t least_bytes[KINDS] = {
    [CUPTI_KIND_MEMCPY] = sizeof(cupti_memcpy),
    [CUPTI_KIND_MEMSET] = sizeof(cupti_memset),
    [CUPTI_KIND_KERNEL] = sizeof(cupti_kernel),
    [CUPTI_KIND_CONCURRENT_KERNEL] = sizeof(cupti_kernel),
    [CUPTI_KIND_MEMCPY2] = sizeof(cupti_memcpy2),
    [CUPTI_KIND_MEMORY2] = sizeof(cupti_memory2),
    [CUPTI_KIND_MEMORY_POOL] = sizeof(cupti_memory_pool),
    [CUPTI_KIND_GRAPH_TRACE] = sizeof(cupti_graph_trace),
};

cuda_reader cuda_reader_open(cupti_next_record next, uint8_t* buffer, size_t valid) {
  return (cuda_reader){.next = next, .buffer = buffer, .valid = valid};
}

static const void* give_up(cuda_reader* reader) {
  reader->is_damaged = true;
  reader->valid = 0;
  return NULL;
}

const void* cuda_reader_next(cuda_reader* reader) {
  while (reader->valid != 0) {
    void* const before = reader->at;
    const int result = reader->next(reader->buffer, reader->valid, &reader->at);
    if (result == CUPTI_MAX_LIMIT_REACHED) {
      reader->valid = 0;
      return NULL;
    }
    if (result != CUPTI_SUCCESS) return give_up(reader);
    const uintptr_t place = (uintptr_t)reader->at - (uintptr_t)reader->buffer;
    // An iterator that stands still never ends; one that leaves the buffer reads anything.
    const bool is_further = before == NULL || (uintptr_t)reader->at > (uintptr_t)before;
    if (!is_further || place % sizeof(uint64_t) != 0 || place >= reader->valid ||
        reader->valid - place < sizeof(uint64_t)) {
      return give_up(reader);
    }
    const uint32_t kind = cuda_record_kind(reader->at);
    const size_t least = kind < KINDS ? least_bytes[kind] : 0;
    if (least > reader->valid - place) return give_up(reader);
    ++reader->records;
    if (least != 0) return reader->at;
    ++reader->unknown;
  }
  return NULL;
}
