// SPDX-License-Identifier: Apache-2.0
#pragma once

// The series of a kernel by the address of its name. All records of a kernel point at one name, so
// an address is looked up in a few nanoseconds where a name would have to be hashed; but a module
// that is unloaded takes its names along, and another may put others there. So the first 16 bytes
// are compared, and nothing is remembered for longer than one flush.
//
// Under the lock of agent_hold().

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What is remembered of one kernel on one device; half a line of the cache.
typedef struct cuda_name {
  const char* name;
  uint64_t head[2];  ///< The first 16 bytes; beyond the end whatever was there.
  uint32_t when;     ///< Epoch, and in the lowest bits the device's ordinal.
  uint32_t what;     ///< Series, and in the lowest bits its GPUVIGIL_KIND_*.
} __attribute__((aligned(32))) cuda_name;

/// The series of an entry, UINT32_MAX where there is none; its kind.
static inline uint32_t cuda_name_series(const cuda_name* name) {
  const uint32_t found = name->what >> 4U;
  return found == UINT32_MAX >> 4U ? UINT32_MAX : found;
}
static inline uint32_t cuda_name_kind(const cuda_name* name) {
  return name->what & 15U;
}

/// Asks for the series of a name that is not remembered.
typedef uint32_t (*cuda_series_of)(const char* name, uint32_t kind, uint32_t device);

/// The entry of a kernel; valid until the next call. `name` may be NULL; `device` is below 64.
const cuda_name* cuda_name_find(const char* name, uint32_t device, cuda_series_of series_of);

/// What of a name is compared: its first 16 bytes, and what is behind it where it is shorter. Of no
/// name: zero.
void cuda_name_head(const char* name, uint64_t head[2]);

/// Forgets everything.
void cuda_names_forget(void);

/// GPUVIGIL_KIND_COLLECTIVE for kernels of the libraries that communicate, else _COMPUTE.
uint32_t cuda_kind_of_kernel(const char* name);

/// "Memcpy HtoD (Pinned -> Device)", "Memset (Device)", as recordings of PyTorch call them. The
/// kinds are CUPTI's numbers; `text` has room for 64 bytes.
void cuda_copy_name(char* text, uint32_t copy_kind, uint32_t source_kind,
                    uint32_t destination_kind);
void cuda_set_name(char* text, uint32_t memory_kind);

#ifdef __cplusplus
}
#endif
