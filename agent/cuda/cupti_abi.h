// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the agent uses of CUPTI and of the driver, written down by offsets: one build serves every
// release, because the beginning of a record, which is all that stands here, is the same in all. No
// record is ever copied or stepped over by its size here: see record_reader.h.

#include <stddef.h>
#include <stdint.h>

// NOLINTBEGIN(readability-identifier-naming,modernize-use-using,modernize-deprecated-headers)
// NOLINTBEGIN(cppcoreguidelines-avoid-c-arrays,modernize-avoid-c-arrays): names and types of C

#define CUPTI_SUCCESS 0
#define CUPTI_MAX_LIMIT_REACHED 12  ///< The end of a buffer.
#define CUPTI_NOT_INITIALIZED 15
#define CUPTI_INVALID_KIND 21
#define CUPTI_MULTIPLE_SUBSCRIBERS 39
#define CUPTI_UNKNOWN 999  ///< What it says where there is no driver.

/// Kinds of records.
#define CUPTI_KIND_MEMCPY 1U
#define CUPTI_KIND_MEMSET 2U
#define CUPTI_KIND_KERNEL 3U  ///< Never enabled: it lets kernels run one after the other only.
#define CUPTI_KIND_CONCURRENT_KERNEL 10U
#define CUPTI_KIND_MEMCPY2 22U  ///< Between two devices.
#define CUPTI_KIND_MEMORY2 49U
#define CUPTI_KIND_MEMORY_POOL 50U
#define CUPTI_KIND_GRAPH_TRACE 51U

#define CUPTI_FLUSH_FORCED 1U

#define CUPTI_MEMORY_ALLOCATION 1U
#define CUPTI_MEMORY_RELEASE 2U
#define CUPTI_MEMORY_KIND_DEVICE 3U
#define CUPTI_MEMORY_KIND_ARRAY 4U
#define CUPTI_MEMORY_KIND_MANAGED 5U
#define CUPTI_MEMORY_KIND_DEVICE_STATIC 6U
#define CUPTI_POOL_LOCAL 1U

/// From this version of the API on a request may be answered with no buffer.
#define CUPTI_API_MAY_REFUSE_BUFFERS 27U

/// Sizes that the first release had; later ones are longer.
typedef struct cupti_kernel {
  uint32_t kind;
  uint8_t cache_config;
  uint8_t shared_memory_config;
  uint16_t registers_per_thread;
  uint64_t reserved0;
  uint64_t start;  ///< CLOCK_REALTIME in ns, as all times here; 0: not known.
  uint64_t end;
  uint64_t completed;
  uint32_t device;
  uint32_t context;
  uint32_t stream;
  int32_t grid[3];
  int32_t block[3];
  int32_t static_shared_memory;
  int32_t dynamic_shared_memory;
  uint32_t local_memory_per_thread;
  uint32_t local_memory_total;
  uint32_t correlation;
  int64_t grid_id;
  const char* name;  ///< Mangled; one pointer for all records of a kernel.
  uint64_t reserved1;
  uint64_t queued;
  uint64_t submitted;
  uint8_t launch_type;
  uint8_t reserved2[3];
  uint32_t shared_memory_executed;
  uint64_t graph_node;
  uint32_t reserved3;
  uint32_t graph;
} cupti_kernel;

typedef struct cupti_memcpy {
  uint32_t kind;
  uint8_t copy_kind;  ///< 1 to 10, see cuda_copy_name().
  uint8_t source_kind;
  uint8_t destination_kind;
  uint8_t flags;
  uint64_t bytes;
  uint64_t start;
  uint64_t end;
  uint32_t device;
  uint32_t context;
  uint32_t stream;
  uint32_t correlation;
  uint8_t reserved[16];
} cupti_memcpy;

typedef struct cupti_memcpy2 {
  uint32_t kind;
  uint8_t copy_kind;
  uint8_t source_kind;
  uint8_t destination_kind;
  uint8_t flags;
  uint64_t bytes;
  uint64_t start;
  uint64_t end;
  uint32_t device;
  uint32_t context;
  uint32_t stream;
  uint32_t source_device;
  uint32_t source_context;
  uint32_t destination_device;
  uint32_t destination_context;
  uint32_t correlation;
  uint8_t reserved[8];
} cupti_memcpy2;

typedef struct cupti_memset {
  uint32_t kind;
  uint32_t value;
  uint64_t bytes;
  uint64_t start;
  uint64_t end;
  uint32_t device;
  uint32_t context;
  uint32_t stream;
  uint32_t correlation;
  uint16_t flags;
  uint16_t memory_kind;
  uint8_t reserved[12];
} cupti_memset;

typedef struct cupti_memory2 {
  uint32_t kind;
  uint32_t operation;  ///< CUPTI_MEMORY_ALLOCATION or _RELEASE
  uint32_t memory_kind;
  uint32_t correlation;
  uint64_t address;
  uint64_t bytes;
  uint64_t timestamp;
  uint64_t program_counter;
  uint32_t process;
  uint32_t device;
  uint32_t context;
  uint32_t stream;
  const char* name;  ///< Of a static variable, or NULL.
  uint32_t is_async;
  uint32_t reserved0;
  uint32_t pool_type;  ///< CUPTI_POOL_*; the pool's fields are of asynchronous operations.
  uint32_t reserved1;
  uint64_t pool_address;
  uint64_t pool_release_threshold;
  uint64_t pool_bytes;  ///< Of a local pool.
} cupti_memory2;

typedef struct cupti_memory_pool {
  uint32_t kind;
  uint32_t operation;
  uint32_t type;
  uint32_t correlation;
  uint32_t process;
  uint32_t device;
  uint64_t least_bytes;
  uint64_t address;
  uint64_t bytes;
  uint64_t release_threshold;
  uint64_t timestamp;
} cupti_memory_pool;

typedef struct cupti_graph_trace {
  uint32_t kind;
  uint32_t correlation;
  uint64_t start;
  uint64_t end;
  uint32_t device;
  uint32_t graph;
  uint32_t context;
  uint32_t stream;
  uint64_t reserved;
} cupti_graph_trace;

typedef void (*cupti_callback)(void* user, int domain, uint32_t id, const void* data);
typedef int (*cupti_next_record)(uint8_t* buffer, size_t valid, void** record);
typedef void (*cupti_buffer_requested)(uint8_t** buffer, size_t* size, size_t* max_records);
typedef void (*cupti_buffer_completed)(void* context, uint32_t stream, uint8_t* buffer, size_t size,
                                       size_t valid);

#ifdef __cplusplus
#define CUPTI_LAYOUT(what) static_assert(what, #what)
#else
#define CUPTI_LAYOUT(what) _Static_assert(what, #what)
#endif
#define CUPTI_AT(type, member, place) CUPTI_LAYOUT(offsetof(type, member) == (place))
CUPTI_LAYOUT(sizeof(void*) == 8);
CUPTI_AT(cupti_kernel, registers_per_thread, 6);
CUPTI_AT(cupti_kernel, start, 16);
CUPTI_AT(cupti_kernel, device, 40);
CUPTI_AT(cupti_kernel, grid, 52);
CUPTI_AT(cupti_kernel, block, 64);
CUPTI_AT(cupti_kernel, static_shared_memory, 76);
CUPTI_AT(cupti_kernel, dynamic_shared_memory, 80);
CUPTI_AT(cupti_kernel, correlation, 92);
CUPTI_AT(cupti_kernel, name, 104);
CUPTI_AT(cupti_kernel, queued, 120);
CUPTI_AT(cupti_kernel, shared_memory_executed, 140);
CUPTI_AT(cupti_kernel, graph_node, 144);
CUPTI_AT(cupti_kernel, graph, 156);
CUPTI_LAYOUT(sizeof(cupti_kernel) == 160);
CUPTI_AT(cupti_memcpy, copy_kind, 4);
CUPTI_AT(cupti_memcpy, bytes, 8);
CUPTI_AT(cupti_memcpy, device, 32);
CUPTI_AT(cupti_memcpy, stream, 40);
CUPTI_LAYOUT(sizeof(cupti_memcpy) == 64);
CUPTI_AT(cupti_memcpy2, start, 16);
CUPTI_AT(cupti_memcpy2, stream, 40);
CUPTI_AT(cupti_memcpy2, destination_device, 52);
CUPTI_LAYOUT(sizeof(cupti_memcpy2) == 72);
CUPTI_AT(cupti_memset, bytes, 8);
CUPTI_AT(cupti_memset, device, 32);
CUPTI_AT(cupti_memset, memory_kind, 50);
CUPTI_LAYOUT(sizeof(cupti_memset) == 64);
CUPTI_AT(cupti_memory2, address, 16);
CUPTI_AT(cupti_memory2, timestamp, 32);
CUPTI_AT(cupti_memory2, device, 52);
CUPTI_AT(cupti_memory2, name, 64);
CUPTI_AT(cupti_memory2, pool_address, 88);
CUPTI_AT(cupti_memory2, pool_bytes, 104);
CUPTI_LAYOUT(sizeof(cupti_memory2) == 112);
CUPTI_AT(cupti_memory_pool, device, 20);
CUPTI_AT(cupti_memory_pool, bytes, 40);
CUPTI_AT(cupti_memory_pool, timestamp, 56);
CUPTI_LAYOUT(sizeof(cupti_memory_pool) == 64);
CUPTI_AT(cupti_graph_trace, start, 8);
CUPTI_AT(cupti_graph_trace, device, 24);
CUPTI_AT(cupti_graph_trace, graph, 28);
CUPTI_AT(cupti_graph_trace, stream, 36);
CUPTI_LAYOUT(sizeof(cupti_graph_trace) == 48);
#undef CUPTI_AT
#undef CUPTI_LAYOUT

// NOLINTEND(cppcoreguidelines-avoid-c-arrays,modernize-avoid-c-arrays)
// NOLINTEND(readability-identifier-naming,modernize-use-using,modernize-deprecated-headers)
