// SPDX-License-Identifier: Apache-2.0
#pragma once

// From a completed buffer to its records. Pure: it looks at nothing but the buffer, and believes of
// the iterator only what the buffer's bounds allow.
//
// All records of a kind have one length in a release of CUPTI. It is learned from the steps of
// CUPTI's own iterator and then stepped by directly, which takes a tenth of the time. The iterator
// still makes the first steps of a buffer, those near its end, and those from and to a kind whose
// length is not known; if it ever steps otherwise than was learned it makes all steps from then on.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cupti_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CUDA_KINDS 64U  ///< Those of records are below.

/// The lengths of records, as far as they are known. All zero at first. Threading: one at a time.
typedef struct cuda_strides {
  uint16_t bytes[CUDA_KINDS];  ///< To be stepped by; 0: by CUPTI's iterator.
  uint16_t seen_bytes[CUDA_KINDS];
  uint8_t seen_times[CUDA_KINDS];
  bool is_irregular;  ///< The iterator did not step as it had before: it is asked each time.
} cuda_strides;

/// One buffer while it is read. Threading: one thread at a time.
typedef struct cuda_reader {
  cupti_next_record next;  ///< cuptiActivityGetNextRecord
  cuda_strides* strides;   ///< NULL: each step is the iterator's.
  uint8_t* buffer;
  size_t valid;         ///< Bytes that CUPTI says it wrote.
  void* at;             ///< The record that was given last.
  size_t stride;        ///< From `at` to the next one; 0: the iterator has to say.
  uint8_t* last_start;  ///< What is learned is stepped by to no further than here.
  uint64_t records;
  uint64_t unknown;  ///< Of a kind that was not asked for.
  bool is_damaged;   ///< What follows could not be read.
} cuda_reader;

/// Begins. `buffer` stays the caller's and must outlive what is read of it, and so must `strides`,
/// which may be NULL and is learned in.
cuda_reader cuda_reader_open(cupti_next_record next, cuda_strides* strides, uint8_t* buffer,
                             size_t valid);

/// The kind of what cuda_reader_next() gave.
static inline uint32_t cuda_record_kind(const void* record) {
  return *(const uint32_t*)record;
}

/// As cuda_reader_next(), by CUPTI's iterator.
const void* cuda_reader_step(cuda_reader* reader);

/// The next record, of a kind that this agent knows and with at least the bytes that its struct in
/// cupti_abi.h has; NULL at the end, or where the rest cannot be read (is_damaged).
static inline const void* cuda_reader_next(cuda_reader* reader) {
  if (reader->stride == 0) return cuda_reader_step(reader);
  uint8_t* const next = (uint8_t*)reader->at + reader->stride;
  if (next > reader->last_start) return cuda_reader_step(reader);
  const uint32_t kind = cuda_record_kind(next);
  const size_t stride = kind < CUDA_KINDS ? reader->strides->bytes[kind] : 0;
  if (stride == 0) return cuda_reader_step(reader);
  reader->at = next;
  reader->stride = stride;
  ++reader->records;
  return next;
}

/// The record behind `record`, which the reader gave or this did, when it is of the same kind and
/// what was learned leads to it; else NULL. The reader does not move: see cuda_reader_move().
static inline const void* cuda_reader_peek(const cuda_reader* reader, const void* record) {
  const uint8_t* const next = (const uint8_t*)record + reader->stride;
  if (reader->stride == 0 || next > reader->last_start) return NULL;
  return cuda_record_kind(next) == cuda_record_kind(record) ? next : NULL;
}

/// Goes on to a record that cuda_reader_peek() gave, `records` further.
static inline void cuda_reader_move(cuda_reader* reader, const void* record, uint64_t records) {
  reader->at = (uint8_t*)reader->buffer + ((const uint8_t*)record - reader->buffer);
  reader->records += records;
}

#ifdef __cplusplus
}
#endif
