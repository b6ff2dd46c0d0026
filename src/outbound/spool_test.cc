// SPDX-License-Identifier: Apache-2.0
#include "outbound/spool.h"

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/failpoint.h"

namespace gpuvigil {
namespace {

/// A folder for one test, gone with this object.
class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "gpuvigil-spool-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string spool() const { return path_ + "/spool"; }
  /// The newest segment.
  [[nodiscard]] std::string last_segment() const {
    std::string last;
    for (const auto& entry : std::filesystem::directory_iterator(spool())) {
      if (entry.path().extension() == ".spool") last = std::max(last, entry.path().string());
    }
    return last;
  }

 private:
  std::string path_;
};

std::unique_ptr<Spool> open(const Folder& folder, std::uint64_t max_bytes = 64 << 20) {
  auto spool = Spool::open({.directory = folder.spool(), .max_bytes = max_bytes});
  EXPECT_TRUE(spool) << spool.error().message;
  return *std::move(spool);
}

std::string take(Spool& spool) {
  const auto front = spool.front();
  if (!front) return "(none)";
  spool.pop();
  return *front;
}

TEST(Spool, GivesBackWhatItTookInOrder) {
  const Folder folder;
  const auto spool = open(folder);
  EXPECT_FALSE(spool->front());
  for (const char* one : {"a", "", "ccc"}) ASSERT_TRUE(spool->push(one));
  EXPECT_EQ(spool->stats().records, 3);
  EXPECT_EQ(*spool->front(), "a");
  EXPECT_EQ(take(*spool), "a");
  EXPECT_EQ(take(*spool), "");
  EXPECT_EQ(take(*spool), "ccc");
  EXPECT_EQ(take(*spool), "(none)");
  ASSERT_TRUE(spool->push("d"));
  EXPECT_EQ(take(*spool), "d");
}

TEST(Spool, OutlivesItsProgram) {
  const Folder folder;
  {
    const auto spool = open(folder);
    for (const char* one : {"a", "b", "c"}) ASSERT_TRUE(spool->push(one));
    EXPECT_EQ(take(*spool), "a");
  }
  const auto spool = open(folder);
  EXPECT_EQ(spool->stats().records, 2);
  ASSERT_TRUE(spool->push("d"));
  for (const char* want : {"b", "c", "d", "(none)"}) EXPECT_EQ(take(*spool), want);
}

TEST(Spool, DropsTheOldestWhenThereIsNoRoomAndCountsIt) {
  const Folder folder;
  constexpr std::uint64_t kMax = 4 << 20;
  const auto spool = open(folder, kMax);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(spool->push(std::to_string(i) + std::string(100'000, 'x')));
    EXPECT_LE(spool->stats().bytes, kMax);
  }
  EXPECT_GT(spool->stats().dropped, 0);
  EXPECT_EQ(spool->stats().records + spool->stats().dropped, 100);
  EXPECT_TRUE(take(*spool).starts_with(std::to_string(spool->stats().dropped) + "x"));
  std::uint64_t on_disk = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.spool())) {
    on_disk += entry.file_size();
  }
  EXPECT_LE(on_disk, kMax + 1024);
}

TEST(Spool, LeavesOutWhatACrashHasCutOff) {
  const Folder folder;
  {
    const auto spool = open(folder);
    for (const char* one : {"first", "second", "third"}) ASSERT_TRUE(spool->push(one));
  }
  const std::string last = folder.last_segment();
  std::filesystem::resize_file(last, std::filesystem::file_size(last) - 2);
  const auto spool = open(folder);
  EXPECT_EQ(spool->stats().damaged, 1);
  for (const char* want : {"first", "second", "(none)"}) EXPECT_EQ(take(*spool), want);
}

TEST(Spool, LeavesOutWhatWasChanged) {
  const Folder folder;
  {
    const auto spool = open(folder);
    for (const char* one : {"first", "second"}) ASSERT_TRUE(spool->push(one));
  }
  std::fstream file(folder.last_segment(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('X');
  file.close();
  const auto spool = open(folder);
  for (const char* want : {"first", "(none)"}) EXPECT_EQ(take(*spool), want);
}

TEST(Spool, TellsWhenTheDiskDoesNotTakeIt) {
  const Folder folder;
  const auto spool = open(folder);
  ASSERT_TRUE(spool->push("a"));
  {
    const FailpointArmed armed("spool.write");
    const auto refused = spool->push("b");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kIo);
  }
  ASSERT_TRUE(spool->push("c"));
  for (const char* want : {"a", "c", "(none)"}) EXPECT_EQ(take(*spool), want);
  const auto large = spool->push(std::string(Spool::kMaxRecord + 1, 'x'));
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Errc::kTooLarge);
}

TEST(Spool, BelongsToOneProcess) {
  const Folder folder;
  const auto spool = open(folder);
  const auto other = Spool::open({.directory = folder.spool()});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Errc::kUnavailable);
}

/// Any row of pushes, takes and restarts: a queue.
RC_GTEST_PROP(Spool, IsAQueueWhateverHappens, (std::vector<std::uint8_t> steps)) {
  const Folder folder;
  auto spool = open(folder);
  std::deque<std::string> want;
  int number = 0;
  for (const std::uint8_t step : steps) {
    if (step % 4 < 2) {
      const std::string record = std::to_string(number++) + std::string(step * 2000U, 'x');
      RC_ASSERT(spool->push(record).has_value());
      want.push_back(record);
    } else if (step % 4 == 2) {
      RC_ASSERT(take(*spool) == (want.empty() ? "(none)" : want.front()));
      if (!want.empty()) want.pop_front();
    } else {
      spool.reset();
      spool = open(folder);
    }
    RC_ASSERT(spool->stats().records == want.size());
  }
}

}  // namespace
}  // namespace gpuvigil
