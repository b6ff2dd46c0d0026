// SPDX-License-Identifier: Apache-2.0
#include "collect/process_records.h"

#include <cstring>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

/// A driver with these processes that writes records of `bytes` bytes.
class Driver {
 public:
  Driver(std::vector<NvmlProcess> processes, std::size_t bytes)
      : processes_(std::move(processes)), bytes_(bytes) {}

  NvmlCode operator()(std::uint32_t* count, void* out) {
    ++asked;
    const std::uint32_t room = *count;
    *count = static_cast<std::uint32_t>(processes_.size());
    if (room < processes_.size()) return kNvmlInsufficientSize;
    auto* record = static_cast<std::byte*>(out);
    for (const NvmlProcess& process : processes_) {
      std::memset(record, 0, bytes_);
      std::memcpy(record, &process, sizeof process);
      record += bytes_;
    }
    return kNvmlOk;
  }

  int asked = 0;

 private:
  std::vector<NvmlProcess> processes_;
  std::size_t bytes_;
};

std::vector<NvmlProcess> some(std::size_t count) {
  std::vector<NvmlProcess> processes;
  for (std::size_t i = 0; i < count; ++i) {
    processes.push_back({.pid = static_cast<std::uint32_t>(1000 + i),
                         .used_memory = (i + 1) << 20U,
                         .gpu_instance = kNvmlNoInstance,
                         .compute_instance = kNvmlNoInstance});
  }
  return processes;
}

void expect_read(std::size_t count, std::size_t bytes) {
  Driver driver(some(count), bytes);
  const auto list = list_processes(std::ref(driver));
  EXPECT_EQ(list.code, kNvmlOk);
  EXPECT_FALSE(list.is_cut);
  ASSERT_EQ(list.processes.size(), count);
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(list.processes[i].pid, 1000 + i);
    EXPECT_EQ(list.processes[i].used_memory, (i + 1) << 20U);
    EXPECT_EQ(list.processes[i].gpu_instance, kNvmlNoInstance);
  }
}

TEST(ProcessRecords, AreReadInBothLengths) {
  for (const std::size_t bytes : {24U, 32U}) {
    for (const std::size_t count : {0U, 1U, 2U, 3U, 32U, 33U, 500U, 4096U}) {
      SCOPED_TRACE(count);
      expect_read(count, bytes);
    }
  }
}

TEST(ProcessRecords, BytesThatLookUnwrittenDoNotDeceive) {
  // Every byte of the records is the one that the buffer is filled with.
  NvmlProcess odd{};
  std::memset(static_cast<void*>(&odd), 0xAA, sizeof odd);
  Driver driver({some(1)[0], odd}, 24);
  const auto list = list_processes(std::ref(driver));
  ASSERT_EQ(list.processes.size(), 2U);
  EXPECT_EQ(list.processes[1].pid, 0xAAAAAAAAU);
}

TEST(ProcessRecords, AreLimitedAndSaySo) {
  Driver driver(some(kMaxProcessesOfDevice + 1), 24);
  const auto list = list_processes(std::ref(driver));
  EXPECT_EQ(list.code, kNvmlOk);
  EXPECT_TRUE(list.is_cut);
}

TEST(ProcessRecords, ADriverThatSaysMoreThanItWroteIsCut) {
  const auto list = list_processes([](std::uint32_t* count, void*) {
    *count = 0xFFFFFFFF;
    return kNvmlOk;
  });
  EXPECT_TRUE(list.is_cut);
}

TEST(ProcessRecords, ADriverThatIsNeverContentIsLeftAlone) {
  int asked = 0;
  const auto list = list_processes([&](std::uint32_t* count, void*) {
    ++asked;
    *count = 1;
    return kNvmlInsufficientSize;
  });
  EXPECT_EQ(list.code, kNvmlInsufficientSize);
  EXPECT_LE(asked, 8);
}

TEST(ProcessRecords, AnErrorIsHandedOn) {
  const auto list = list_processes([](std::uint32_t*, void*) { return kNvmlNoPermission; });
  EXPECT_EQ(list.code, kNvmlNoPermission);
  EXPECT_TRUE(list.processes.empty());
}

}  // namespace
}  // namespace gpuvigil
