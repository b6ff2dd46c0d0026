// SPDX-License-Identifier: Apache-2.0
#pragma once

// The series of this process: what each is called, and which pages of the segment its sketch has.
// Given out once and for ever, so that a segment is laid out as this table is.

#include <stdbool.h>
#include <stdint.h>

#include "gpuvigil/gpuvigil.h"
#include "gpuvigil/segment.h"

#define MAX_SERIES 1024U
#define MAX_DEVICES 64U
#define MAX_NAME 8192U
#define NAME_BYTES (160U * 1024U)
#define MAX_RECENT 256U
/// For what a writer tells beside its series; who has such sets it when this is compiled.
#ifndef EXTRA_BYTES
#define EXTRA_BYTES 0U
#endif
/// What is left of the largest segment.
#define MAX_PAGES                                                                               \
  ((GPUVIGIL_SEGMENT_MAX_BYTES - sizeof(gpuvigil_segment_header) -                              \
    MAX_DEVICES * sizeof(gpuvigil_segment_device) - MAX_SERIES * sizeof(gpuvigil_segment_row) - \
    MAX_RECENT * sizeof(gpuvigil_segment_recent) - NAME_BYTES - EXTRA_BYTES) /                  \
   sizeof(gpuvigil_segment_page))

#define NO_SERIES UINT32_MAX

struct gpuvigil_handle {
  uint32_t id;
};

typedef struct series {
  uint32_t name_offset;
  uint32_t name_bytes;
  uint32_t device;                        ///< Index in the table of devices.
  uint32_t kind;                          ///< GPUVIGIL_KIND_*
  uint32_t other;                         ///< The series of the device's __other__.
  uint16_t pages[GPUVIGIL_SKETCH_PAGES];  ///< 1 + index; 0: none yet. Atomic.
} series;

/// The id of a name of a kind on a device; that of its __other__ where there is no room, NO_SERIES
/// where there is none for that either. Takes a lock.
uint32_t gpuvigil_series_add(const char* name, uint32_t bytes, uint32_t kind,
                             uint32_t device_number);

/// 0, or an errno. Takes a lock.
int gpuvigil_series_add_device(uint32_t number, const char* uuid, const char* name);

/// A page for a part of a sketch, made if there is room. Takes a lock.
bool gpuvigil_series_claim_page(uint32_t id, uint32_t page);

gpuvigil_handle* gpuvigil_series_handle(uint32_t id);
const series* gpuvigil_series_at(uint32_t id);
const char* gpuvigil_series_name(uint32_t offset);
const gpuvigil_segment_device* gpuvigil_series_device(uint32_t index);

/// Entries below these numbers are complete. Any thread.
uint32_t gpuvigil_series_count(void);
uint32_t gpuvigil_series_device_count(void);

/// Around fork(); `series_after_fork` in the child.
void gpuvigil_series_lock(void);
void gpuvigil_series_unlock(void);
void gpuvigil_series_after_fork(void);
