// SPDX-License-Identifier: Apache-2.0
#include "agent/cuda/names.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpuvigil/segment.h"

namespace gpuvigil {
namespace {

/// What was asked for since the last look; the series is the number of the question.
std::vector<std::string>& asked() {
  static std::vector<std::string> names;
  return names;
}

std::uint32_t series_of(const char* name, std::uint32_t, std::uint32_t device) {
  asked().push_back(std::string(name) + "@" + std::to_string(device));
  return static_cast<std::uint32_t>(asked().size());
}

std::uint32_t find(const char* name, std::uint32_t device = 0) {
  return cuda_name_series(cuda_name_find(name, device, series_of));
}

class CudaNames : public ::testing::Test {
 protected:
  void SetUp() override {
    asked().clear();
    cuda_names_forget();
  }
};

TEST_F(CudaNames, AreAskedForOnce) {
  const char* name = "_ZN2at6native29vectorized";
  EXPECT_EQ(find(name), 1U);
  EXPECT_EQ(find(name), 1U);
  EXPECT_EQ(find(name, 1), 2U);
  EXPECT_EQ(find(name), 1U);
  EXPECT_EQ(asked(), (std::vector<std::string>{"_ZN2at6native29vectorized@0",
                                               "_ZN2at6native29vectorized@1"}));
}

TEST_F(CudaNames, AreAskedForAgainWhereAnotherStandsAtTheirAddress) {
  char name[64] = "first_kernel";
  EXPECT_EQ(find(name), 1U);
  std::strcpy(name, "other_kernel");
  EXPECT_EQ(find(name), 2U);
  EXPECT_EQ(asked().back(), "other_kernel@0");
}

TEST_F(CudaNames, AreForgottenAtEachFlush) {
  // The first 16 bytes are the same: only time tells them apart.
  char name[64] = "_ZN2at6native29vectorized_a";
  EXPECT_EQ(find(name), 1U);
  std::strcpy(name, "_ZN2at6native29vectorized_b");
  cuda_names_forget();
  EXPECT_EQ(find(name), 2U);
  EXPECT_EQ(asked().back(), "_ZN2at6native29vectorized_b@0");
}

TEST_F(CudaNames, WithoutASeriesHaveNoneAndKeepTheirKind) {
  const auto none = [](const char*, std::uint32_t, std::uint32_t) { return UINT32_MAX; };
  const cuda_name* found = cuda_name_find("ncclKernel", 63, none);
  EXPECT_EQ(cuda_name_series(found), UINT32_MAX);
  EXPECT_EQ(cuda_name_kind(found), GPUVIGIL_KIND_COLLECTIVE);
}

TEST_F(CudaNames, OfNobodyHaveAName) {
  EXPECT_EQ(find(nullptr), 1U);
  EXPECT_EQ(find(nullptr), 1U);
  EXPECT_EQ(asked(), std::vector<std::string>{"(unnamed)@0"});
}

TEST_F(CudaNames, AreFoundHoweverManyThereAre) {
  std::vector<std::string> many;
  for (int i = 0; i < 20000; ++i) many.push_back("kernel_" + std::to_string(i));
  for (const auto& name : many) {
    find(name.c_str());
    ASSERT_EQ(asked().back(), name + "@0");
  }
}

TEST_F(CudaNames, AreNotReadBeyondTheirPage) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* mapped =
      mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapped, MAP_FAILED);
  char* end = static_cast<char*>(mapped) + page;
  ASSERT_EQ(mprotect(end, page, PROT_NONE), 0);
  std::strcpy(end - 4, "abc");
  EXPECT_EQ(find(end - 4), 1U);
  EXPECT_EQ(find(end - 4), 1U);
  EXPECT_EQ(asked().back(), "abc@0");
  munmap(mapped, 2 * page);
}

TEST(CudaKinds, AreToldByTheLibrariesThatCommunicate) {
  const auto f = [](const char* name, std::uint32_t want) {
    EXPECT_EQ(cuda_kind_of_kernel(name), want) << name;
  };
  f("ncclDevKernel_AllReduce_Sum_f16_RING_LL", GPUVIGIL_KIND_COLLECTIVE);
  f("_Z37ncclKernel_AllGather_RING_LL_Sum_int8", GPUVIGIL_KIND_COLLECTIVE);
  f("nvshmemi_transfer", GPUVIGIL_KIND_COLLECTIVE);
  f("vectorized_elementwise_kernel", GPUVIGIL_KIND_COMPUTE);
  f("", GPUVIGIL_KIND_COMPUTE);
}

TEST(CudaCopies, AreCalledAsInRecordings) {
  const auto f = [](std::uint32_t copy, std::uint32_t from, std::uint32_t to, const char* want) {
    char name[64];
    cuda_copy_name(name, copy, from, to);
    EXPECT_STREQ(name, want);
  };
  f(1, 1, 3, "Memcpy HtoD (Pageable -> Device)");
  f(2, 3, 2, "Memcpy DtoH (Device -> Pinned)");
  f(8, 3, 3, "Memcpy DtoD (Device -> Device)");
  f(10, 7, 7, "Memcpy PtoP (Managed Static -> Managed Static)");
  f(11, 8, 255, "Memcpy Unknown (Unknown -> Unknown)");
  char name[64];
  cuda_set_name(name, 3);
  EXPECT_STREQ(name, "Memset (Device)");
}

}  // namespace
}  // namespace gpuvigil
