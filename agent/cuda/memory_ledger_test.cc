// SPDX-License-Identifier: Apache-2.0
#include "agent/cuda/memory_ledger.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

constexpr std::uint64_t kPool = 0x1000;

cupti_memory2 operation(std::uint32_t what, std::uint32_t kind, std::uint64_t bytes,
                        std::uint32_t device = 0) {
  cupti_memory2 record{};
  record.operation = what;
  record.memory_kind = kind;
  record.bytes = bytes;
  record.device = device;
  return record;
}

cupti_memory2 from_pool(std::uint32_t what, std::uint64_t bytes, std::uint64_t pool_bytes) {
  cupti_memory2 record = operation(what, CUPTI_MEMORY_KIND_DEVICE, bytes);
  record.is_async = 1;
  record.pool_type = CUPTI_POOL_LOCAL;
  record.pool_address = kPool;
  record.pool_bytes = pool_bytes;
  return record;
}

void take(cuda_memory& memory, const cupti_memory2& record) {
  cuda_memory_take(&memory, &record);
}

TEST(CudaMemory, IsWhatIsAllocatedAndNotYetReleased) {
  cuda_memory memory{};
  take(memory, operation(CUPTI_MEMORY_ALLOCATION, CUPTI_MEMORY_KIND_DEVICE, 1000));
  take(memory, operation(CUPTI_MEMORY_ALLOCATION, CUPTI_MEMORY_KIND_ARRAY, 500));
  take(memory, operation(CUPTI_MEMORY_ALLOCATION, CUPTI_MEMORY_KIND_DEVICE_STATIC, 30, 1));
  EXPECT_EQ(memory.allocated[0], 1500U);
  EXPECT_EQ(memory.allocated[1], 30U);
  EXPECT_EQ(memory.changed, 3U);
  take(memory, operation(CUPTI_MEMORY_RELEASE, CUPTI_MEMORY_KIND_DEVICE, 1000));
  EXPECT_EQ(memory.allocated[0], 500U);
  EXPECT_EQ(memory.pool_used[0], 0U);
}

TEST(CudaMemory, IsNotThatOfTheHost) {
  cuda_memory memory{};
  for (const std::uint32_t kind : {0U, 1U, 2U, CUPTI_MEMORY_KIND_MANAGED, 7U, 1000U}) {
    take(memory, operation(CUPTI_MEMORY_ALLOCATION, kind, 1000));
  }
  EXPECT_EQ(memory.allocated[0], 0U);
  EXPECT_EQ(memory.changed, 0U);
}

TEST(CudaMemory, IsNeverLessThanNothingNorMoreThanFits) {
  cuda_memory memory{};
  take(memory, operation(CUPTI_MEMORY_RELEASE, CUPTI_MEMORY_KIND_DEVICE, 1));
  EXPECT_EQ(memory.allocated[0], 0U);
  take(memory, operation(CUPTI_MEMORY_ALLOCATION, CUPTI_MEMORY_KIND_DEVICE, UINT64_MAX));
  take(memory, operation(CUPTI_MEMORY_ALLOCATION, CUPTI_MEMORY_KIND_DEVICE, UINT64_MAX));
  EXPECT_EQ(memory.allocated[0], UINT64_MAX);
}

TEST(CudaMemory, LeavesAloneWhatItDoesNotKnow) {
  cuda_memory memory{};
  take(memory, operation(7, CUPTI_MEMORY_KIND_DEVICE, 1));
  take(memory, operation(CUPTI_MEMORY_ALLOCATION, CUPTI_MEMORY_KIND_DEVICE, 1, CUDA_MAX_DEVICES));
  cupti_memory_pool pool{};
  pool.device = CUDA_MAX_DEVICES;
  pool.operation = 1;
  cuda_memory_take_pool(&memory, &pool);
  EXPECT_EQ(memory.changed, 0U);
  EXPECT_EQ(memory.pool_count, 0U);
}

TEST(CudaMemory, KnowsWhatPoolsHoldAndWhatOfItIsUsed) {
  cuda_memory memory{};
  take(memory, from_pool(CUPTI_MEMORY_ALLOCATION, 100, 4096));
  EXPECT_EQ(memory.allocated[0], 100U);
  EXPECT_EQ(memory.pool_used[0], 100U);
  EXPECT_EQ(cuda_memory_reserved(&memory, 0), 4096U);
  EXPECT_EQ(cuda_memory_reserved(&memory, 1), 0U);
  take(memory, from_pool(CUPTI_MEMORY_RELEASE, 100, 8192));
  EXPECT_EQ(memory.pool_used[0], 0U);
  EXPECT_EQ(cuda_memory_reserved(&memory, 0), 8192U);

  cupti_memory_pool trimmed{};
  trimmed.operation = 3;
  trimmed.type = CUPTI_POOL_LOCAL;
  trimmed.address = kPool;
  trimmed.bytes = 512;
  cuda_memory_take_pool(&memory, &trimmed);
  EXPECT_EQ(cuda_memory_reserved(&memory, 0), 512U);
  trimmed.operation = 2;  // destroyed
  cuda_memory_take_pool(&memory, &trimmed);
  EXPECT_EQ(cuda_memory_reserved(&memory, 0), 0U);
  EXPECT_EQ(memory.pool_count, 0U);
}

TEST(CudaMemory, RemembersABoundedNumberOfPools) {
  cuda_memory memory{};
  for (std::uint64_t i = 1; i <= 2 * CUDA_MAX_POOLS; ++i) {
    cupti_memory_pool pool{};
    pool.operation = 1;
    pool.type = CUPTI_POOL_LOCAL;
    pool.address = i;
    pool.bytes = 10;
    cuda_memory_take_pool(&memory, &pool);
  }
  EXPECT_EQ(memory.pool_count, CUDA_MAX_POOLS);
  EXPECT_EQ(cuda_memory_reserved(&memory, 0), 10U * CUDA_MAX_POOLS);
}

}  // namespace
}  // namespace gpuvigil
