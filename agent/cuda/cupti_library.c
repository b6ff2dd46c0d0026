// SPDX-License-Identifier: Apache-2.0
#include "cupti_library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 4096U
#define OLDEST_VERSION 13U  // 11.0

/// Newest first. Until 11.8 the minor version was part of the name.
static const struct {
  int major;
  const char* name;
} names[] = {
    {13, "libcupti.so.13"},   {12, "libcupti.so.12"},   {11, "libcupti.so.11.8"},
    {11, "libcupti.so.11.7"}, {11, "libcupti.so.11.6"}, {11, "libcupti.so.11.5"},
    {11, "libcupti.so.11.4"}, {11, "libcupti.so.11.3"}, {11, "libcupti.so.11.2"},
    {11, "libcupti.so.11.1"}, {11, "libcupti.so.11.0"},
};
#define NAMES (sizeof(names) / sizeof(names[0]))

/// Where libcupti is, seen from the folder of libcudart: conda and CUDA 13 of pip; CUDA 11 and 12
/// of pip; a toolkit, by either of the two ways that lead to its libraries.
static const char* const beside_runtime[] = {"", "/../../cuda_cupti/lib", "/../extras/CUPTI/lib64",
                                             "/../../../extras/CUPTI/lib64"};

static const struct {
  uint32_t version;
  const char* harm;
} known_harm[] = {
    {130000,
     "CUPTI of CUDA 13.0 may crash its program while it is flushed; 13.0 Update 1 does not"},
};

const char* cupti_known_harm(uint32_t version) {
  for (size_t i = 0; i < sizeof(known_harm) / sizeof(known_harm[0]); ++i) {
    if (known_harm[i].version == version) return known_harm[i].harm;
  }
  return NULL;
}

/// The release of CUDA that the loaded driver is of; a large number where it does not say.
static int driver_major(void) {
  int version = 0;
  int (*get)(int*) = NULL;
  void* const driver = dlopen("libcuda.so.1", RTLD_NOLOAD | RTLD_LAZY);
  if (driver != NULL) *(void**)&get = dlsym(driver, "cuDriverGetVersion");
  if (get == NULL || get(&version) != 0 || version < 1000) return 1000;
  return version / 1000;
}

static void* open_loaded(void) {
  for (size_t i = 0; i < NAMES; ++i) {
    void* const library = dlopen(names[i].name, RTLD_NOLOAD | RTLD_LAZY);
    if (library != NULL) return library;
  }
  return NULL;
}

/// In a folder, or with NULL wherever the loader finds it.
static void* open_named(const char* folder, int newest) {
  char path[PATH_BYTES];
  for (size_t i = 0; i < NAMES; ++i) {
    if (names[i].major > newest) continue;
    const char* name = names[i].name;
    if (folder != NULL) {
      const int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
      if (length < 0 || (size_t)length >= sizeof(path)) continue;
      name = path;
    }
    void* const library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    if (library != NULL) return library;
  }
  return NULL;
}

static void* open_in_toolkit(int newest) {
  char folder[PATH_BYTES];
  const char* const home = getenv("CUDA_HOME");
  if (home == NULL || home[0] != '/') return NULL;
  const int length = snprintf(folder, sizeof(folder), "%s/extras/CUPTI/lib64", home);
  if (length < 0 || (size_t)length >= sizeof(folder)) return NULL;
  return open_named(folder, newest);
}

/// Writes the folder of the first loaded library that is called libcudart into `folder`, of
/// PATH_BYTES; false where there is none.
static bool find_runtime(char* folder) {
  char line[PATH_BYTES + 128U];  // a longer path is cut, and found nowhere
  FILE* const maps = fopen("/proc/self/maps", "re");
  bool is_found = false;
  while (maps != NULL && !is_found && fgets(line, sizeof(line), maps) != NULL) {
    const char* const path = strchr(line, '/');
    const char* const slash = path != NULL ? strrchr(path, '/') : NULL;
    if (slash == NULL || strncmp(slash + 1, "libcudart.so", 12) != 0) continue;
    const size_t length = (size_t)(slash - path);
    if (length >= PATH_BYTES) continue;
    memcpy(folder, path, length);
    folder[length] = '\0';
    is_found = true;
  }
  if (maps != NULL) fclose(maps);
  return is_found;
}

static void* open_beside_runtime(int newest) {
  char runtime[PATH_BYTES];
  char folder[PATH_BYTES + 64U];
  if (!find_runtime(runtime)) return NULL;
  for (size_t i = 0; i < sizeof(beside_runtime) / sizeof(beside_runtime[0]); ++i) {
    snprintf(folder, sizeof(folder), "%s%s", runtime, beside_runtime[i]);
    void* const library = open_named(folder, newest);
    if (library != NULL) return library;
  }
  return NULL;
}

static void* open_library(void) {
  void* library = open_loaded();
  const char* const given = getenv("GPUVIGIL_CUPTI");
  if (library != NULL) return library;
  if (given != NULL && given[0] != '\0') return dlopen(given, RTLD_LAZY | RTLD_LOCAL);
  const int newest = driver_major();
  library = open_named(NULL, newest);
  if (library == NULL) library = open_in_toolkit(newest);
  if (library == NULL) library = open_beside_runtime(newest);
  return library;
}

bool cupti_open(cupti_calls* calls, char* why) {
  const struct {
    void** to;
    const char* name;
    bool is_needed;
  } wanted[] = {
      {(void**)&calls->get_version, "cuptiGetVersion", true},
      {(void**)&calls->subscribe, "cuptiSubscribe", true},
      {(void**)&calls->register_callbacks, "cuptiActivityRegisterCallbacks", true},
      {(void**)&calls->enable, "cuptiActivityEnable", true},
      {(void**)&calls->disable, "cuptiActivityDisable", true},
      {(void**)&calls->flush_all, "cuptiActivityFlushAll", true},
      {(void**)&calls->next_record, "cuptiActivityGetNextRecord", true},
      {(void**)&calls->dropped, "cuptiActivityGetNumDroppedRecords", false},
  };
  void* const library = open_library();
  if (library == NULL) {
    snprintf(why, CUPTI_WHY_BYTES, "no libcupti was found");
    return false;
  }
  for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); ++i) {
    *wanted[i].to = dlsym(library, wanted[i].name);
    if (*wanted[i].to == NULL && wanted[i].is_needed) {
      snprintf(why, CUPTI_WHY_BYTES, "libcupti has no %s", wanted[i].name);
      return false;
    }
  }
  const int result = calls->get_version(&calls->version);
  if (result != CUPTI_SUCCESS || calls->version < OLDEST_VERSION) {
    snprintf(why, CUPTI_WHY_BYTES, "libcupti is too old: version %u", calls->version);
    return false;
  }
  return true;
}
