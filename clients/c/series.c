// SPDX-License-Identifier: Apache-2.0
#include "series.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define HASH_SLOTS (2U * MAX_SERIES)
/// Room is kept for the __other__ of as many devices.
#define DEVICES_TO_COME 8U

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

// Written under the mutex; what lies below the counts never changes (but for pages).
static struct gpuvigil_handle handles[MAX_SERIES];
static series all[MAX_SERIES];
static char names[NAME_BYTES];
static gpuvigil_segment_device devices[MAX_DEVICES];
static uint32_t count;
static uint32_t device_count;

// Under the mutex.
static uint32_t device_other[MAX_DEVICES];
static uint16_t by_hash[HASH_SLOTS];  // 1 + id
static uint32_t name_bytes;
static uint32_t pages_used;

static uint32_t hash_of(const char* name, uint32_t bytes, uint32_t kind, uint32_t device) {
  uint64_t hash = UINT64_C(14695981039346656037) ^ device ^ (uint64_t)kind << 8U;  // FNV-1a
  for (uint32_t i = 0; i < bytes; ++i) {
    hash = (hash ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
  }
  return (uint32_t)(hash ^ (hash >> 32U));
}

/// The place of a series in by_hash, or the empty one where it belongs.
static uint32_t place_of(const char* name, uint32_t bytes, uint32_t kind, uint32_t device) {
  uint32_t place = hash_of(name, bytes, kind, device) % HASH_SLOTS;
  while (by_hash[place] != 0) {
    const series* found = &all[by_hash[place] - 1U];
    if (found->device == device && found->kind == kind && found->name_bytes == bytes &&
        memcmp(names + found->name_offset, name, bytes) == 0) {
      break;
    }
    place = (place + 1U) % HASH_SLOTS;
  }
  return place;
}

/// Room for one more name, beside the __other__ of so many devices.
static bool has_room(uint32_t bytes, uint32_t devices_to_come) {
  return count + devices_to_come < MAX_SERIES &&
         name_bytes + bytes + devices_to_come * sizeof(GPUVIGIL_OTHER_NAME) <= NAME_BYTES;
}

static uint32_t append(uint32_t place, const char* name, uint32_t bytes, uint32_t kind,
                       uint32_t device) {
  const uint32_t id = count;
  memcpy(names + name_bytes, name, bytes);
  all[id] =
      (series){.name_offset = name_bytes, .name_bytes = bytes, .device = device, .kind = kind};
  all[id].other = device < device_count ? device_other[device] : id;
  handles[id].id = id;
  name_bytes += bytes;
  by_hash[place] = (uint16_t)(id + 1U);
  __atomic_store_n(&count, id + 1U, __ATOMIC_RELEASE);
  return id;
}

static void give_page(uint32_t id, uint32_t page) {
  __atomic_store_n(&all[id].pages[page], (uint16_t)(pages_used + 1U), __ATOMIC_RELEASE);
  ++pages_used;
}

/// The index of a device, made with an __other__ whose sketch is whole from the beginning.
static uint32_t device_index(uint32_t number, const char* uuid, const char* name) {
  for (uint32_t i = 0; i < device_count; ++i) {
    if (devices[i].number == number) return i;
  }
  const uint32_t other_bytes = (uint32_t)strlen(GPUVIGIL_OTHER_NAME);
  if (device_count == MAX_DEVICES || !has_room(other_bytes, 0) ||
      pages_used + GPUVIGIL_SKETCH_PAGES > MAX_PAGES) {
    return NO_SERIES;
  }
  const uint32_t index = device_count;
  gpuvigil_segment_device* device = &devices[index];
  device->number = number;
  strncpy(device->uuid, uuid, sizeof(device->uuid) - 1U);
  strncpy(device->name, name, sizeof(device->name) - 1U);
  const uint32_t kind = GPUVIGIL_KIND_BY_NAME;
  const uint32_t other = append(place_of(GPUVIGIL_OTHER_NAME, other_bytes, kind, index),
                                GPUVIGIL_OTHER_NAME, other_bytes, kind, index);
  for (uint32_t page = 0; page < GPUVIGIL_SKETCH_PAGES; ++page) give_page(other, page);
  device_other[index] = other;
  __atomic_store_n(&device_count, index + 1U, __ATOMIC_RELEASE);
  return index;
}

static uint32_t add_locked(const char* name, uint32_t bytes, uint32_t kind, uint32_t number) {
  const uint32_t device = device_index(number, "", "");
  if (device == NO_SERIES) return NO_SERIES;
  const uint32_t place = place_of(name, bytes, kind, device);
  if (by_hash[place] != 0) return by_hash[place] - 1U;
  if (!has_room(bytes, DEVICES_TO_COME)) return device_other[device];
  return append(place, name, bytes, kind, device);
}

uint32_t gpuvigil_series_add(const char* name, uint32_t bytes, uint32_t kind,
                             uint32_t device_number) {
  pthread_mutex_lock(&mutex);
  const uint32_t id = add_locked(name, bytes, kind, device_number);
  pthread_mutex_unlock(&mutex);
  return id;
}

int gpuvigil_series_add_device(uint32_t number, const char* uuid, const char* name) {
  pthread_mutex_lock(&mutex);
  const uint32_t before = device_count;
  const uint32_t index = device_index(number, uuid, name);
  const int result = index == NO_SERIES ? ENOSPC : index < before ? EBUSY : 0;
  pthread_mutex_unlock(&mutex);
  return result;
}

bool gpuvigil_series_claim_page(uint32_t id, uint32_t page) {
  pthread_mutex_lock(&mutex);
  if (all[id].pages[page] == 0) {
    const uint32_t to_come =
        MAX_DEVICES - device_count < DEVICES_TO_COME ? MAX_DEVICES - device_count : DEVICES_TO_COME;
    if (pages_used + 1U + to_come * GPUVIGIL_SKETCH_PAGES <= MAX_PAGES) give_page(id, page);
  }
  const bool has = all[id].pages[page] != 0;
  pthread_mutex_unlock(&mutex);
  return has;
}

gpuvigil_handle* gpuvigil_series_handle(uint32_t id) {
  return &handles[id];
}

const series* gpuvigil_series_at(uint32_t id) {
  return &all[id];
}

const char* gpuvigil_series_name(uint32_t offset) {
  return names + offset;
}

const gpuvigil_segment_device* gpuvigil_series_device(uint32_t index) {
  return &devices[index];
}

uint32_t gpuvigil_series_count(void) {
  return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

uint32_t gpuvigil_series_device_count(void) {
  return __atomic_load_n(&device_count, __ATOMIC_ACQUIRE);
}

void gpuvigil_series_lock(void) {
  pthread_mutex_lock(&mutex);
}

void gpuvigil_series_unlock(void) {
  pthread_mutex_unlock(&mutex);
}

void gpuvigil_series_after_fork(void) {
  pthread_mutex_init(&mutex, NULL);
}
