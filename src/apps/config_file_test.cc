// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/config.h"

namespace gpuvigil {
namespace {

namespace fs = std::filesystem;

/// A home with a configuration in it, which is the one that applies.
class ConfigFile : public testing::Test {
 protected:
  ConfigFile() {
    std::string pattern = (fs::temp_directory_path() / "config.XXXXXX").string();
    home_ = ::mkdtemp(pattern.data());
    fs::create_directories(home_ + "/gpuvigil");
    path_ = home_ + "/gpuvigil/config.toml";
    std::ofstream(path_) << "[demo]\nseed = 7\n";
    ::chmod(path_.c_str(), 0644);
    ::setenv("XDG_CONFIG_HOME", home_.c_str(), 1);
  }
  ~ConfigFile() override {
    ::unsetenv("XDG_CONFIG_HOME");
    fs::remove_all(home_);
  }

  std::string home_;
  std::string path_;
};

TEST_F(ConfigFile, TheOneOfTheUserAppliesWhereNoneIsNamed) {
  EXPECT_EQ(find_config(""), path_);
  EXPECT_EQ(find_config("/other.toml"), "/other.toml");
  const auto config = load_config("");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->demo.seed, 7U);
}

TEST_F(ConfigFile, OneThatOthersMayWriteIsRefusedWithTheCommandThatMendsIt) {
  for (const mode_t mode : {0664U, 0646U, 0666U, 0620U, 0602U}) {
    ::chmod(path_.c_str(), mode);
    for (const std::string& named : {std::string(), path_}) {
      const auto config = load_config(named);
      ASSERT_FALSE(config) << mode;
      EXPECT_EQ(config.error().code, Errc::kPermission);
      EXPECT_NE(config.error().message.find("chmod go-w '" + path_ + "'"), std::string::npos)
          << config.error().message;
    }
  }
  for (const mode_t mode : {0600U, 0640U, 0644U, 0444U}) {
    ::chmod(path_.c_str(), mode);
    EXPECT_TRUE(load_config("")) << mode;
  }
}

TEST_F(ConfigFile, OneOfAnotherUserHasToBeNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  ASSERT_EQ(::chown(path_.c_str(), 12345, 12345), 0);
  const auto config = load_config("");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Errc::kPermission);
  EXPECT_NE(config.error().message.find("12345"), std::string::npos) << config.error().message;
  EXPECT_TRUE(load_config(path_));
}

TEST_F(ConfigFile, ALinkIsFollowedBecauseClustersMountThemSo) {
  fs::rename(path_, home_ + "/real.toml");
  fs::create_symlink("../real.toml", path_);
  EXPECT_TRUE(load_config(""));
  ::chmod((home_ + "/real.toml").c_str(), 0666);
  EXPECT_FALSE(load_config(""));
}

TEST_F(ConfigFile, WhatIsNoRegularFileIsRefusedWithoutWaiting) {
  fs::remove(path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(load_config("").error().code, Errc::kInvalidArgument);
  EXPECT_EQ(load_config(home_).error().code, Errc::kInvalidArgument);
  EXPECT_EQ(load_config(home_ + "/none").error().code, Errc::kNotFound);
}

}  // namespace
}  // namespace gpuvigil
