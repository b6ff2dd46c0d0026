// SPDX-License-Identifier: Apache-2.0
#include "apps/doctor_bundle.h"

#include <algorithm>
#include <memory>

#include "apps/testing_doctor.h"
#include "base/inflate.h"
#include "base/json_reader.h"

namespace gpuvigil {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kCanary = "canary5f1d2c";

TEST(WithoutSecrets, TakesOutWhatLooksLikeOneAndLeavesTheRest) {
  const auto f = [](std::string_view text, std::string_view want) {
    EXPECT_EQ(without_secrets(text), want) << text;
  };
  f("", "");
  f("nothing here", "nothing here");
  f("gpuvigil_abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE seen", "gpuvigil_[removed] seen");
  f("gpuvigil_kernel_calls_total 5", "gpuvigil_kernel_calls_total 5");
  f("Authorization: Bearer abc.def", "Authorization: [removed]");
  f("header bearer abc.def, more", "header bearer [removed], more");
  f("http://user:pass@host/x", "http://[removed]@host/x");
  f("http://host/a@b", "http://host/a@b");
  f("GPUVIGIL_TOKEN=abc def", "GPUVIGIL_TOKEN=[removed] def");
  f("password: hunter2\nnext", "password: [removed]\nnext");
  f(R"({"api_key":"a\"b","n":1})", R"({"api_key":"[removed]","n":1})");
  f(R"({"tokens":3,"token":null,"secret":"x"})",
    R"({"tokens":3,"token":null,"secret":"[removed]"})");
  f("msg=\"the password='a b' is wrong\"", "msg=\"the password='[removed]' is wrong\"");
  f("--api-token=abc", "--api-token=[removed]");
  f("/login?session=1&token=abc&x=1", "/login?session=1&token=[removed]&x=1");
  f("token", "token");
  f("token=", "token=");
}

TEST(MakeTar, IsReadByTar) {
  const std::string pattern = testing::TempDir() + "tar.XXXXXX";
  std::string folder = pattern;
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string text(1000, 'x');
  std::ofstream(folder + "/a.tar") << make_tar(
      {{"one/a.txt", text}, {"one/empty", ""}, {"one/full", std::string(512, 'y')}}, Timestamp{});
  const std::string command = fmt::format(
      "cd '{}' && tar xf a.tar && test \"$(cat one/a.txt)\" = {} && "
      "test ! -s one/empty && test \"$(wc -c < one/full)\" = 512 && "
      "test \"$(stat -c %a one/full)\" = 600",
      folder, text);
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::filesystem::remove_all(folder);
}

class Bundle : public Doctor {
 protected:
  /// All that is in the bundle, unpacked.
  [[nodiscard]] std::string made(const std::string& log = "") const {
    const std::string path = context_.path("/b.tar.gz");
    const auto written =
        write_bundle(path, {.context = context_, .log = log},
                     {{"first", {CheckStatus::kWarn, fmt::format("token={}", kCanary), ""}}});
    EXPECT_TRUE(written);
    auto file = FileSource::open(path);
    GzipSource source(std::make_unique<FileSource>(*std::move(file)));
    std::string text(4 << 20, '\0');
    const auto count = read_fully(source, text);
    EXPECT_EQ(source.damage(), "");
    text.resize(count.value_or(0));
    return text;
  }
};

TEST_F(Bundle, HoldsNoSecretThatWasPlanted) {
  configure(fmt::format("token = '{0}'\n[server]\nlisten = 'http://u:{0}@h'\n", kCanary));
  const std::string log = context_.path("/log");
  write("/log", fmt::format("event=a url=http://u:{0}@h/ token={0}\nevent=b Bearer {0}\n"
                            "{{\"password\":\"{0}\"}}\nevent=last\n",
                            kCanary));
  ::setenv("GPUVIGIL_TOKEN", std::string(kCanary).c_str(), 1);
  ::setenv("CUDA_SECRET", std::string(kCanary).c_str(), 1);
  const std::string text = made(log);
  ::unsetenv("GPUVIGIL_TOKEN");
  ::unsetenv("CUDA_SECRET");
  EXPECT_THAT(text, Not(HasSubstr(std::string(kCanary))));
  EXPECT_THAT(text, HasSubstr("event=last"));
  EXPECT_THAT(text, HasSubstr("GPUVIGIL_TOKEN\n"));
  EXPECT_THAT(text, HasSubstr("CUDA_SECRET\n"));
}

TEST_F(Bundle, HoldsTheConfigurationThatApplies) {
  configure("[limits]\nconnections = 77\n");
  EXPECT_THAT(made(), HasSubstr("connections = 77"));
  EXPECT_THAT(made(), HasSubstr("no log was given"));
  EXPECT_THAT(made(context_.root), HasSubstr("is no file"));
}

TEST_F(Bundle, HoldsTheNewestLinesOfALog) {
  std::string log;
  for (int i = 0; log.size() < 2 * kBundleLogBytes; ++i)
    log += fmt::format("event=e{} token=\n", i);
  write("/log", log + "event=newest\n");
  const std::string text = made(context_.path("/log"));
  EXPECT_THAT(text, HasSubstr("event=newest\n"));
  EXPECT_THAT(text, Not(HasSubstr("event=e0 ")));
  EXPECT_LT(text.size(), kBundleLogBytes + (64 << 10));
}

TEST_F(Bundle, IsItsOwnersAloneAndSaysWhyItCannotBeWritten) {
  (void)made();
  struct stat info{};
  ASSERT_EQ(::stat(context_.path("/b.tar.gz").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_FALSE(write_bundle(context_.path("/none/b.tar.gz"), {.context = context_, .log = ""}, {}));
}

}  // namespace
}  // namespace gpuvigil
