// SPDX-License-Identifier: Apache-2.0
#include "agent/cuda/record_reader.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/cuda/testing_records.h"

namespace gpuvigil {
namespace {

using testing::next_record;
using testing::record_bytes;
using testing::Records;

/// Durations of kernels that a buffer gives, or what else there was.
std::string read(std::vector<std::uint8_t>& bytes, std::size_t valid,
                 cupti_next_record next = next_record) {
  cuda_reader reader = cuda_reader_open(next, nullptr, bytes.data(), valid);
  std::string found;
  while (const void* record = cuda_reader_next(&reader)) {
    const std::uint32_t kind = cuda_record_kind(record);
    if (kind != CUPTI_KIND_CONCURRENT_KERNEL) {
      found += "kind " + std::to_string(kind) + " ";
      continue;
    }
    const auto* kernel = static_cast<const cupti_kernel*>(record);
    found += std::string(kernel->name) + "=" + std::to_string(kernel->end - kernel->start) + " ";
  }
  if (reader.unknown != 0) found += std::to_string(reader.unknown) + " unknown ";
  if (reader.is_damaged) found += "damaged";
  return found;
}

TEST(RecordReader, ReadsKernelsOfEveryRelease) {
  for (std::size_t stride = 160; stride <= 248; stride += 8) {
    record_bytes().fill(0);
    Records records;
    records.add_kernel("a", 100, 107, stride);
    records.add_kernel("b", 200, 209, stride);
    records.add_kernel("a", 300, 311, stride);
    EXPECT_EQ(read(records.bytes(), records.bytes().size()), "a=7 b=9 a=11 ") << stride;
  }
}

TEST(RecordReader, ReadsEveryKindAtItsShortestAndLonger) {
  for (const std::size_t more : {0, 8, 40}) {
    record_bytes().fill(0);
    Records records;
    records.add(CUPTI_KIND_MEMCPY, cupti_memcpy{}, sizeof(cupti_memcpy) + more);
    records.add(CUPTI_KIND_MEMCPY2, cupti_memcpy2{}, sizeof(cupti_memcpy2) + more);
    records.add(CUPTI_KIND_MEMSET, cupti_memset{}, sizeof(cupti_memset) + more);
    records.add(CUPTI_KIND_MEMORY2, cupti_memory2{}, sizeof(cupti_memory2) + more);
    records.add(CUPTI_KIND_MEMORY_POOL, cupti_memory_pool{}, sizeof(cupti_memory_pool) + more);
    records.add(CUPTI_KIND_GRAPH_TRACE, cupti_graph_trace{}, sizeof(cupti_graph_trace) + more);
    EXPECT_EQ(read(records.bytes(), records.bytes().size()),
              "kind 1 kind 22 kind 2 kind 49 kind 50 kind 51 ");
  }
}

TEST(RecordReader, CountsWhatItDidNotAskFor) {
  record_bytes().fill(0);
  Records records;
  cupti_memset other{};
  records.add(40, other, 72);
  records.add_kernel("k", 1, 2, 216);
  EXPECT_EQ(read(records.bytes(), records.bytes().size()), "k=1 1 unknown ");
}

TEST(RecordReader, StopsWhereABufferIsCutShort) {
  record_bytes().fill(0);
  Records records;
  records.add_kernel("k", 1, 4, 216);
  records.add_kernel("cut", 1, 5, 216);
  for (std::size_t valid = 216; valid < 432; ++valid) {
    std::vector<std::uint8_t> copy(records.bytes().begin(),
                                   records.bytes().begin() + static_cast<std::ptrdiff_t>(valid));
    EXPECT_EQ(read(copy, valid), "k=3 ") << valid;
  }
  EXPECT_EQ(read(records.bytes(), 0), "");
}

TEST(RecordReader, GivesUpAtWhatIsNoRecord) {
  record_bytes().fill(0);
  Records records;
  records.add_kernel("k", 1, 4, 216);
  records.bytes().resize(432, 0xEE);
  EXPECT_EQ(read(records.bytes(), 432), "k=3 damaged");
}

// An iterator of a release that is not made yet, or one that was lied to.
template <std::ptrdiff_t kStep>
int step(std::uint8_t* buffer, std::size_t, void** at) {
  *at = *at == nullptr ? buffer : static_cast<std::uint8_t*>(*at) + kStep;
  return CUPTI_SUCCESS;
}

int short_of_a_kernel(std::uint8_t* buffer, std::size_t valid, void** at) {
  if (*at != nullptr) return CUPTI_MAX_LIMIT_REACHED;
  *at = buffer + valid - 152;
  return CUPTI_SUCCESS;
}

TEST(RecordReader, BelievesNoIteratorThatLeavesTheBuffer) {
  record_bytes().fill(0);
  Records records;
  records.add_kernel("k", 1, 4, 216);
  const auto f = [&](cupti_next_record next, const std::string& want) {
    std::vector<std::uint8_t> bytes = records.bytes();
    bytes.shrink_to_fit();  // so that the sanitizer sees what is read beyond
    EXPECT_EQ(read(bytes, bytes.size(), next), want);
  };
  f(step<0>, "k=3 damaged");
  f(step<-8>, "k=3 damaged");
  f(step<216>, "k=3 damaged");
  f(step<4>, "k=3 damaged");
  f(step<(std::ptrdiff_t{1} << 40)>, "k=3 damaged");
}

TEST(RecordReader, GivesNoRecordThatHasFewerBytesThanItsKind) {
  std::vector<std::uint8_t> bytes(304, 0);
  const std::uint32_t kind = CUPTI_KIND_CONCURRENT_KERNEL;
  std::memcpy(bytes.data() + 152, &kind, sizeof(kind));
  EXPECT_EQ(read(bytes, bytes.size(), short_of_a_kernel), "damaged");
}

TEST(RecordReader, SurvivesAnyBytes) {
  std::mt19937_64 random(7);
  record_bytes().fill(0);
  record_bytes()[CUPTI_KIND_CONCURRENT_KERNEL] = 216;
  record_bytes()[CUPTI_KIND_MEMCPY] = 96;
  record_bytes()[CUPTI_KIND_MEMORY2] = 128;
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::uint8_t> bytes(8 * (1 + random() % 200));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random() % 16 == 0 ? random() : 0);
    for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
      constexpr std::array<std::uint8_t, 4> kKinds = {10, 1, 49, 51};
      if (random() % 3 == 0) bytes[at] = kKinds.at(random() % kKinds.size());
    }
    cuda_reader reader = cuda_reader_open(next_record, nullptr, bytes.data(), bytes.size());
    std::uint64_t sum = 0;
    while (const void* record = cuda_reader_next(&reader)) {
      // Every byte that the kind promises can be read.
      const auto* at = static_cast<const std::uint8_t*>(record);
      const bool is_kernel = cuda_record_kind(record) == CUPTI_KIND_CONCURRENT_KERNEL;
      sum += at[(is_kernel ? sizeof(cupti_kernel) : sizeof(cupti_graph_trace)) - 1];
    }
    EXPECT_LE(reader.records, bytes.size() / 8) << sum;
  }
}

// ---- lengths that were learned ----

std::size_t steps_asked = 0;

int counted_step(std::uint8_t* buffer, std::size_t valid, void** at) {
  ++steps_asked;
  return next_record(buffer, valid, at);
}

/// Where a buffer's records are, and how it ended.
std::vector<std::ptrdiff_t> places(std::vector<std::uint8_t>& bytes, cuda_strides* strides,
                                   cupti_next_record next = counted_step) {
  cuda_reader reader = cuda_reader_open(next, strides, bytes.data(), bytes.size());
  std::vector<std::ptrdiff_t> found;
  while (const void* record = cuda_reader_next(&reader)) {
    found.push_back(static_cast<const std::uint8_t*>(record) - bytes.data());
  }
  found.push_back(static_cast<std::ptrdiff_t>(reader.records));
  found.push_back(static_cast<std::ptrdiff_t>(reader.unknown));
  found.push_back(reader.is_damaged ? 1 : 0);
  return found;
}

/// Records of any kinds, now and then one that was not asked for, or bytes that are none.
std::vector<std::uint8_t> any_buffer(std::mt19937_64& random) {
  Records records;
  const bool is_bad = random() % 4 == 0;
  for (std::size_t i = 0, count = random() % 120; i < count; ++i) {
    switch (random() % (is_bad ? 13 : 12)) {
      case 0:
        records.add(CUPTI_KIND_MEMCPY, cupti_memcpy{}, record_bytes()[1]);
        break;
      case 1:
        records.add(CUPTI_KIND_MEMSET, cupti_memset{}, record_bytes()[2]);
        break;
      case 2:
        records.add(CUPTI_KIND_MEMORY2, cupti_memory2{}, record_bytes()[49]);
        break;
      case 3:
        records.add(40, cupti_memset{}, 72);
        break;
      case 12:
        records.bytes().resize(records.bytes().size() + 8 * (random() % 9));
        break;
      default:
        records.add_kernel("k", 1, 2, record_bytes()[10]);
        break;
    }
  }
  if (random() % 4 == 0) records.bytes().resize(records.bytes().size() / 3 * 2);
  records.bytes().shrink_to_fit();  // so that the sanitizer sees what is read beyond
  return records.bytes();
}

TEST(RecordReader, FindsTheSameByTheLengthsThatItLearned) {
  std::mt19937_64 random(11);
  for (std::size_t stride = 160; stride <= 248; stride += 8) {
    record_bytes().fill(0);
    record_bytes()[CUPTI_KIND_CONCURRENT_KERNEL] = stride;
    record_bytes()[CUPTI_KIND_MEMCPY] = sizeof(cupti_memcpy) + stride - 160;
    record_bytes()[CUPTI_KIND_MEMSET] = sizeof(cupti_memset) + stride - 160;
    record_bytes()[CUPTI_KIND_MEMORY2] = sizeof(cupti_memory2) + stride - 160;
    cuda_strides strides{};
    for (int buffer = 0; buffer < 300; ++buffer) {
      std::vector<std::uint8_t> bytes = any_buffer(random);
      const auto want = places(bytes, nullptr);
      ASSERT_EQ(places(bytes, &strides), want) << stride << " " << buffer;
    }
    EXPECT_FALSE(strides.is_irregular);
    EXPECT_EQ(strides.bytes[CUPTI_KIND_CONCURRENT_KERNEL], stride);
  }
}

TEST(RecordReader, AsksTheIteratorAtBothEndsOfABufferOnly) {
  record_bytes().fill(0);
  Records records;
  for (int i = 0; i < 1000; ++i) records.add_kernel("k", 1, 2, 216);
  cuda_strides strides{};
  steps_asked = 0;
  const auto want = places(records.bytes(), nullptr);
  EXPECT_EQ(steps_asked, 1001U);
  for (int buffer = 0; buffer < 3; ++buffer) {
    steps_asked = 0;
    EXPECT_EQ(places(records.bytes(), &strides), want);
    EXPECT_LE(steps_asked, 12U);
    EXPECT_GE(steps_asked, 7U);
  }
}

/// Every fifth kernel is eight bytes longer: no release does so, and none may be read wrongly.
int limping_step(std::uint8_t* buffer, std::size_t valid, void** at) {
  const std::ptrdiff_t place = *at == nullptr ? 0 : static_cast<std::uint8_t*>(*at) - buffer + 216;
  const std::ptrdiff_t next = place + (*at != nullptr && place % 1088 == 1080 ? 8 : 0);
  if (next + 216 > static_cast<std::ptrdiff_t>(valid)) return CUPTI_MAX_LIMIT_REACHED;
  *at = buffer + next;
  return CUPTI_SUCCESS;
}

TEST(RecordReader, LearnsNothingWhereLengthsDiffer) {
  record_bytes().fill(0);
  Records records;
  for (int i = 0; i < 1000; ++i) {
    records.add_kernel("k", 1, 2, 216);
    if (i % 5 == 4) records.bytes().resize(records.bytes().size() + 8, 0);
  }
  const auto want = places(records.bytes(), nullptr, limping_step);
  cuda_strides strides{};
  (void)places(records.bytes(), &strides, limping_step);
  EXPECT_TRUE(strides.is_irregular);
  EXPECT_EQ(places(records.bytes(), &strides, limping_step), want);
  EXPECT_EQ(places(records.bytes(), &strides, limping_step), want);
}

/// NVIDIA's own iterator, where the toolkit is installed: it needs no driver.
cupti_next_record real_iterator() {
  for (const char* name : {"libcupti.so.13", "libcupti.so.12", "libcupti.so"}) {
    if (void* library = dlopen(name, RTLD_LAZY | RTLD_LOCAL)) {
      std::uint32_t version = 0;
      auto* const get =
          reinterpret_cast<int (*)(std::uint32_t*)>(dlsym(library, "cuptiGetVersion"));
      if (get != nullptr && get(&version) == CUPTI_SUCCESS) {
        std::printf("CUPTI %u of %s\n", version, name);
        return reinterpret_cast<cupti_next_record>(dlsym(library, "cuptiActivityGetNextRecord"));
      }
    }
  }
  return nullptr;
}

TEST(RecordReader, AgreesWithTheIteratorOfNvidia) {
  const cupti_next_record next = real_iterator();
  if (next == nullptr) {
    GTEST_SKIP() << "NOT TESTED: no libcupti is installed, so NVIDIA's own iterator did not read "
                    "the buffers that these tests make";
  }
  // Records as CUDA 13.0 makes them; a kind whose length differs would break all that follow.
  record_bytes().fill(0);
  Records records;
  for (int i = 0; i < 100; ++i) {
    records.add_kernel("k", 10, 13, 216);
    records.add(CUPTI_KIND_MEMCPY, cupti_memcpy{}, 96);
    records.add(CUPTI_KIND_MEMSET, cupti_memset{}, 88);
    records.add(CUPTI_KIND_MEMCPY2, cupti_memcpy2{}, 96);
    records.add(CUPTI_KIND_MEMORY2, cupti_memory2{}, 128);
    records.add(CUPTI_KIND_MEMORY_POOL, cupti_memory_pool{}, 80);
    records.add(CUPTI_KIND_GRAPH_TRACE, cupti_graph_trace{}, 56);
  }
  const std::string want = read(records.bytes(), records.bytes().size());
  EXPECT_EQ(read(records.bytes(), records.bytes().size(), next), want);
  cuda_strides strides{};
  const auto where = places(records.bytes(), nullptr, next);
  EXPECT_EQ(where.size(), 703U);
  EXPECT_EQ(places(records.bytes(), &strides, next), where);
  EXPECT_EQ(places(records.bytes(), &strides, next), where);
  EXPECT_EQ(strides.bytes[CUPTI_KIND_MEMORY2], 128U);
  EXPECT_EQ(want.find("damaged"), std::string::npos);
  // What is no record ends it, and nothing beyond the valid bytes is given.
  EXPECT_EQ(read(records.bytes(), 215, next), "");
  records.bytes().resize(216);
  records.bytes().resize(432, 0xEE);
  EXPECT_EQ(read(records.bytes(), 432, next), "k=3 damaged");
}

}  // namespace
}  // namespace gpuvigil
