// SPDX-License-Identifier: Apache-2.0
//
// Loaded by CUDA_INJECTION64_PATH instead of the agent: writes CUPTI's buffers as they are, below
// GPU_CHECK_GOLDEN. There the decoder's tests have what a real release makes:
//   buffer-N.bin   the valid bytes of one buffer
//   names.tsv      of each kernel's record: buffer, place in it, name
//   version        as cuptiGetVersion() counts
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/cuda/cupti_abi.h"

#define BUFFER_BYTES ((size_t)64 * 1024)
#define MAX_FILES 64

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char* folder;
static FILE* names;
static int files;
static cupti_next_record next_record;
static int (*flush_all)(uint32_t);

static void request(uint8_t** buffer, size_t* size, size_t* most) {
  *buffer = calloc(1, BUFFER_BYTES);
  *size = BUFFER_BYTES;
  *most = 0;
}

static void write_buffer(uint8_t* buffer, size_t valid) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/buffer-%d.bin", folder, files);
  FILE* const file = fopen(path, "wb");
  if (file == NULL) return;
  fwrite(buffer, 1, valid, file);
  fclose(file);
  void* at = NULL;
  while (next_record(buffer, valid, &at) == CUPTI_SUCCESS) {
    const cupti_kernel* const kernel = at;
    const size_t place = (size_t)((uint8_t*)at - buffer);
    const int is_kernel = kernel->kind == CUPTI_KIND_CONCURRENT_KERNEL;
    fprintf(names, "%d\t%zu\t%u\t%s\n", files, place, kernel->kind, is_kernel ? kernel->name : "");
  }
  ++files;
}

static void complete(void* context, uint32_t stream, uint8_t* buffer, size_t size, size_t valid) {
  (void)context;
  (void)stream;
  (void)size;
  pthread_mutex_lock(&mutex);
  if (files < MAX_FILES && valid != 0) write_buffer(buffer, valid);
  pthread_mutex_unlock(&mutex);
  free(buffer);
}

static void flush_at_exit(void) {
  flush_all(CUPTI_FLUSH_FORCED);
  fclose(names);
}

static void write_version(void* library) {
  char path[4096];
  uint32_t version = 0;
  int (*get)(uint32_t*) = NULL;
  *(void**)&get = dlsym(library, "cuptiGetVersion");
  get(&version);
  snprintf(path, sizeof(path), "%s/version", folder);
  FILE* const file = fopen(path, "w");
  if (file == NULL) return;
  fprintf(file, "%u\n", version);
  fclose(file);
}

__attribute__((visibility("default"))) int InitializeInjection(void);

int InitializeInjection(void) {
  static const uint32_t kinds[] = {CUPTI_KIND_CONCURRENT_KERNEL, CUPTI_KIND_MEMCPY,
                                   CUPTI_KIND_MEMCPY2,           CUPTI_KIND_MEMSET,
                                   CUPTI_KIND_MEMORY2,           CUPTI_KIND_MEMORY_POOL};
  const char* const given = getenv("GPUVIGIL_CUPTI");
  void* const library = dlopen(given != NULL ? given : "libcupti.so.13", RTLD_LAZY);
  char path[4096];
  int (*take_callbacks)(cupti_buffer_requested, cupti_buffer_completed) = NULL;
  int (*enable)(uint32_t) = NULL;
  folder = getenv("GPU_CHECK_GOLDEN");
  if (library == NULL || folder == NULL) return 1;
  snprintf(path, sizeof(path), "%s/names.tsv", folder);
  names = fopen(path, "w");
  if (names == NULL) return 1;
  *(void**)&take_callbacks = dlsym(library, "cuptiActivityRegisterCallbacks");
  *(void**)&enable = dlsym(library, "cuptiActivityEnable");
  *(void**)&flush_all = dlsym(library, "cuptiActivityFlushAll");
  *(void**)&next_record = dlsym(library, "cuptiActivityGetNextRecord");
  write_version(library);
  take_callbacks(request, complete);
  for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); ++i) enable(kinds[i]);
  atexit(flush_at_exit);
  return 1;
}
