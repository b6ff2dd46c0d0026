// SPDX-License-Identifier: Apache-2.0
//
// The double of libcupti; fake_cuda.h says what can be asked of it.
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/cuda/cupti_abi.h"
#include "fake_cuda.h"

#define SHOWN __attribute__((visibility("default")))
#define MAX_BUFFERS 1024U
#define KINDS 64U

/// Bytes of a record by release: the first row whose version is not below what is asked for.
static const struct {
  uint32_t version;
  uint16_t bytes[KINDS];
} releases[] = {
#define RELEASE(version, kernel, copy, copy2, set, memory, pool, graph)          \
  {                                                                              \
    version, {                                                                   \
      [CUPTI_KIND_MEMCPY] = (copy), [CUPTI_KIND_MEMSET] = (set),                 \
      [CUPTI_KIND_CONCURRENT_KERNEL] = (kernel), [CUPTI_KIND_MEMCPY2] = (copy2), \
      [CUPTI_KIND_MEMORY2] = (memory), [CUPTI_KIND_MEMORY_POOL] = (pool),        \
      [CUPTI_KIND_GRAPH_TRACE] = (graph)                                         \
    }                                                                            \
  }
    RELEASE(13, 160, 64, 72, 64, 112, 64, 48),            // 11.0
    RELEASE(14, 168, 72, 80, 72, 112, 64, 48),            // 11.2
    RELEASE(16, 176, 80, 88, 80, 120, 72, 48),            // 11.6
    RELEASE(18, 200, 88, 88, 88, 120, 72, 48),            // 11.8
    RELEASE(26, 208, 88, 88, 88, 128, 80, 56),            // 12.0 to 12.8
    RELEASE(130099, 216, 96, 96, 88, 128, 80, 56),        // 13.0
    RELEASE(UINT32_MAX, 248, 104, 104, 96, 136, 88, 64),  // later ones
#undef RELEASE
};

typedef struct buffer {
  pthread_mutex_t mutex;
  uint8_t* bytes;
  size_t size;
  size_t used;
} buffer;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static buffer* buffers[MAX_BUFFERS];
static uint32_t buffer_count;
static _Thread_local buffer* mine;
static _Thread_local bool is_in_callback;

static uint16_t bytes_of[KINDS];
static uint64_t enabled;  // a bit a kind
static cupti_buffer_requested requested;
static cupti_buffer_completed completed;
static bool has_subscriber;
static bool is_child;
static uint64_t kernels;
static uint64_t records;
static size_t dropped;

static struct {
  uint32_t version;
  int result;
  uint64_t untimed;
  uint64_t drop;
  int64_t clock_ns;
  bool hangs;
  bool hangs_forced;
  bool has_garbage;
  bool is_shared;
  bool is_mute;
} scenario;

static long long number(const char* name, long long otherwise) {
  const char* const said = getenv(name);
  return said != NULL ? atoll(said) : otherwise;
}

static void in_child(void) {
  is_child = true;
}

__attribute__((constructor)) static void read_scenario(void) {
  const char* const hang = getenv("FAKE_CUPTI_HANG");
  scenario.version = (uint32_t)number("FAKE_CUPTI_VERSION", 130001);
  scenario.result = (int)number("FAKE_CUPTI_RESULT", 0);
  scenario.untimed = (uint64_t)number("FAKE_CUPTI_UNTIMED", 0);
  scenario.drop = (uint64_t)number("FAKE_CUPTI_DROP", 0);
  scenario.clock_ns = number("FAKE_CUPTI_CLOCK_NS", 0);
  scenario.hangs = hang != NULL && strcmp(hang, "all") == 0;
  scenario.hangs_forced = scenario.hangs || (hang != NULL && strcmp(hang, "forced") == 0);
  scenario.has_garbage = number("FAKE_CUPTI_GARBAGE", 0) != 0;
  scenario.is_shared = number("FAKE_CUPTI_SHARED", 0) != 0;
  scenario.is_mute = number("FAKE_CUPTI_MUTE", 0) != 0;
  size_t release = 0;
  while (scenario.version > releases[release].version) ++release;
  memcpy(bytes_of, releases[release].bytes, sizeof(bytes_of));
  bytes_of[CUPTI_KIND_CONCURRENT_KERNEL] =
      (uint16_t)number("FAKE_CUPTI_STRIDE", bytes_of[CUPTI_KIND_CONCURRENT_KERNEL]);
  pthread_atfork(NULL, NULL, in_child);
}

__attribute__((noreturn)) static void crash(const char* why) {
  fprintf(stderr, "fake libcupti: %s\n", why);
  abort();
}

__attribute__((noreturn)) static void hang(void) {
  while (true) pause();
}

static void forbid_callbacks(void) {
  if (is_in_callback) crash("called from one of its own callbacks");
}

// ---- records ----

static void fill(uint8_t* at, const fake_work* work, uint64_t start, uint64_t end) {
  const size_t bytes = bytes_of[work->kind];
  memset(at, 0, bytes);
  switch (work->kind) {
    case CUPTI_KIND_CONCURRENT_KERNEL: {
      cupti_kernel* const to = (cupti_kernel*)(void*)at;
      to->start = start, to->end = end, to->completed = end;
      to->device = work->device, to->context = work->context, to->stream = work->stream;
      memcpy(to->grid, work->grid, sizeof(to->grid));
      memcpy(to->block, work->block, sizeof(to->block));
      to->dynamic_shared_memory = work->shared_memory;
      to->registers_per_thread = work->registers;
      to->name = work->name;
      to->graph = work->graph, to->graph_node = work->graph_node;
      break;
    }
    case CUPTI_KIND_MEMCPY2:
      ((cupti_memcpy2*)(void*)at)->source_device = work->device;
      ((cupti_memcpy2*)(void*)at)->destination_device = work->peer_device;
      __attribute__((fallthrough));  // what comes before is the same
    case CUPTI_KIND_MEMCPY:
    case CUPTI_KIND_MEMSET: {
      cupti_memcpy* const to = (cupti_memcpy*)(void*)at;
      to->copy_kind = work->copy_kind;
      to->bytes = work->bytes, to->start = start, to->end = end;
      to->device = work->device, to->context = work->context, to->stream = work->stream;
      break;
    }
    case CUPTI_KIND_MEMORY2: {
      cupti_memory2* const to = (cupti_memory2*)(void*)at;
      to->operation = work->operation, to->memory_kind = work->memory_kind;
      to->address = work->address, to->bytes = work->bytes, to->timestamp = start;
      to->process = (uint32_t)getpid(), to->device = work->device;
      to->context = work->context, to->stream = work->stream;
      break;
    }
    case CUPTI_KIND_MEMORY_POOL: {
      cupti_memory_pool* const to = (cupti_memory_pool*)(void*)at;
      to->operation = work->operation, to->device = work->device;
      to->address = work->address, to->bytes = work->bytes, to->timestamp = start;
      break;
    }
    default: {
      cupti_graph_trace* const to = (cupti_graph_trace*)(void*)at;
      to->start = start, to->end = end, to->device = work->device, to->graph = work->graph;
      to->context = work->context, to->stream = work->stream;
      break;
    }
  }
  *(uint32_t*)(void*)at = work->kind;
}

/// Gives the buffer to whoever listens now; under its mutex, which is let go meanwhile.
static void hand_over(buffer* b) {
  uint8_t* const bytes = b->bytes;
  const size_t size = b->size;
  const size_t used = b->used;
  b->bytes = NULL;
  b->used = 0;
  pthread_mutex_unlock(&b->mutex);
  is_in_callback = true;
  completed(NULL, 0, bytes, size, used);
  is_in_callback = false;
  pthread_mutex_lock(&b->mutex);
}

static bool take_buffer(buffer* b) {
  size_t most = 0;
  b->used = 0;
  b->bytes = NULL;
  is_in_callback = true;
  requested(&b->bytes, &b->size, &most);
  is_in_callback = false;
  if (b->bytes == NULL && scenario.version < CUPTI_API_MAY_REFUSE_BUFFERS) {
    crash("was given no buffer, and dies of it as releases before 12.9 do");
  }
  if (b->bytes == NULL) __atomic_fetch_add(&dropped, 1, __ATOMIC_RELAXED);
  return b->bytes != NULL;
}

static buffer* my_buffer(void) {
  if (mine != NULL) return mine;
  pthread_mutex_lock(&mutex);
  if ((scenario.is_shared && buffer_count > 0) || buffer_count == MAX_BUFFERS) {
    mine = buffers[0];
  } else {
    mine = calloc(1, sizeof(*mine));
    if (mine == NULL) crash("no memory");
    pthread_mutex_init(&mine->mutex, NULL);
    buffers[buffer_count] = mine;
    __atomic_store_n(&buffer_count, buffer_count + 1U, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock(&mutex);
  return mine;
}

static void clock_times(const fake_work* work, uint64_t* start, uint64_t* end) {
  struct timespec now;
  *start = work->start_ns;
  if (*start == 0) {
    clock_gettime(CLOCK_REALTIME, &now);
    *start = (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
  }
  *start += (uint64_t)scenario.clock_ns;
  *end = *start + work->duration_ns;
  const bool is_kernel = work->kind == CUPTI_KIND_CONCURRENT_KERNEL;
  if (is_kernel && scenario.untimed != 0 &&
      __atomic_add_fetch(&kernels, 1, __ATOMIC_RELAXED) % scenario.untimed == 0) {
    *start = *end = 0;
  }
}

static void record(const fake_work* work) {
  if (is_child || work->kind >= KINDS || bytes_of[work->kind] == 0) return;
  if ((__atomic_load_n(&enabled, __ATOMIC_ACQUIRE) >> work->kind & 1U) == 0) return;
  if (scenario.drop != 0 &&
      __atomic_add_fetch(&records, 1, __ATOMIC_RELAXED) % scenario.drop == 0) {
    __atomic_fetch_add(&dropped, 1, __ATOMIC_RELAXED);
    return;
  }
  uint64_t start = 0;
  uint64_t end = 0;
  clock_times(work, &start, &end);
  buffer* const b = my_buffer();
  pthread_mutex_lock(&b->mutex);
  // Room for the garbage, where it is asked for.
  const size_t needed = bytes_of[work->kind] + (scenario.has_garbage ? sizeof(cupti_kernel) : 0);
  if (b->bytes != NULL && b->used + needed > b->size) {
    if (scenario.has_garbage) {
      memset(b->bytes + b->used, 0xEE, sizeof(cupti_kernel));
      b->used += sizeof(cupti_kernel);
    }
    hand_over(b);
  }
  if (b->bytes != NULL || take_buffer(b)) {
    fill(b->bytes + b->used, work, start, end);
    b->used += bytes_of[work->kind];
  }
  pthread_mutex_unlock(&b->mutex);
}

// ---- the interface of version 1 ----

SHOWN int cuptiGetVersion(uint32_t* version) {
  *version = scenario.version;
  return CUPTI_SUCCESS;
}

SHOWN int cuptiSubscribe(void** subscriber, void* callback, void* user) {
  (void)callback;
  (void)user;
  if (scenario.result != 0) return scenario.result;
  if (__atomic_exchange_n(&has_subscriber, true, __ATOMIC_ACQ_REL)) {
    return CUPTI_MULTIPLE_SUBSCRIBERS;
  }
  *subscriber = &has_subscriber;
  return CUPTI_SUCCESS;
}

SHOWN int cuptiUnsubscribe(void* subscriber) {
  (void)subscriber;
  __atomic_store_n(&has_subscriber, false, __ATOMIC_RELEASE);
  return CUPTI_SUCCESS;
}

SHOWN int cuptiActivityRegisterCallbacks(cupti_buffer_requested request,
                                         cupti_buffer_completed complete) {
  forbid_callbacks();
  __atomic_store_n(&requested, request, __ATOMIC_RELEASE);
  __atomic_store_n(&completed, complete, __ATOMIC_RELEASE);
  return CUPTI_SUCCESS;
}

SHOWN int cuptiActivityEnable(uint32_t kind) {
  forbid_callbacks();
  if (scenario.result != 0) return scenario.result;
  if (requested == NULL) return CUPTI_NOT_INITIALIZED;
  if (kind >= KINDS || bytes_of[kind] == 0) return CUPTI_INVALID_KIND;
  void (*set_sink)(fakecu_sink) = NULL;
  *(void**)&set_sink = dlsym(RTLD_DEFAULT, "fakecu_set_sink");
  if (set_sink == NULL) return CUPTI_UNKNOWN;
  if (!scenario.is_mute) __atomic_fetch_or(&enabled, UINT64_C(1) << kind, __ATOMIC_ACQ_REL);
  set_sink(record);
  return CUPTI_SUCCESS;
}

SHOWN int cuptiActivityDisable(uint32_t kind) {
  forbid_callbacks();
  if (kind < KINDS) __atomic_fetch_and(&enabled, ~(UINT64_C(1) << kind), __ATOMIC_ACQ_REL);
  return CUPTI_SUCCESS;
}

SHOWN int cuptiActivitySetAttribute(uint32_t attribute, size_t* size, void* value) {
  (void)attribute;
  (void)size;
  (void)value;
  return CUPTI_SUCCESS;
}

SHOWN int cuptiActivityGetNumDroppedRecords(void* context, uint32_t stream, size_t* count) {
  (void)context;
  (void)stream;
  forbid_callbacks();
  *count = __atomic_exchange_n(&dropped, 0, __ATOMIC_ACQ_REL);
  return CUPTI_SUCCESS;
}

SHOWN int cuptiActivityFlushAll(uint32_t flag) {
  forbid_callbacks();
  if (is_child) {
    fprintf(stderr, "fake libcupti: flushed in a forked child, where the real one hangs\n");
    hang();
  }
  if (scenario.hangs || (flag != 0 && scenario.hangs_forced)) hang();
  const uint32_t count = __atomic_load_n(&buffer_count, __ATOMIC_ACQUIRE);
  for (uint32_t i = 0; i < count; ++i) {
    pthread_mutex_lock(&buffers[i]->mutex);
    if (buffers[i]->bytes != NULL && (buffers[i]->used != 0 || flag != 0)) hand_over(buffers[i]);
    pthread_mutex_unlock(&buffers[i]->mutex);
  }
  return CUPTI_SUCCESS;
}

SHOWN int cuptiActivityGetNextRecord(uint8_t* bytes, size_t valid, void** at) {
  if (bytes == NULL || valid == 0) return CUPTI_MAX_LIMIT_REACHED;
  size_t place = 0;
  if (*at != NULL) {
    place = (size_t)((uint8_t*)*at - bytes) + bytes_of[*(uint32_t*)*at];
  }
  if (place + sizeof(uint32_t) > valid) return CUPTI_MAX_LIMIT_REACHED;
  const uint32_t kind = *(const uint32_t*)(const void*)(bytes + place);
  if (kind >= KINDS || bytes_of[kind] == 0) return CUPTI_INVALID_KIND;
  if (place + bytes_of[kind] > valid) return CUPTI_MAX_LIMIT_REACHED;
  *at = bytes + place;
  return CUPTI_SUCCESS;
}
