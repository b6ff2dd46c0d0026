// SPDX-License-Identifier: Apache-2.0
#include "devices.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "agent.h"

#define MAX_DEVICES 64
#define UUID_TEXT 41U

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool are_known;

void cuda_device_uuid(char* text, const uint8_t bytes[16], const char* name) {
  const char* const prefix = strstr(name, " MIG ") != NULL ? "MIG" : "GPU";
  int at = snprintf(text, UUID_TEXT, "%s-", prefix);
  for (int i = 0; i < 16; ++i) {
    const bool has_dash = i == 4 || i == 6 || i == 8 || i == 10;
    at += snprintf(text + at, UUID_TEXT - (size_t)at, "%s%02x", has_dash ? "-" : "", bytes[i]);
  }
}

/// The driver's, where it is loaded. It counts devices only once it is initialised.
typedef struct driver {
  int (*count)(int* count);
  int (*get)(int* device, int ordinal);
  int (*uuid)(uint8_t* uuid, int device);
  int (*name)(char* name, int size, int device);
} driver;

static bool find_driver(driver* found) {
  void* const library = dlopen("libcuda.so.1", RTLD_NOLOAD | RTLD_LAZY);
  if (library == NULL) return false;
  *(void**)&found->count = dlsym(library, "cuDeviceGetCount");
  *(void**)&found->get = dlsym(library, "cuDeviceGet");
  *(void**)&found->uuid = dlsym(library, "cuDeviceGetUuid_v2");
  *(void**)&found->name = dlsym(library, "cuDeviceGetName");
  // Before 11.4; the same but that parts of a GPU have the UUID of the whole.
  if (found->uuid == NULL) *(void**)&found->uuid = dlsym(library, "cuDeviceGetUuid");
  return found->count != NULL && found->get != NULL;
}

static void add(const driver* from, int ordinal) {
  uint8_t bytes[16] = {0};
  char uuid[UUID_TEXT] = "";
  char name[64] = "";
  int device = 0;
  if (from->get(&device, ordinal) != 0) return;
  if (from->name == NULL || from->name(name, (int)sizeof(name), device) != 0) name[0] = '\0';
  name[sizeof(name) - 1U] = '\0';
  if (from->uuid != NULL && from->uuid(bytes, device) == 0) cuda_device_uuid(uuid, bytes, name);
  agent_device((uint32_t)ordinal, uuid, name);
  agent_log("device %d is %s, %s", ordinal, uuid, name);
}

static bool resolve_locked(void) {
  driver from = {0};
  int count = 0;
  if (!find_driver(&from) || from.count(&count) != 0) return false;
  for (int i = 0; i < count && i < MAX_DEVICES; ++i) add(&from, i);
  return true;
}

bool cuda_devices_are_known(void) {
  return __atomic_load_n(&are_known, __ATOMIC_ACQUIRE);
}

bool cuda_devices_resolve(void) {
  if (cuda_devices_are_known()) return true;
  if (pthread_mutex_trylock(&mutex) != 0) return false;  // somebody is about it
  if (!are_known && resolve_locked()) __atomic_store_n(&are_known, true, __ATOMIC_RELEASE);
  pthread_mutex_unlock(&mutex);
  return cuda_devices_are_known();
}
