// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/rocm/rocprofiler_abi.h"

// A double of librocprofiler-sdk and of a ROCm program in one: loads the tool that
// ROCP_TOOL_LIBRARIES names, as the runtime does, and hands it records.
//   fake_rocprofiler DISPATCHES [wait]    with "wait" it says "ran" and waits for a line
// FAKE_ROCP_VERSION: 500 where nothing is said; from 10000 on callbacks' records are the long ones.
// FAKE_ROCP_FAIL: the function that refuses. FAKE_ROCP_SHIFT: what kinds' numbers are off by.

#define PUBLIC __attribute__((visibility("default")))
#define BATCH 100U

static rocp_buffer_callback on_buffer;
static rocp_record_callback on_code;
static unsigned version = 500;
static int shift;
static unsigned dispatches_left;
static unsigned dispatched;
static int is_started;

static int fails(const char* name) {
  const char* const one = getenv("FAKE_ROCP_FAIL");
  return one != NULL && strcmp(one, name) == 0;
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_BOOTTIME, &time);
  return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

PUBLIC int rocprofiler_create_context(rocp_handle* context);
PUBLIC int rocprofiler_create_context(rocp_handle* context) {
  context->handle = 7;
  return fails("create_context");
}
PUBLIC int rocprofiler_start_context(rocp_handle context);
PUBLIC int rocprofiler_start_context(rocp_handle context) {
  is_started = context.handle == 7;
  return fails("start_context");
}
PUBLIC int rocprofiler_stop_context(rocp_handle context);
PUBLIC int rocprofiler_stop_context(rocp_handle context) {
  is_started = context.handle != 7;
  return 0;
}
PUBLIC int rocprofiler_create_buffer(rocp_handle context, size_t size, size_t watermark, int policy,
                                     rocp_buffer_callback callback, void* data,
                                     rocp_handle* buffer);
PUBLIC int rocprofiler_create_buffer(rocp_handle context, size_t size, size_t watermark, int policy,
                                     rocp_buffer_callback callback, void* data,
                                     rocp_handle* buffer) {
  (void)data;
  on_buffer = callback;
  buffer->handle = 9;
  return context.handle == 7 && watermark < size && policy == ROCP_POLICY_DISCARD ? 0 : 1;
}
PUBLIC int rocprofiler_configure_buffer_tracing_service(rocp_handle context, int kind,
                                                        const uint32_t* operations, size_t count,
                                                        rocp_handle buffer);
PUBLIC int rocprofiler_configure_buffer_tracing_service(rocp_handle context, int kind,
                                                        const uint32_t* operations, size_t count,
                                                        rocp_handle buffer) {
  (void)operations;
  (void)count;
  return context.handle == 7 && buffer.handle == 9 && (kind == 11 + shift || kind == 12 + shift)
             ? fails("buffer_tracing")
             : 1;
}
PUBLIC int rocprofiler_configure_callback_tracing_service(rocp_handle context, int kind,
                                                          const uint32_t* operations, size_t count,
                                                          rocp_record_callback callback,
                                                          void* data);
PUBLIC int rocprofiler_configure_callback_tracing_service(rocp_handle context, int kind,
                                                          const uint32_t* operations, size_t count,
                                                          rocp_record_callback callback,
                                                          void* data) {
  (void)context;
  (void)operations;
  (void)count;
  (void)data;
  on_code = callback;
  return kind == 10 + shift ? 0 : 1;
}
static int name_of(int kind, int wanted, const char* text, const char** name, uint64_t* length) {
  *name = kind == wanted ? text : "SOMETHING";
  *length = strlen(*name);
  return kind < 20 + shift ? 0 : 1;
}
PUBLIC int rocprofiler_query_buffer_tracing_kind_name(int kind, const char** name,
                                                      uint64_t* length);
PUBLIC int rocprofiler_query_buffer_tracing_kind_name(int kind, const char** name,
                                                      uint64_t* length) {
  if (kind == 11 + shift) return name_of(kind, kind, "MEMORY_COPY", name, length);
  return name_of(kind, 12 + shift, "KERNEL_DISPATCH", name, length);
}
PUBLIC int rocprofiler_query_callback_tracing_kind_name(int kind, const char** name,
                                                        uint64_t* length);
PUBLIC int rocprofiler_query_callback_tracing_kind_name(int kind, const char** name,
                                                        uint64_t* length) {
  return name_of(kind, 10 + shift, "CODE_OBJECT", name, length);
}
PUBLIC int rocprofiler_query_available_agents(int asked, rocp_agents_callback callback, size_t size,
                                              void* data);
PUBLIC int rocprofiler_query_available_agents(int asked, rocp_agents_callback callback, size_t size,
                                              void* data) {
  static const rocp_agent all[] = {
      {.size = 400, .id = 1, .type = 1},
      {.size = 400, .id = 2, .type = 2, .gfx_version = 90402, .location = 0xfe00, .domain = 0x1},
  };
  const void* agents[] = {&all[0], &all[1]};
  return size <= 400 ? callback(asked, agents, 2, data) : 1;
}
PUBLIC int rocprofiler_get_timestamp(uint64_t* time);
PUBLIC int rocprofiler_get_timestamp(uint64_t* time) {
  *time = now();
  return 0;
}

static void hand_over(void) {
  static rocp_dispatch dispatches[BATCH];
  static rocp_copy copy;
  rocp_header headers[BATCH + 2U];
  rocp_header* pointers[BATCH + 2U];
  size_t count = 0;
  for (; count < BATCH && dispatches_left > 0; ++count, --dispatches_left, ++dispatched) {
    dispatches[count] = (rocp_dispatch){.head = {.size = sizeof(rocp_dispatch) + 56U,
                                                 .kind = (uint32_t)(12 + shift),
                                                 .start = now() - 2000,
                                                 .end = now() - 1000},
                                        .agent = 2,
                                        .queue = 5,
                                        .kernel = 100U + dispatched % 2U,
                                        .workgroup = {64, 1, 1},
                                        .grid = {1000, 1, 1}};
    dispatches[count].head.end = dispatches[count].head.start + 1000;
    headers[count] =
        (rocp_header){.category = 1, .kind = (uint32_t)(12 + shift), .payload = &dispatches[count]};
  }
  if (count == 0) return;
  copy = (rocp_copy){.head = {.size = sizeof(copy),
                              .operation = ROCP_COPY_HOST_TO_DEVICE,
                              .start = now() - 500,
                              .end = now() - 400},
                     .to_agent = 2,
                     .from_agent = 1};
  copy.head.end = copy.head.start + 100;
  headers[count] = (rocp_header){.category = 1, .kind = (uint32_t)(11 + shift), .payload = &copy};
  for (size_t i = 0; i <= count; ++i) pointers[i] = &headers[i];
  on_buffer((rocp_handle){7}, (rocp_handle){9}, pointers, count + 1U, NULL, 0);
}

PUBLIC int rocprofiler_flush_buffer(rocp_handle buffer);
PUBLIC int rocprofiler_flush_buffer(rocp_handle buffer) {
  while (is_started && dispatches_left > 0) hand_over();
  return buffer.handle == 9 ? 0 : 1;
}

static void load_code(uint64_t kernel, const char* name) {
  const rocp_kernel_symbol symbol = {.size = 64, .kernel = kernel, .name = name};
  const size_t at = version >= 10000 ? 5 : 4;
  rocp_callback_record record = {{7, 1, 2, 3, 0, 0, 0, 0}};
  record.words[at] = (uint64_t)(10 + shift) | UINT64_C(2) << 32U;
  record.words[at + 1] = 1;
  record.words[at + 2] = (uint64_t)(uintptr_t)&symbol;
  on_code(record, NULL, NULL);
}

int main(int count, char** words) {
  typedef rocp_tool* (*configure)(uint32_t, const char*, uint32_t, void*);
  const char* const path = getenv("ROCP_TOOL_LIBRARIES");
  rocp_tool* tool = NULL;
  if (getenv("FAKE_ROCP_VERSION") != NULL) version = (unsigned)atoi(getenv("FAKE_ROCP_VERSION"));
  if (getenv("FAKE_ROCP_SHIFT") != NULL) shift = atoi(getenv("FAKE_ROCP_SHIFT"));
  if (path != NULL) {
    void* const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    configure ask = NULL;
    if (library != NULL) *(void**)&ask = dlsym(library, "rocprofiler_configure");
    if (ask == NULL) return 2;
    tool = ask(version, "fake", 0, NULL);
  }
  if (tool != NULL && (tool->size < sizeof(*tool) || tool->initialize(NULL, tool->data) != 0)) {
    return 3;
  }
  if (on_code != NULL) {
    load_code(100, "gemm_kernel.kd");
    load_code(101, "ncclDevKernel_Generic_1(ncclDevKernelArgsStorage<4096ul>)");
  }
  if (tool != NULL && is_started) {
    dispatches_left = (unsigned)atoi(words[1]);
    hand_over();
  }
  printf("ran\n");
  fflush(stdout);
  if (count > 2) (void)getchar();
  if (tool != NULL) tool->finalize(tool->data);
  printf("%u\n", dispatched);
  return 0;
}
