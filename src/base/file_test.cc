// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failpoint.h"

namespace gpuvigil {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("file_test_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }

  std::filesystem::path folder_;
};

TEST_F(FileTest, OpensNothingButRegularFilesAndSaysWhatToDo) {
  const auto f = [](const std::string& path, Errc code, const std::string& message) {
    const auto file = FileSource::open(path);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().code, code) << path;
    EXPECT_EQ(file.error().message, path + message);
  };
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  f(path("nothing"), Errc::kNotFound, ": no such file; check the path");
  f(path("nothing/below"), Errc::kNotFound, ": no such file; check the path");
  f(folder_, Errc::kInvalidArgument, " is a directory; name a file in it");
  f("/dev/null", Errc::kInvalidArgument, " is a device; name a regular file");
  f(path("pipe"), Errc::kInvalidArgument, " is a pipe; save its content to a file first");
  f(path(std::string(5000, 'x')), Errc::kIo, ": File name too long");
}

TEST_F(FileTest, ReadsAllOfAFileAndKnowsWhereItIs) {
  std::ofstream(path("abc")) << "abcdefghij";
  auto file = FileSource::open(path("abc"));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->file_size(), 10U);
  EXPECT_EQ(file->head(4), "abcd");
  EXPECT_EQ(file->head(40), "abcdefghij");
  std::array<char, 7> into{};
  EXPECT_EQ(read_fully(*file, into), 7U);
  EXPECT_EQ(std::string_view(into.data(), 7), "abcdefg");
  EXPECT_EQ(file->file_position(), 7U);
  EXPECT_EQ(read_fully(*file, into), 3U);
  EXPECT_EQ(read_fully(*file, into), 0U);
  EXPECT_EQ(file->damage(), "");
}

TEST_F(FileTest, AFailingReadIsAnErrorThatNamesTheFile) {
  std::ofstream(path("abc")) << "abc";
  auto file = FileSource::open(path("abc"));
  ASSERT_TRUE(file);
  const FailpointArmed armed("file.read");
  std::array<char, 7> into{};
  const auto got = file->read(into);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Errc::kIo);
  EXPECT_EQ(got.error().message, path("abc") + ": Input/output error");
}

TEST(MemorySource, HandsOutPiecesOfTheChosenSize) {
  MemorySource source("abcde", 2);
  std::array<char, 4> into{};
  EXPECT_EQ(source.read(into), 2U);
  EXPECT_EQ(source.read(into), 2U);
  EXPECT_EQ(source.file_position(), 4U);
  EXPECT_EQ(source.read(into), 1U);
  EXPECT_EQ(into[0], 'e');
  EXPECT_EQ(source.read(into), 0U);
}

}  // namespace
}  // namespace gpuvigil
