// SPDX-License-Identifier: Apache-2.0
#pragma once

// How much memory of each device this process has, from the records of its allocations and pools.
// A plain value; no locks, no system calls.

#include <stdbool.h>
#include <stdint.h>

#include "cupti_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CUDA_MAX_DEVICES 64U
#define CUDA_MAX_POOLS 64U

typedef struct cuda_pool {
  uint64_t address;
  uint64_t bytes;  ///< That it holds, in use or not.
  uint32_t device;
} cuda_pool;

typedef struct cuda_memory {
  uint64_t allocated[CUDA_MAX_DEVICES];  ///< All that is allocated now, from pools or not.
  uint64_t pool_used[CUDA_MAX_DEVICES];  ///< What of it is from pools.
  cuda_pool pools[CUDA_MAX_POOLS];       ///< Those beyond are not known to hold anything.
  uint32_t pool_count;
  uint64_t changed;  ///< A bit for each device that has changed; the reader's to clear.
} cuda_memory;

/// Memory of the host, and what may be anywhere (managed), does not count.
void cuda_memory_take(cuda_memory* memory, const cupti_memory2* record);
void cuda_memory_take_pool(cuda_memory* memory, const cupti_memory_pool* record);

/// What the pools of a device hold.
uint64_t cuda_memory_reserved(const cuda_memory* memory, uint32_t device);

#ifdef __cplusplus
}
#endif
