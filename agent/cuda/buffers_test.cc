// SPDX-License-Identifier: Apache-2.0
#include "agent/cuda/buffers.h"

#include <cstdlib>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

// One pool a process, as in the agent: each test leaves it with nothing out.

std::vector<std::uint8_t*> give_all() {
  std::vector<std::uint8_t*> out;
  std::size_t size = 0;
  while (out.size() < CUDA_MAX_BUFFERS + 1) {
    std::uint8_t* buffer = cuda_buffers_give(&size);
    if (size != CUDA_BUFFER_BYTES) break;
    out.push_back(buffer);
  }
  return out;
}

void bring_back(const std::vector<std::uint8_t*>& buffers) {
  for (const std::uint8_t* buffer : buffers) {
    const std::uint32_t number = cuda_buffers_came_back(buffer);
    ASSERT_NE(number, CUDA_NO_BUFFER);
    cuda_buffers_release(number);
  }
}

TEST(CudaBuffers, AreBoundedAndEachIsGivenOnce) {
  const auto buffers = give_all();
  EXPECT_EQ(buffers.size(), CUDA_MAX_BUFFERS);
  EXPECT_EQ(std::set(buffers.begin(), buffers.end()).size(), CUDA_MAX_BUFFERS);
  std::size_t size = 1;
  EXPECT_EQ(cuda_buffers_give(&size), nullptr);
  EXPECT_EQ(size, 0U);
  bring_back(buffers);
}

TEST(CudaBuffers, KnowWhatIsNotTheirs) {
  std::size_t size = 0;
  std::uint8_t* buffer = cuda_buffers_give(&size);
  std::uint8_t stranger = 0;
  EXPECT_EQ(cuda_buffers_came_back(&stranger), CUDA_NO_BUFFER);
  EXPECT_EQ(cuda_buffers_came_back(buffer + 8), CUDA_NO_BUFFER);
  EXPECT_EQ(cuda_buffers_came_back(nullptr), CUDA_NO_BUFFER);
  bring_back({buffer});
  EXPECT_EQ(cuda_buffers_came_back(buffer), CUDA_NO_BUFFER);  // it is not out
}

TEST(CudaBuffers, WaitAsideUntilTheyCanBeRead) {
  std::size_t size = 0;
  std::uint32_t number = 0;
  std::size_t valid = 0;
  EXPECT_EQ(cuda_buffers_take_aside(&number, &valid), nullptr);
  std::uint8_t* first = cuda_buffers_give(&size);
  std::uint8_t* second = cuda_buffers_give(&size);
  EXPECT_EQ(cuda_buffers_put_aside(cuda_buffers_came_back(first), 216), 1U);
  EXPECT_EQ(cuda_buffers_put_aside(cuda_buffers_came_back(second), 432), 2U);
  std::set<std::pair<std::uint8_t*, std::size_t>> found;
  while (std::uint8_t* buffer = cuda_buffers_take_aside(&number, &valid)) {
    found.emplace(buffer, valid);
    cuda_buffers_release(number);
  }
  EXPECT_EQ(found, (std::set<std::pair<std::uint8_t*, std::size_t>>{{first, 216}, {second, 432}}));
}

TEST(CudaBuffers, AreGivenUpOnlyWhenTheyAreLongOverdue) {
  std::size_t size = 0;
  std::uint8_t* old = cuda_buffers_give(&size);
  cuda_buffers_next_round();
  cuda_buffers_next_round();
  std::uint8_t* young = cuda_buffers_give(&size);
  EXPECT_EQ(cuda_buffers_overdue(3), 0U);
  EXPECT_EQ(cuda_buffers_overdue(2), 1U);
  EXPECT_EQ(cuda_buffers_abandon(2), 1U);
  EXPECT_EQ(cuda_buffers_overdue(0), 1U);
  // Whoever has it now may free it, and it is not ours when it comes back after all.
  EXPECT_EQ(cuda_buffers_came_back(old), CUDA_NO_BUFFER);
  std::free(old);
  bring_back({young});
  const auto all = give_all();
  EXPECT_EQ(all.size(), CUDA_MAX_BUFFERS);  // its place is filled again
  bring_back(all);
}

TEST(CudaBuffers, GiveSpareOnesToThoseThatCrashWithout) {
  cuda_buffers_start(false);
  const auto buffers = give_all();
  std::size_t size = 0;
  for (std::uint32_t i = 0; i < 3 * CUDA_SPARES; ++i) {
    std::uint8_t* spare = cuda_buffers_give(&size);
    ASSERT_NE(spare, nullptr);
    EXPECT_EQ(size, CUDA_SPARE_BYTES);
    EXPECT_TRUE(cuda_buffers_is_spare(spare));
    spare[size - 1] = 1;
  }
  EXPECT_FALSE(cuda_buffers_is_spare(buffers.front()));
  bring_back(buffers);
}

}  // namespace
}  // namespace gpuvigil
