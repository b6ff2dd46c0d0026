// SPDX-License-Identifier: Apache-2.0
#include "base/private_file.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

namespace gpuvigil {
namespace {

using ::testing::HasSubstr;

class PrivateFile : public ::testing::Test {
 protected:
  PrivateFile() { std::filesystem::create_directories(directory_); }
  ~PrivateFile() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] std::string path(const std::string& name) const { return directory_ / name; }
  static mode_t mode(const std::string& path) {
    struct stat info{};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0);
    return info.st_mode & 07777U;
  }

  const std::filesystem::path directory_ =
      std::filesystem::temp_directory_path() / fmt::format("gpuvigil-private-{}", ::getpid());
};

TEST_F(PrivateFile, IsReadBackWithModeOfItsOwnerWhateverTheMask) {
  const auto mask = ::umask(0);
  const auto written = write_private_file(path("f"), "secret\n");
  ::umask(mask);
  ASSERT_TRUE(written);
  EXPECT_EQ(mode(path("f")), 0600U);
  ASSERT_TRUE(write_private_file(path("f"), "other"));
  EXPECT_EQ(read_private_file(path("f"), 100).value_or("?"), "other");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);  // no leftovers
}

TEST_F(PrivateFile, ThatOthersMayReadIsRefusedWithTheRemedy) {
  ASSERT_TRUE(write_private_file(path("f"), "secret"));
  for (const mode_t others : {0640U, 0604U, 0660U, 0666U}) {
    ASSERT_EQ(::chmod(path("f").c_str(), others), 0);
    const auto text = read_private_file(path("f"), 100);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, Errc::kPermission);
    EXPECT_THAT(text.error().message, HasSubstr("chmod go-rwx"));
  }
}

TEST_F(PrivateFile, OfSomebodyElseIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to give a file away";
  ASSERT_TRUE(write_private_file(path("f"), "secret"));
  ASSERT_EQ(::chown(path("f").c_str(), 65534, 65534), 0);
  const auto text = read_private_file(path("f"), 100);
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().message, HasSubstr("belongs to user 65534"));
}

TEST_F(PrivateFile, LinksDirectoriesAndTooMuchAreRefused) {
  ASSERT_TRUE(write_private_file(path("f"), "secret"));
  std::filesystem::create_symlink(path("f"), path("link"));
  EXPECT_EQ(read_private_file(path("link"), 100).error().code, Errc::kPermission);
  EXPECT_EQ(read_private_file(directory_, 100).error().code, Errc::kInvalidArgument);
  EXPECT_EQ(read_private_file(path("f"), 5).error().code, Errc::kTooLarge);
  EXPECT_EQ(read_private_file(path("f"), 6).value_or("?"), "secret");
  EXPECT_EQ(read_private_file(path("none"), 5).error().code, Errc::kNotFound);
}

TEST_F(PrivateFile, ALinkIsReplacedAndNotWrittenThrough) {
  ASSERT_TRUE(write_private_file(path("target"), "mine"));
  std::filesystem::create_symlink(path("target"), path("link"));
  ASSERT_TRUE(write_private_file(path("link"), "new"));
  EXPECT_EQ(read_private_file(path("target"), 100).value_or("?"), "mine");
  EXPECT_EQ(read_private_file(path("link"), 100).value_or("?"), "new");
}

TEST_F(PrivateFile, ADirectoryIsMadeWithItsParentsAndRefusedWhenOthersMayWriteIt) {
  ASSERT_TRUE(make_private_directory(path("a/b/state")));
  EXPECT_EQ(mode(path("a/b/state")), 0700U);
  ASSERT_TRUE(make_private_directory(path("a/b/state")));
  ASSERT_EQ(::chmod(path("a/b/state").c_str(), 0777), 0);
  EXPECT_EQ(make_private_directory(path("a/b/state")).error().code, Errc::kPermission);
  EXPECT_FALSE(make_private_directory("/proc/no/such/place"));
}

TEST_F(PrivateFile, ALockKeepsOthersOut) {
  auto held = FileLock::take(path("lock"));
  ASSERT_TRUE(held);
  EXPECT_EQ(FileLock::take(path("lock")).error().code, Errc::kTimeout);
  {
    const auto released = *std::move(held);
  }
  EXPECT_TRUE(FileLock::take(path("lock")));
}

static_assert(!fmt::is_formattable<Secret>::value);
static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);

TEST(Secret, IsWipedWhereItWas) {
  Secret a(std::string(100, 'x'));
  const std::string_view where = a.reveal();
  const Secret b = std::move(a);
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_EQ(where.find('x'), std::string_view::npos);
  EXPECT_EQ(b.reveal(), std::string(100, 'x'));
}

TEST(Secret, RandomOnesAreLongPlainAndDifferent) {
  const Secret a = random_secret("p_");
  const Secret b = random_secret("p_");
  EXPECT_EQ(a.reveal().size(), 45U);
  EXPECT_TRUE(a.reveal().starts_with("p_"));
  EXPECT_EQ(a.reveal().find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                         "0123456789-_"),
            std::string_view::npos);
  EXPECT_NE(a.reveal(), b.reveal());
}

TEST(Secret, ComparesWholeTexts) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
  EXPECT_TRUE(equal_in_constant_time("", ""));
}

}  // namespace
}  // namespace gpuvigil
