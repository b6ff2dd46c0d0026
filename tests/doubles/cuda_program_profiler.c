// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/cuda/cupti_abi.h"
#include "cuda_program.h"

#define BUFFER_BYTES ((size_t)1 << 20U)

static uint64_t records;
static uint64_t strange;  // buffers that it never gave
static uint8_t* given[1024];
static uint32_t given_count;
static cupti_next_record next_record;

static void request(uint8_t** buffer, size_t* size, size_t* most) {
  *buffer = aligned_alloc(8, BUFFER_BYTES);
  *size = BUFFER_BYTES;
  *most = 0;
  const uint32_t place = __atomic_fetch_add(&given_count, 1, __ATOMIC_ACQ_REL);
  if (place < sizeof(given) / sizeof(given[0])) given[place] = *buffer;
}

static void complete(void* context, uint32_t stream, uint8_t* buffer, size_t size, size_t valid) {
  (void)context;
  (void)stream;
  (void)size;
  for (uint32_t i = 0; i < given_count && i < sizeof(given) / sizeof(given[0]); ++i) {
    if (given[i] != buffer) continue;
    void* at = NULL;
    while (next_record(buffer, valid, &at) == CUPTI_SUCCESS) ++records;
    given[i] = NULL;
    free(buffer);
    return;
  }
  ++strange;  // as Kineto: logged, and left alone
}

static void* find(const char* name) {
  void* const library = dlopen("libcupti.so.13", RTLD_LAZY);
  void* const found = library != NULL ? dlsym(library, name) : NULL;
  if (found == NULL) abort();
  return found;
}

void profiler_start(void) {
  int (*take_callbacks)(cupti_buffer_requested, cupti_buffer_completed) = NULL;
  int (*enable)(uint32_t) = NULL;
  *(void**)&take_callbacks = find("cuptiActivityRegisterCallbacks");
  *(void**)&enable = find("cuptiActivityEnable");
  *(void**)&next_record = find("cuptiActivityGetNextRecord");
  records = 0;
  take_callbacks(request, complete);
  enable(CUPTI_KIND_CONCURRENT_KERNEL);
  enable(CUPTI_KIND_MEMCPY);
}

void profiler_stop(void) {
  int (*flush)(uint32_t) = NULL;
  int (*disable)(uint32_t) = NULL;
  *(void**)&flush = find("cuptiActivityFlushAll");
  *(void**)&disable = find("cuptiActivityDisable");
  flush(CUPTI_FLUSH_FORCED);
  disable(CUPTI_KIND_CONCURRENT_KERNEL);
  disable(CUPTI_KIND_MEMCPY);
  printf("profiler saw %llu\n", (unsigned long long)records);
  fflush(stdout);
}
