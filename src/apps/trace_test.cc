// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "apps/verbs.h"
#include "apps/whole_file.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

TEST(TraceDuration, IsASpanThatATraceMayHave) {
  const auto f = [](std::string_view text, std::optional<Duration> want) {
    EXPECT_EQ(parse_trace_duration(text), want) << text;
  };
  f("5s", 5s);
  f("100ms", 100ms);
  f("60s", 60s);
  f("1m", 60s);
  for (const char* wrong : {"", "5", "s", "-5s", "+5s", " 5s", "5 s", "5sec", "99ms", "61s", "2m",
                            "0s", "1h", "5.5s", "99999999999s", "4294967295m"}) {
    f(wrong, std::nullopt);
  }
}

/// A folder of our own that goes with the test.
class WholeFile : public ::testing::Test {
 protected:
  WholeFile() {
    std::string pattern = std::filesystem::temp_directory_path() / "gpuvigil.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~WholeFile() override { std::filesystem::remove_all(folder_); }

  static std::string read(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  [[nodiscard]] auto files() const {
    return std::distance(std::filesystem::directory_iterator(folder_), {});
  }

  std::string folder_;
};

TEST_F(WholeFile, IsReplacedInOneStep) {
  const std::string path = folder_ + "/t.json";
  ASSERT_TRUE(check_whole_file(path));
  EXPECT_EQ(files(), 0);
  ASSERT_TRUE(write_whole_file(path, "first"));
  const std::ifstream open(path);
  ASSERT_TRUE(write_whole_file(path, "second"));
  EXPECT_EQ(read(path), "second");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(open.rdbuf()), {}), "first");
  std::filesystem::create_symlink(path, folder_ + "/link");
  ASSERT_TRUE(write_whole_file(folder_ + "/link", "third"));
  EXPECT_EQ(read(path), "third");
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ + "/link"));
  EXPECT_EQ(files(), 2);
}

TEST_F(WholeFile, WhatCannotBeWrittenIsSaid) {
  for (const std::string& path : {folder_, folder_ + "/none/t.json", std::string()}) {
    const auto checked = check_whole_file(path);
    ASSERT_FALSE(checked) << path;
    EXPECT_EQ(checked.error().code, Errc::kIo);
    EXPECT_FALSE(write_whole_file(path, "text")) << path;
  }
  EXPECT_TRUE(check_whole_file("/dev/null"));
  EXPECT_TRUE(write_whole_file("/dev/null", "text"));
  EXPECT_FALSE(write_whole_file("/dev/full", "text"));
  EXPECT_EQ(files(), 0);
}

}  // namespace
}  // namespace gpuvigil
