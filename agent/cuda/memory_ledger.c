// SPDX-License-Identifier: Apache-2.0
#include "memory_ledger.h"

#define POOL_CREATED 1U
#define POOL_DESTROYED 2U

static bool is_of_device(uint32_t memory_kind) {
  return memory_kind == CUPTI_MEMORY_KIND_DEVICE || memory_kind == CUPTI_MEMORY_KIND_ARRAY ||
         memory_kind == CUPTI_MEMORY_KIND_DEVICE_STATIC;
}

/// Records may be missing: what is given back twice is not less than nothing.
static void change(uint64_t* sum, uint64_t bytes, bool is_more) {
  if (is_more) {
    *sum = bytes <= UINT64_MAX - *sum ? *sum + bytes : UINT64_MAX;
  } else {
    *sum = bytes <= *sum ? *sum - bytes : 0;
  }
}

/// The entry of a pool, made where there is room; NULL: there is none.
static cuda_pool* find_pool(cuda_memory* memory, uint64_t address, uint32_t device) {
  for (uint32_t i = 0; i < memory->pool_count; ++i) {
    cuda_pool* const pool = &memory->pools[i];
    if (pool->address == address && pool->device == device) return pool;
  }
  if (memory->pool_count == CUDA_MAX_POOLS) return NULL;
  cuda_pool* const made = &memory->pools[memory->pool_count++];
  *made = (cuda_pool){.address = address, .device = device};
  return made;
}

void cuda_memory_take(cuda_memory* memory, const cupti_memory2* record) {
  const bool is_more = record->operation == CUPTI_MEMORY_ALLOCATION;
  if (!is_more && record->operation != CUPTI_MEMORY_RELEASE) return;
  if (record->device >= CUDA_MAX_DEVICES || !is_of_device(record->memory_kind)) return;
  change(&memory->allocated[record->device], record->bytes, is_more);
  memory->changed |= UINT64_C(1) << record->device;
  if (record->is_async == 0 || record->pool_address == 0) return;
  change(&memory->pool_used[record->device], record->bytes, is_more);
  if (record->pool_type != CUPTI_POOL_LOCAL) return;  // of another process: its size is not told
  cuda_pool* const pool = find_pool(memory, record->pool_address, record->device);
  if (pool != NULL) pool->bytes = record->pool_bytes;
}

void cuda_memory_take_pool(cuda_memory* memory, const cupti_memory_pool* record) {
  if (record->device >= CUDA_MAX_DEVICES || record->operation < POOL_CREATED) return;
  cuda_pool* const pool = find_pool(memory, record->address, record->device);
  if (pool == NULL) return;
  memory->changed |= UINT64_C(1) << record->device;
  pool->bytes = record->type == CUPTI_POOL_LOCAL ? record->bytes : 0;
  if (record->operation == POOL_DESTROYED) *pool = memory->pools[--memory->pool_count];
}

uint64_t cuda_memory_reserved(const cuda_memory* memory, uint32_t device) {
  uint64_t sum = 0;
  for (uint32_t i = 0; i < memory->pool_count; ++i) {
    if (memory->pools[i].device == device) change(&sum, memory->pools[i].bytes, true);
  }
  return sum;
}
