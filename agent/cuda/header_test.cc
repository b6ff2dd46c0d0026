// SPDX-License-Identifier: Apache-2.0
//
// Holds cupti_abi.h against NVIDIA's own header, where the toolkit is installed. The names of its
// structs count releases: those below are in the headers of CUDA 12 and 13 alike.
#include <cstddef>

#include <cupti.h>
#include <gtest/gtest.h>

#include "agent/cuda/cupti_abi.h"

namespace {

#define SAME(ours, our_member, theirs, their_member)                           \
  static_assert(offsetof(ours, our_member) == offsetof(theirs, their_member)); \
  static_assert(sizeof(ours::our_member) == sizeof(theirs::their_member))

SAME(cupti_kernel, registers_per_thread, CUpti_ActivityKernel9, registersPerThread);
SAME(cupti_kernel, start, CUpti_ActivityKernel9, start);
SAME(cupti_kernel, end, CUpti_ActivityKernel9, end);
SAME(cupti_kernel, completed, CUpti_ActivityKernel9, completed);
SAME(cupti_kernel, device, CUpti_ActivityKernel9, deviceId);
SAME(cupti_kernel, context, CUpti_ActivityKernel9, contextId);
SAME(cupti_kernel, stream, CUpti_ActivityKernel9, streamId);
static_assert(offsetof(cupti_kernel, grid) == offsetof(CUpti_ActivityKernel9, gridX));
static_assert(offsetof(cupti_kernel, block) == offsetof(CUpti_ActivityKernel9, blockX));
SAME(cupti_kernel, static_shared_memory, CUpti_ActivityKernel9, staticSharedMemory);
SAME(cupti_kernel, dynamic_shared_memory, CUpti_ActivityKernel9, dynamicSharedMemory);
SAME(cupti_kernel, correlation, CUpti_ActivityKernel9, correlationId);
SAME(cupti_kernel, grid_id, CUpti_ActivityKernel9, gridId);
SAME(cupti_kernel, name, CUpti_ActivityKernel9, name);
SAME(cupti_kernel, queued, CUpti_ActivityKernel9, queued);
SAME(cupti_kernel, submitted, CUpti_ActivityKernel9, submitted);
SAME(cupti_kernel, launch_type, CUpti_ActivityKernel9, launchType);
SAME(cupti_kernel, shared_memory_executed, CUpti_ActivityKernel9, sharedMemoryExecuted);
SAME(cupti_kernel, graph_node, CUpti_ActivityKernel9, graphNodeId);
SAME(cupti_kernel, graph, CUpti_ActivityKernel9, graphId);

SAME(cupti_memcpy, copy_kind, CUpti_ActivityMemcpy5, copyKind);
SAME(cupti_memcpy, source_kind, CUpti_ActivityMemcpy5, srcKind);
SAME(cupti_memcpy, destination_kind, CUpti_ActivityMemcpy5, dstKind);
SAME(cupti_memcpy, bytes, CUpti_ActivityMemcpy5, bytes);
SAME(cupti_memcpy, start, CUpti_ActivityMemcpy5, start);
SAME(cupti_memcpy, end, CUpti_ActivityMemcpy5, end);
SAME(cupti_memcpy, device, CUpti_ActivityMemcpy5, deviceId);
SAME(cupti_memcpy, stream, CUpti_ActivityMemcpy5, streamId);

SAME(cupti_memcpy2, copy_kind, CUpti_ActivityMemcpyPtoP4, copyKind);
SAME(cupti_memcpy2, destination_kind, CUpti_ActivityMemcpyPtoP4, dstKind);
SAME(cupti_memcpy2, start, CUpti_ActivityMemcpyPtoP4, start);
SAME(cupti_memcpy2, end, CUpti_ActivityMemcpyPtoP4, end);
SAME(cupti_memcpy2, device, CUpti_ActivityMemcpyPtoP4, deviceId);
SAME(cupti_memcpy2, stream, CUpti_ActivityMemcpyPtoP4, streamId);
SAME(cupti_memcpy2, destination_device, CUpti_ActivityMemcpyPtoP4, dstDeviceId);

SAME(cupti_memset, bytes, CUpti_ActivityMemset4, bytes);
SAME(cupti_memset, start, CUpti_ActivityMemset4, start);
SAME(cupti_memset, end, CUpti_ActivityMemset4, end);
SAME(cupti_memset, device, CUpti_ActivityMemset4, deviceId);
SAME(cupti_memset, stream, CUpti_ActivityMemset4, streamId);
SAME(cupti_memset, memory_kind, CUpti_ActivityMemset4, memoryKind);

SAME(cupti_memory2, operation, CUpti_ActivityMemory3, memoryOperationType);
SAME(cupti_memory2, memory_kind, CUpti_ActivityMemory3, memoryKind);
SAME(cupti_memory2, address, CUpti_ActivityMemory3, address);
SAME(cupti_memory2, bytes, CUpti_ActivityMemory3, bytes);
SAME(cupti_memory2, timestamp, CUpti_ActivityMemory3, timestamp);
SAME(cupti_memory2, device, CUpti_ActivityMemory3, deviceId);
SAME(cupti_memory2, is_async, CUpti_ActivityMemory3, isAsync);
SAME(cupti_memory2, pool_type, CUpti_ActivityMemory3, memoryPoolConfig.memoryPoolType);
SAME(cupti_memory2, pool_address, CUpti_ActivityMemory3, memoryPoolConfig.address);
SAME(cupti_memory2, pool_bytes, CUpti_ActivityMemory3, memoryPoolConfig.pool.size);

SAME(cupti_memory_pool, operation, CUpti_ActivityMemoryPool2, memoryPoolOperationType);
SAME(cupti_memory_pool, type, CUpti_ActivityMemoryPool2, memoryPoolType);
SAME(cupti_memory_pool, device, CUpti_ActivityMemoryPool2, deviceId);
SAME(cupti_memory_pool, address, CUpti_ActivityMemoryPool2, address);
SAME(cupti_memory_pool, bytes, CUpti_ActivityMemoryPool2, size);

SAME(cupti_graph_trace, start, CUpti_ActivityGraphTrace, start);
SAME(cupti_graph_trace, end, CUpti_ActivityGraphTrace, end);
SAME(cupti_graph_trace, device, CUpti_ActivityGraphTrace, deviceId);
SAME(cupti_graph_trace, graph, CUpti_ActivityGraphTrace, graphId);
SAME(cupti_graph_trace, stream, CUpti_ActivityGraphTrace, streamId);

static_assert(CUPTI_MAX_LIMIT_REACHED == CUPTI_ERROR_MAX_LIMIT_REACHED);
static_assert(CUPTI_NOT_INITIALIZED == CUPTI_ERROR_NOT_INITIALIZED);
static_assert(CUPTI_INVALID_KIND == CUPTI_ERROR_INVALID_KIND);
static_assert(CUPTI_MULTIPLE_SUBSCRIBERS == CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED);
static_assert(CUPTI_UNKNOWN == CUPTI_ERROR_UNKNOWN);
static_assert(CUPTI_FLUSH_FORCED == CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
static_assert(CUPTI_KIND_MEMCPY == CUPTI_ACTIVITY_KIND_MEMCPY);
static_assert(CUPTI_KIND_MEMSET == CUPTI_ACTIVITY_KIND_MEMSET);
static_assert(CUPTI_KIND_KERNEL == CUPTI_ACTIVITY_KIND_KERNEL);
static_assert(CUPTI_KIND_CONCURRENT_KERNEL == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
static_assert(CUPTI_KIND_MEMCPY2 == CUPTI_ACTIVITY_KIND_MEMCPY2);
static_assert(CUPTI_KIND_MEMORY2 == CUPTI_ACTIVITY_KIND_MEMORY2);
static_assert(CUPTI_KIND_MEMORY_POOL == CUPTI_ACTIVITY_KIND_MEMORY_POOL);
static_assert(CUPTI_KIND_GRAPH_TRACE == CUPTI_ACTIVITY_KIND_GRAPH_TRACE);
static_assert(CUPTI_MEMORY_ALLOCATION == CUPTI_ACTIVITY_MEMORY_OPERATION_TYPE_ALLOCATION);
static_assert(CUPTI_MEMORY_RELEASE == CUPTI_ACTIVITY_MEMORY_OPERATION_TYPE_RELEASE);
static_assert(CUPTI_MEMORY_KIND_DEVICE == CUPTI_ACTIVITY_MEMORY_KIND_DEVICE);
static_assert(CUPTI_MEMORY_KIND_ARRAY == CUPTI_ACTIVITY_MEMORY_KIND_ARRAY);
static_assert(CUPTI_MEMORY_KIND_MANAGED == CUPTI_ACTIVITY_MEMORY_KIND_MANAGED);
static_assert(CUPTI_MEMORY_KIND_DEVICE_STATIC == CUPTI_ACTIVITY_MEMORY_KIND_DEVICE_STATIC);
static_assert(CUPTI_POOL_LOCAL == CUPTI_ACTIVITY_MEMORY_POOL_TYPE_LOCAL);

TEST(CuptiAbi, IsThatOfNvidiasHeader) {
  SUCCEED();
}  // by compiling

}  // namespace
