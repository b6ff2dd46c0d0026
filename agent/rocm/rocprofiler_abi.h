// SPDX-License-Identifier: Apache-2.0
#pragma once

// The part of rocprofiler-sdk's binary interface that is used, in our own words. Numbers and
// layouts are those of its public headers, version 0.5.0 (ROCm 6.2, 8ab1ed7 of 2024-10); records
// begin with their size and grow at their end. What is known to differ in 1.0 (ROCm 7): the record
// that is handed to callbacks has eight bytes more before its kind. Kinds have other numbers in
// other releases, so they are asked for by their names.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROCP_SUCCESS 0
#define ROCP_AGENT_VERSION 1  // rocprofiler_agent_v0_t
#define ROCP_AGENT_GPU 2U
#define ROCP_CATEGORY_TRACING 1U
#define ROCP_POLICY_DISCARD 1
#define ROCP_PHASE_LOAD 1U
#define ROCP_CODE_OBJECT_KERNEL_REGISTER 2U
#define ROCP_MOST_KINDS 64

// Directions of copies (the operation of a record).
#define ROCP_COPY_HOST_TO_DEVICE 2U
#define ROCP_COPY_DEVICE_TO_HOST 3U
#define ROCP_COPY_DEVICE_TO_DEVICE 4U

/// rocprofiler_agent_v0_t, as far as it is used.
typedef struct rocp_agent {
  uint64_t size;
  uint64_t id;
  uint32_t type;
  uint32_t counts[20];
  uint32_t gfx_version;  ///< 90402 is gfx942: major * 10000 + minor * 100 + step.
  uint16_t vendor;
  uint16_t device;
  uint32_t location;  ///< Bus << 8, device << 3, function.
  uint32_t domain;
} rocp_agent;
_Static_assert(offsetof(rocp_agent, gfx_version) == 100, "rocprofiler_agent_v0_t");
_Static_assert(offsetof(rocp_agent, domain) == 112, "rocprofiler_agent_v0_t");

/// rocprofiler_record_header_t.
typedef struct rocp_header {
  uint32_t category;
  uint32_t kind;
  const void* payload;
} rocp_header;

/// What records of both kinds begin with.
typedef struct rocp_record {
  uint64_t size;
  uint32_t kind;
  uint32_t operation;
  uint64_t correlation[2];
  uint64_t thread;
  uint64_t start;
  uint64_t end;
} rocp_record;

/// rocprofiler_buffer_tracing_kernel_dispatch_record_t.
typedef struct rocp_dispatch {
  rocp_record head;
  uint64_t info_size;
  uint64_t agent;
  uint64_t queue;
  uint64_t kernel;
  uint64_t dispatch;
  uint32_t private_bytes;
  uint32_t group_bytes;
  uint32_t workgroup[3];
  uint32_t grid[3];  ///< In work-items.
} rocp_dispatch;
_Static_assert(offsetof(rocp_dispatch, agent) == 64, "kernel_dispatch_record_t");
_Static_assert(offsetof(rocp_dispatch, workgroup) == 104, "kernel_dispatch_record_t");

/// rocprofiler_buffer_tracing_memory_copy_record_t.
typedef struct rocp_copy {
  rocp_record head;
  uint64_t to_agent;
  uint64_t from_agent;
} rocp_copy;
_Static_assert(sizeof(rocp_copy) == 72, "memory_copy_record_t");

/// rocprofiler_callback_tracing_record_t, by value. Up to 0.x the kind stands in `words[4]`, from
/// 1.0 in `words[5]`; phase and payload follow.
typedef struct rocp_callback_record {
  uint64_t words[8];
} rocp_callback_record;

/// kernel_symbol_register_data_t, as far as it is used.
typedef struct rocp_kernel_symbol {
  uint64_t size;
  uint64_t kernel;
  uint64_t code_object;
  const char* name;
} rocp_kernel_symbol;

typedef struct rocp_handle {
  uint64_t handle;
} rocp_handle;

typedef int (*rocp_agents_callback)(int version, const void** agents, size_t count, void* data);
typedef void (*rocp_buffer_callback)(rocp_handle context, rocp_handle buffer, rocp_header** headers,
                                     size_t count, void* data, uint64_t dropped);
typedef void (*rocp_record_callback)(rocp_callback_record record, void* user, void* data);

/// rocprofiler_tool_configure_result_t.
typedef struct rocp_tool {
  size_t size;
  int (*initialize)(void (*finalize)(void), void* data);
  void (*finalize)(void* data);
  void* data;
} rocp_tool;

/// The functions of the library.
typedef struct rocp_calls {
  int (*create_context)(rocp_handle* context);
  int (*start_context)(rocp_handle context);
  int (*stop_context)(rocp_handle context);
  int (*create_buffer)(rocp_handle context, size_t size, size_t watermark, int policy,
                       rocp_buffer_callback callback, void* data, rocp_handle* buffer);
  int (*flush_buffer)(rocp_handle buffer);
  int (*trace_buffered)(rocp_handle context, int kind, const uint32_t* operations, size_t count,
                        rocp_handle buffer);
  int (*trace_called)(rocp_handle context, int kind, const uint32_t* operations, size_t count,
                      rocp_record_callback callback, void* data);
  int (*buffer_kind_name)(int kind, const char** name, uint64_t* length);
  int (*callback_kind_name)(int kind, const char** name, uint64_t* length);
  int (*agents)(int version, rocp_agents_callback callback, size_t agent_bytes, void* data);
  int (*timestamp)(uint64_t* now);
} rocp_calls;
