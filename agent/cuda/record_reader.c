// SPDX-License-Identifier: Apache-2.0
#include "record_reader.h"

#include <string.h>

/// A length is learned when the iterator has stepped by it so often in a row.
#define LEARNED_TIMES 4U
/// Longer ones are not learned: none of today's has half of that.
#define LONGEST_BYTES 512U
/// So many steps at the beginning of a buffer, and those that end in so many bytes at its end, are
/// the iterator's: they hold what was learned against what it says now.
#define FIRST_STEPS 2U
#define LAST_BYTES 1024U

/// The least that a record of each kind has to have; 0: not asked for.
static const uint16_t least_bytes[CUDA_KINDS] = {
    [CUPTI_KIND_MEMCPY] = sizeof(cupti_memcpy),
    [CUPTI_KIND_MEMSET] = sizeof(cupti_memset),
    [CUPTI_KIND_KERNEL] = sizeof(cupti_kernel),
    [CUPTI_KIND_CONCURRENT_KERNEL] = sizeof(cupti_kernel),
    [CUPTI_KIND_MEMCPY2] = sizeof(cupti_memcpy2),
    [CUPTI_KIND_MEMORY2] = sizeof(cupti_memory2),
    [CUPTI_KIND_MEMORY_POOL] = sizeof(cupti_memory_pool),
    [CUPTI_KIND_GRAPH_TRACE] = sizeof(cupti_graph_trace),
};

cuda_reader cuda_reader_open(cupti_next_record next, cuda_strides* strides, uint8_t* buffer,
                             size_t valid) {
  const size_t direct = strides != NULL && valid > LAST_BYTES ? valid - LAST_BYTES : 0;
  return (cuda_reader){.next = next,
                       .strides = strides,
                       .buffer = buffer,
                       .valid = valid,
                       .last_start = buffer + direct};
}

static const void* give_up(cuda_reader* reader) {
  reader->is_damaged = true;
  reader->valid = 0;
  reader->stride = 0;
  return NULL;
}

static size_t least_of(uint32_t kind) {
  return kind < CUDA_KINDS ? least_bytes[kind] : 0;
}

/// The iterator stepped over a record of a kind.
static void learn(cuda_strides* strides, uint32_t kind, uintptr_t bytes) {
  const size_t least = least_of(kind);
  if (least == 0 || strides->is_irregular) return;
  const bool is_first = strides->seen_times[kind] == 0;
  if (bytes < least || bytes > LONGEST_BYTES ||
      (!is_first && strides->seen_bytes[kind] != (uint16_t)bytes)) {
    memset(strides, 0, sizeof(*strides));
    strides->is_irregular = true;
    return;
  }
  strides->seen_bytes[kind] = (uint16_t)bytes;
  if (strides->seen_times[kind] < LEARNED_TIMES) ++strides->seen_times[kind];
  if (strides->seen_times[kind] == LEARNED_TIMES) strides->bytes[kind] = (uint16_t)bytes;
}

/// How the step from the record that the iterator just gave may be made; `before` is NULL for the
/// first.
static void set_stride(cuda_reader* reader, const void* before) {
  reader->stride = 0;
  if (reader->strides == NULL) return;
  if (before != NULL) {
    learn(reader->strides, cuda_record_kind(before), (uintptr_t)reader->at - (uintptr_t)before);
  }
  const uint32_t kind = cuda_record_kind(reader->at);
  if (reader->records < FIRST_STEPS || kind >= CUDA_KINDS) return;
  reader->stride = reader->strides->bytes[kind];
}

const void* cuda_reader_step(cuda_reader* reader) {
  while (reader->valid != 0) {
    void* const before = reader->at;
    const int result = reader->next(reader->buffer, reader->valid, &reader->at);
    if (result == CUPTI_MAX_LIMIT_REACHED) {
      reader->valid = 0;
      reader->stride = 0;
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
    const size_t least = least_of(cuda_record_kind(reader->at));
    if (least > reader->valid - place) return give_up(reader);
    ++reader->records;
    set_stride(reader, before);
    if (least != 0) return reader->at;
    ++reader->unknown;
  }
  return NULL;
}
