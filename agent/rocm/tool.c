// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent.h"
#include "devices.h"
#include "kernels.h"
#include "rocprofiler_abi.h"

// libgpuvigil_rocm.so: what ROCm's runtime loads by ROCP_TOOL_LIBRARIES. The library asks it once
// what it wants (rocprofiler_configure), lets it prepare (initialize), and hands it buffers of
// records on a thread of its own.

#define SECOND_NS UINT64_C(1000000000)
#define BUFFER_BYTES (256U << 10U)
#define WATERMARK_BYTES (224U << 10U)
/// From here on (rocprofiler-sdk 1.0.0) callbacks' records are eight bytes longer before the kind.
#define VERSION_LONG_RECORD 10000U
#define VERSION_OLDEST 400U

static rocp_calls calls;
static rocp_handle context;
static rocp_handle buffer;
static uint32_t version;
static int dispatch_kind;
static int copy_kind;
static int code_kind;
static bool is_armed;         ///< Released when the library may be asked.
static uint64_t shift_ns;     ///< From the library's clock to ours, modulo 2^64.
static uint32_t detail_turn;  ///< Held.

static uint64_t thread_ns(void) {
  struct timespec now;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) return 0;
  return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static bool is_in_detail(uint32_t every) {
  if (every == 0 || ++detail_turn < every) return false;
  detail_turn = 0;
  return true;
}

static void set_times(agent_execution* one, const rocp_record* record) {
  if (record->start == 0 || record->end < record->start) return;  // untimed
  const uint64_t shift = __atomic_load_n(&shift_ns, __ATOMIC_RELAXED);
  one->start_ns = record->start + shift;
  one->end_ns = record->end + shift;
}

static void count_dispatch(const rocp_dispatch* record, uint32_t every) {
  const uint32_t device = rocm_device_of(record->agent);
  if (device == ROCM_MOST_DEVICES) {
    agent_lose(GPUVIGIL_LOSS_UNCOUNTED, 1);
    return;
  }
  const rocm_series found = rocm_kernel_series(record->kernel, device);
  agent_shape shape = {.dynamic_shared_bytes = record->group_bytes};
  for (size_t i = 0; i < 3; ++i) {
    // AQL packets count work-items; launches count groups of them.
    shape.block[i] = record->workgroup[i];
    shape.grid[i] = record->workgroup[i] == 0
                        ? 0
                        : (uint32_t)(((uint64_t)record->grid[i] + record->workgroup[i] - 1U) /
                                     record->workgroup[i]);
  }
  agent_execution one = {.series = found.series,
                         .device = rocm_device_index(device),
                         .kind = found.kind,
                         .stream = record->queue,
                         .shape = &shape,
                         .is_detail = is_in_detail(every)};
  if (!one.is_detail) one.shape = NULL;
  set_times(&one, &record->head);
  agent_count(&one);
}

static void count_copy(const rocp_copy* record, uint32_t every) {
  const char* name = "Memcpy DtoD";
  uint64_t agent = record->to_agent;
  if (record->head.operation == ROCP_COPY_HOST_TO_DEVICE) {
    name = "Memcpy HtoD";
  } else if (record->head.operation == ROCP_COPY_DEVICE_TO_HOST) {
    name = "Memcpy DtoH";
    agent = record->from_agent;
  } else if (record->head.operation != ROCP_COPY_DEVICE_TO_DEVICE) {
    return;  // Between two places of the host: no device had a part in it.
  }
  const uint32_t device = rocm_device_of(agent);
  if (device == ROCM_MOST_DEVICES) {
    agent_lose(GPUVIGIL_LOSS_UNCOUNTED, 1);
    return;
  }
  agent_execution one = {.series = agent_series(name, GPUVIGIL_KIND_MEMCPY, device),
                         .device = rocm_device_index(device),
                         .kind = GPUVIGIL_KIND_MEMCPY,
                         .is_detail = is_in_detail(every)};
  set_times(&one, &record->head);
  agent_count(&one);
}

static void on_buffer(rocp_handle from, rocp_handle which, rocp_header** headers, size_t count,
                      void* data, uint64_t dropped) {
  (void)from;
  (void)which;
  (void)data;
  if (!agent_is_on()) return;
  const uint64_t before = thread_ns();
  uint32_t every = 0;
  (void)agent_detail(&every);
  agent_hold();
  for (size_t i = 0; i < count; ++i) {
    const rocp_header* const header = headers[i];
    if (header == NULL || header->category != ROCP_CATEGORY_TRACING) continue;
    const rocp_record* const record = header->payload;
    if (record == NULL) continue;
    if ((int)header->kind == dispatch_kind && record->size >= sizeof(rocp_dispatch)) {
      count_dispatch((const rocp_dispatch*)record, every);
    } else if ((int)header->kind == copy_kind && record->size >= sizeof(rocp_copy)) {
      count_copy((const rocp_copy*)record, every);
    } else {
      agent_lose(GPUVIGIL_LOSS_UNCOUNTED, 1);
    }
  }
  agent_release();
  if (dropped != 0) agent_lose(GPUVIGIL_LOSS_UNCOUNTED, dropped);
  agent_spent(thread_ns() - before);
}

static void on_code(rocp_callback_record record, void* user, void* data) {
  (void)user;
  (void)data;
  const size_t at = version >= VERSION_LONG_RECORD ? 5U : 4U;
  const uint32_t kind = (uint32_t)record.words[at];
  const uint32_t operation = (uint32_t)(record.words[at] >> 32U);
  const uint32_t phase = (uint32_t)record.words[at + 1U];
  if ((int)kind != code_kind || operation != ROCP_CODE_OBJECT_KERNEL_REGISTER) return;
  const rocp_kernel_symbol* const symbol =
      (const rocp_kernel_symbol*)(uintptr_t)record.words[at + 2U];
  if (phase != ROCP_PHASE_LOAD || symbol == NULL || symbol->size < sizeof(*symbol)) return;
  if (!agent_is_on()) return;
  agent_hold();
  rocm_kernel_named(symbol->kernel, symbol->name);
  agent_release();
}

static void measure_clock(void) {
  uint64_t theirs = 0;
  const uint64_t before = agent_now();
  if (calls.timestamp(&theirs) != ROCP_SUCCESS) return;
  __atomic_store_n(&shift_ns, before + (agent_now() - before) / 2U - theirs, __ATOMIC_RELAXED);
}

static void flush(bool is_last) {
  (void)is_last;
  if (!__atomic_load_n(&is_armed, __ATOMIC_ACQUIRE)) return;
  const uint64_t began = agent_now();
  measure_clock();
  if (calls.flush_buffer(buffer) == ROCP_SUCCESS) agent_covered(began);
}

static void on_detail(uint32_t detail, uint32_t every) {
  (void)every;
  if (!__atomic_load_n(&is_armed, __ATOMIC_ACQUIRE)) return;
  // Kernels whose code is loaded meanwhile are counted without a name when it looks again.
  (void)(detail == GPUVIGIL_DETAIL_OFF ? calls.stop_context(context)
                                       : calls.start_context(context));
}

static void* find(const char* name) {
  static const char* const libraries[] = {"librocprofiler-sdk.so.1", "librocprofiler-sdk.so.0",
                                          "librocprofiler-sdk.so"};
  void* found = dlsym(RTLD_DEFAULT, name);
  for (size_t i = 0; found == NULL && i < sizeof(libraries) / sizeof(libraries[0]); ++i) {
    // Whoever asked us is loaded already; another one would be another profiler.
    void* const library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);
    if (library != NULL) found = dlsym(library, name);
  }
  return found;
}

static const char* find_all(void) {
  const struct {
    void** to;
    const char* name;
  } wanted[] = {
      {(void**)&calls.create_context, "rocprofiler_create_context"},
      {(void**)&calls.start_context, "rocprofiler_start_context"},
      {(void**)&calls.stop_context, "rocprofiler_stop_context"},
      {(void**)&calls.create_buffer, "rocprofiler_create_buffer"},
      {(void**)&calls.flush_buffer, "rocprofiler_flush_buffer"},
      {(void**)&calls.trace_buffered, "rocprofiler_configure_buffer_tracing_service"},
      {(void**)&calls.trace_called, "rocprofiler_configure_callback_tracing_service"},
      {(void**)&calls.buffer_kind_name, "rocprofiler_query_buffer_tracing_kind_name"},
      {(void**)&calls.callback_kind_name, "rocprofiler_query_callback_tracing_kind_name"},
      {(void**)&calls.agents, "rocprofiler_query_available_agents"},
      {(void**)&calls.timestamp, "rocprofiler_get_timestamp"},
  };
  for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); ++i) {
    *wanted[i].to = find(wanted[i].name);
    if (*wanted[i].to == NULL) return wanted[i].name;
  }
  return NULL;
}

/// The number of the kind of that name; 0: there is none.
static int kind_of(int (*name_of)(int, const char**, uint64_t*), const char* wanted) {
  for (int kind = 1; kind < ROCP_MOST_KINDS; ++kind) {
    const char* name = NULL;
    uint64_t length = 0;
    if (name_of(kind, &name, &length) != ROCP_SUCCESS || name == NULL) continue;
    if (strcmp(name, wanted) == 0) return kind;
  }
  return 0;
}

static bool prepare(void) {
  code_kind = kind_of(calls.callback_kind_name, "CODE_OBJECT");
  dispatch_kind = kind_of(calls.buffer_kind_name, "KERNEL_DISPATCH");
  copy_kind = kind_of(calls.buffer_kind_name, "MEMORY_COPY");
  if (code_kind == 0 || dispatch_kind == 0) return false;
  measure_clock();
  rocm_devices_find(&calls);
  if (calls.create_context(&context) != ROCP_SUCCESS ||
      calls.trace_called(context, code_kind, NULL, 0, on_code, NULL) != ROCP_SUCCESS ||
      calls.create_buffer(context, BUFFER_BYTES, WATERMARK_BYTES, ROCP_POLICY_DISCARD, on_buffer,
                          NULL, &buffer) != ROCP_SUCCESS ||
      calls.trace_buffered(context, dispatch_kind, NULL, 0, buffer) != ROCP_SUCCESS) {
    return false;
  }
  if (copy_kind != 0) (void)calls.trace_buffered(context, copy_kind, NULL, 0, buffer);
  return calls.start_context(context) == ROCP_SUCCESS;
}

static int initialize(void (*finalize)(void), void* data) {
  (void)finalize;
  (void)data;
  const char* const lacking = find_all();
  if (lacking != NULL) {
    agent_log("sees nothing: the library has no %s", lacking);
    agent_blind(GPUVIGIL_BLIND_UNSUPPORTED);
    return 0;
  }
  if (!prepare()) {
    agent_log("sees nothing: rocprofiler-sdk refuses");
    agent_blind(GPUVIGIL_BLIND_REFUSED);
    return 0;
  }
  agent_log("counts by rocprofiler-sdk %u", version);
  __atomic_store_n(&is_armed, true, __ATOMIC_RELEASE);
  return 0;
}

/// The last call before the library goes.
static void finalize_tool(void* data) {
  (void)data;
  agent_stop();
  __atomic_store_n(&is_armed, false, __ATOMIC_RELEASE);
}

/// The library asks it what it wants. NULL: nothing.
__attribute__((visibility("default"))) rocp_tool* rocprofiler_configure(uint32_t library_version,
                                                                        const char* text,
                                                                        uint32_t priority,
                                                                        void* client);

rocp_tool* rocprofiler_configure(uint32_t library_version, const char* text, uint32_t priority,
                                 void* client) {
  static const agent_plan plan = {
      .writer = "rocm",
      .features = GPUVIGIL_SEGMENT_HAS_BUSY | GPUVIGIL_SEGMENT_HAS_SHAPES |
                  GPUVIGIL_SEGMENT_HAS_STREAMS | GPUVIGIL_SEGMENT_HAS_UNTIMED,
      .flush = flush,
      .flush_ms = 1000,
      .on_detail = on_detail,
  };
  static rocp_tool tool = {
      .size = sizeof(tool), .initialize = initialize, .finalize = finalize_tool};
  (void)text;
  (void)priority;
  (void)client;
  if (!agent_start(&plan)) return NULL;
  version = library_version;
  char said[64];
  snprintf(said, sizeof(said), "rocprofiler-sdk %u.%u.%u", version / 10000U, version / 100U % 100U,
           version % 100U);
  agent_runtime(said);
  if (version < VERSION_OLDEST) {
    agent_log("sees nothing: %s is too old", said);
    agent_blind(GPUVIGIL_BLIND_UNSUPPORTED);
    return NULL;
  }
  return &tool;
}
