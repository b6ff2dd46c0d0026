// SPDX-License-Identifier: Apache-2.0
#include "shard.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define GET(place) __atomic_load_n(&(place), __ATOMIC_RELAXED)
#define SET(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static shard* shards[MAX_SHARDS + 1U];  // the last place is kept for the shared one
static uint32_t count;
static shard* free_shards;
static bool has_key;
static pthread_key_t key;  // whose destructor gives the shard of a thread back

/// Of all threads beyond MAX_SHARDS and of those that are ending; under its own mutex.
static pthread_mutex_t shared_mutex = PTHREAD_MUTEX_INITIALIZER;
shard* gpuvigil_shard_shared;

static uint64_t epoch = 1;
static bool is_paused;

/// "initial-exec", so that reaching it is no call; the loader keeps room for such in libraries that
/// are opened late.
static _Thread_local shard* mine __attribute__((tls_model("initial-exec")));
static _Thread_local bool is_ending __attribute__((tls_model("initial-exec")));

gpuvigil_segment_page gpuvigil_shard_no_room;

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);  // no system call; at most a tick old
  return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/// False, and nothing is changed, where make_cell() has to come first or there is no room.
static inline bool count_one(shard* s, uint32_t id, const execution* one) {
  const uint64_t duration_ns = one->duration_ns;
  const uint64_t memory_bytes = one->memory_bytes;
  cell* const c = GET(s->cells[id]);
  if (!LIKELY(c != NULL)) return false;
  const uint32_t bucket = gpuvigil_sketch_bucket(duration_ns);
  gpuvigil_segment_page* const page = GET(c->pages[bucket / GPUVIGIL_SKETCH_PAGE_BUCKETS]);
  if (!LIKELY(page != NULL && page != &gpuvigil_shard_no_room)) return false;
  uint32_t* const hits = &page->counts[bucket % GPUVIGIL_SKETCH_PAGE_BUCKETS];
  const uint64_t now = GET(epoch);
  cell_range* const range = &c->extremes[now % 2U];
  if (!LIKELY(GET(range->epoch) == now)) {
    SET(range->min_ns, UINT64_MAX);
    SET(range->max_ns, 0);
    __atomic_store_n(&range->epoch, now, __ATOMIC_RELEASE);
  }
  if (duration_ns < GET(range->min_ns)) SET(range->min_ns, duration_ns);
  if (duration_ns > GET(range->max_ns)) SET(range->max_ns, duration_ns);
  SET(*hits, GET(*hits) + 1U);
  SET(c->sum_ns, GET(c->sum_ns) + duration_ns);
  double squares;
  __atomic_load(&c->sum_squares_ns2, &squares, __ATOMIC_RELAXED);
  squares += (double)duration_ns * (double)duration_ns;
  __atomic_store(&c->sum_squares_ns2, &squares, __ATOMIC_RELAXED);
  if (one->end_ns >= GET(c->last_end_ns)) {
    SET(c->last_end_ns, one->end_ns);
    SET(c->last_duration_ns, duration_ns);
  }
  if (memory_bytes != GPUVIGIL_NO_MEMORY) {
    SET(c->memory_calls, GET(c->memory_calls) + 1U);
    SET(c->memory_bytes, GET(c->memory_bytes) + memory_bytes);
    if (memory_bytes > GET(c->largest_memory_bytes)) SET(c->largest_memory_bytes, memory_bytes);
  }
  execution* const entry = &s->recent[GET(s->recent_head) % MAX_RECENT];
  SET(entry->id, id);
  SET(entry->duration_ns, duration_ns);
  SET(entry->memory_bytes, memory_bytes);
  SET(entry->start_ns, one->start_ns);
  SET(entry->end_ns, one->end_ns);
  __atomic_store_n(&s->recent_head, s->recent_head + 1U, __ATOMIC_RELEASE);
  __atomic_store_n(&c->calls, GET(c->calls) + 1U, __ATOMIC_RELEASE);
  return true;
}

/// What a record of this duration needs: once a series in a thread, once a page of its sketch.
static bool make_cell(shard* s, uint32_t id, uint64_t duration_ns) {
  cell* c = GET(s->cells[id]);
  if (c == NULL) {
    c = calloc(1, sizeof(*c));
    if (c == NULL) return false;
    __atomic_store_n(&s->cells[id], c, __ATOMIC_RELEASE);
  }
  const uint32_t page = gpuvigil_sketch_bucket(duration_ns) / GPUVIGIL_SKETCH_PAGE_BUCKETS;
  if (GET(c->pages[page]) != NULL) return true;
  gpuvigil_segment_page* made = &gpuvigil_shard_no_room;
  if (gpuvigil_series_claim_page(id, page)) made = calloc(1, sizeof(*made));
  if (made == NULL) return false;
  __atomic_store_n(&c->pages[page], made, __ATOMIC_RELEASE);
  return true;
}

static bool count_slowly(shard* s, const execution* one) {
  const uint32_t id = (uint32_t)one->id;
  if (!make_cell(s, id, one->duration_ns)) return false;
  if (count_one(s, id, one)) return true;
  const uint32_t other = gpuvigil_series_at(id)->other;  // which always has room
  return make_cell(s, other, one->duration_ns) && count_one(s, other, one);
}

static void give_back(void* held) {
  is_ending = true;  // other destructors of this thread may still record
  mine = NULL;
  shard* const s = held;
  pthread_mutex_lock(&mutex);
  s->next_free = free_shards;
  free_shards = s;
  pthread_mutex_unlock(&mutex);
}

static shard* take_locked(void) {
  if (!has_key) has_key = pthread_key_create(&key, give_back) == 0;
  if (!has_key) return NULL;
  shard* s = free_shards;
  if (s != NULL) {
    free_shards = s->next_free;
  } else {
    s = count < MAX_SHARDS ? calloc(1, sizeof(*s)) : NULL;
    if (s == NULL) return NULL;
    shards[count] = s;
    __atomic_store_n(&count, count + 1U, __ATOMIC_RELEASE);
  }
  if (pthread_setspecific(key, s) != 0) {
    s->next_free = free_shards;
    free_shards = s;
    return NULL;
  }
  return s;
}

static void make_shared(void) {
  pthread_mutex_lock(&mutex);
  // Room for this one is always left: see take_locked().
  gpuvigil_shard_shared = calloc(1, sizeof(*gpuvigil_shard_shared));
  if (gpuvigil_shard_shared != NULL) {
    shards[count] = gpuvigil_shard_shared;
    __atomic_store_n(&count, count + 1U, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&mutex);
}

void gpuvigil_shard_hold(void) {
  pthread_mutex_lock(&shared_mutex);
}

bool gpuvigil_shard_record_held(const execution* one) {
  if (!LIKELY(gpuvigil_shard_shared != NULL)) make_shared();
  return gpuvigil_shard_shared != NULL &&
         (count_one(gpuvigil_shard_shared, (uint32_t)one->id, one) ||
          count_slowly(gpuvigil_shard_shared, one));
}

cell_range* gpuvigil_shard_extremes(cell* counted) {
  const uint64_t now = GET(epoch);
  cell_range* const range = &counted->extremes[now % 2U];
  return GET(range->epoch) == now ? range : NULL;
}

void gpuvigil_shard_release(void) {
  pthread_mutex_unlock(&shared_mutex);
}

bool gpuvigil_shard_record(uint32_t id, uint64_t duration_ns, uint64_t memory_bytes) {
  const execution one = {
      .id = id, .duration_ns = duration_ns, .memory_bytes = memory_bytes, .end_ns = now_ns()};
  if (LIKELY(mine != NULL) && LIKELY(count_one(mine, id, &one))) return true;
  if (GET(is_paused)) return true;  // a child that has not opened anything
  if (mine == NULL && !is_ending) {
    pthread_mutex_lock(&mutex);
    mine = take_locked();
    pthread_mutex_unlock(&mutex);
  }
  if (mine != NULL) return count_slowly(mine, &one);
  gpuvigil_shard_hold();
  const bool counted = gpuvigil_shard_record_held(&one);
  gpuvigil_shard_release();
  return counted;
}

uint32_t gpuvigil_shard_count(void) {
  return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

shard* gpuvigil_shard_at(uint32_t index) {
  return shards[index];
}

uint64_t gpuvigil_shard_new_epoch(void) {
  return __atomic_add_fetch(&epoch, 1U, __ATOMIC_ACQ_REL);
}

void gpuvigil_shard_lock(void) {
  pthread_mutex_lock(&shared_mutex);
  pthread_mutex_lock(&mutex);
}

void gpuvigil_shard_unlock(void) {
  pthread_mutex_unlock(&mutex);
  pthread_mutex_unlock(&shared_mutex);
}

void gpuvigil_shard_after_fork(void) {
  pthread_mutex_init(&mutex, NULL);
  pthread_mutex_init(&shared_mutex, NULL);
  // What the parent's threads counted is the parent's to tell; the copies of it are given up.
  mine = NULL;
  if (has_key) pthread_setspecific(key, NULL);
  count = 0;
  free_shards = NULL;
  gpuvigil_shard_shared = NULL;
  SET(is_paused, true);
}

void gpuvigil_shard_resume(void) {
  SET(is_paused, false);
}
