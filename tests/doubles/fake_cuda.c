// SPDX-License-Identifier: Apache-2.0
#include "fake_cuda.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN __attribute__((visibility("default")))
#define NOT_INITIALIZED 3
#define INVALID_DEVICE 101
#define INVALID_VALUE 1
#define MAX_DEVICES 64

static fakecu_sink sink;
static bool is_initialized;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int device_count(void) {
  const char* const said = getenv("FAKE_CUDA_DEVICES");
  const int count = said != NULL ? atoi(said) : 1;
  return count < MAX_DEVICES ? count : MAX_DEVICES;
}

/// Which device an ordinal means.
static int device_of(int ordinal) {
  const char* at = getenv("FAKE_CUDA_ORDER");
  for (int i = 0; at != NULL && *at != '\0'; ++i) {
    char* end = NULL;
    const long device = strtol(at, &end, 10);
    if (i == ordinal) return (int)device;
    at = *end == ',' ? end + 1 : end;
  }
  return ordinal;
}

static void inject(void) {
  // As the driver does: the library is called within cuInit(), which has not finished yet.
  const char* const path = getenv("CUDA_INJECTION64_PATH");
  const bool is_verbose = getenv("FAKE_CUDA_VERBOSE") != NULL;
  if (path == NULL || path[0] == '\0') return;
  void* const library = dlopen(path, RTLD_NOW);
  if (library == NULL) {
    if (is_verbose) fprintf(stderr, "fake libcuda: %s\n", dlerror());
    return;
  }
  int (*initialize)(void) = NULL;
  *(void**)&initialize = dlsym(library, "InitializeInjection");
  const int result = initialize != NULL ? initialize() : -1;
  if (is_verbose) fprintf(stderr, "fake libcuda: InitializeInjection gave %d\n", result);
}

static void start(void) {
  inject();
  __atomic_store_n(&is_initialized, true, __ATOMIC_RELEASE);
}

SHOWN int cuInit(unsigned flags) {
  (void)flags;
  pthread_once(&once, start);
  return 0;
}

SHOWN int cuDriverGetVersion(int* version) {
  *version = 13000;
  return 0;
}

SHOWN int cuDeviceGetCount(int* count) {
  if (!__atomic_load_n(&is_initialized, __ATOMIC_ACQUIRE)) return NOT_INITIALIZED;
  *count = device_count();
  return 0;
}

SHOWN int cuDeviceGet(int* device, int ordinal) {
  if (!__atomic_load_n(&is_initialized, __ATOMIC_ACQUIRE)) return NOT_INITIALIZED;
  if (ordinal < 0 || ordinal >= device_count()) return INVALID_DEVICE;
  *device = ordinal;
  return 0;
}

SHOWN int cuDeviceGetUuid_v2(unsigned char* uuid, int device) {
  if (!__atomic_load_n(&is_initialized, __ATOMIC_ACQUIRE)) return NOT_INITIALIZED;
  if (device < 0 || device >= device_count()) return INVALID_DEVICE;
  for (int i = 0; i < 16; ++i) uuid[i] = (unsigned char)(0xA0 + i);
  uuid[15] = (unsigned char)device_of(device);
  return 0;
}

SHOWN int cuDeviceGetName(char* name, int size, int device) {
  if (size <= 0) return INVALID_VALUE;
  const char* const part = getenv("FAKE_CUDA_MIG") != NULL ? " MIG 1g.10gb" : "";
  snprintf(name, (size_t)size, "Fake GPU %d%s", device_of(device), part);
  return 0;
}

SHOWN void fakecu_set_sink(fakecu_sink to) {
  __atomic_store_n(&sink, to, __ATOMIC_RELEASE);
}

SHOWN int fakecu_run(const fake_work* work) {
  if (!__atomic_load_n(&is_initialized, __ATOMIC_ACQUIRE)) return NOT_INITIALIZED;
  const fakecu_sink to = __atomic_load_n(&sink, __ATOMIC_ACQUIRE);
  if (to != NULL) to(work);
  return 0;
}
