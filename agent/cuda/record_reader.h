// SPDX-License-Identifier: Apache-2.0
#pragma once

// From a completed buffer to its records. Pure: it looks at nothing but the buffer, and believes of
// the iterator only what the buffer's bounds allow.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cupti_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/// One buffer while it is read. Threading: one thread at a time.
typedef struct cuda_reader {
  cupti_next_record next;  ///< cuptiActivityGetNextRecord
  uint8_t* buffer;
  size_t valid;  ///< Bytes that CUPTI says it wrote.
  void* at;      ///< The record that was given last.
  uint64_t records;
  uint64_t unknown;  ///< Of a kind that was not asked for.
  bool is_damaged;   ///< What follows could not be read.
} cuda_reader;

/// Begins. `buffer` stays the caller's and must outlive what is read of it.
cuda_reader cuda_reader_open(cupti_next_record next, uint8_t* buffer, size_t valid);

/// The next record, of a kind that this agent knows and with at least the bytes that its struct in
/// cupti_abi.h has; NULL at the end, or where the rest cannot be read (is_damaged).
const void* cuda_reader_next(cuda_reader* reader);

/// The kind of what cuda_reader_next() gave.
static inline uint32_t cuda_record_kind(const void* record) {
  return *(const uint32_t*)record;
}

#ifdef __cplusplus
}
#endif
