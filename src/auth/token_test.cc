// SPDX-License-Identifier: Apache-2.0
#include "auth/token.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/token_file.h"
#include "base/private_file.h"

namespace gpuvigil {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Timestamp kNow = Timestamp(seconds(1'800'000'000));

TokenRequest request(ScopeSet scopes = {Scope::kRead}) {
  return {.name = "grafana", .scopes = scopes, .now = kNow, .lifetime = std::nullopt};
}

TEST(Scope, HoldsWhatStandsBelowIt) {
  const auto f = [](std::string_view text, bool read, bool write, bool admin, bool ingest) {
    const auto scopes = parse_scopes(text);
    ASSERT_TRUE(scopes) << text;
    EXPECT_EQ(scopes->has(Scope::kRead), read) << text;
    EXPECT_EQ(scopes->has(Scope::kWrite), write) << text;
    EXPECT_EQ(scopes->has(Scope::kAdmin), admin) << text;
    EXPECT_EQ(scopes->has(Scope::kIngest), ingest) << text;
    EXPECT_EQ(to_string(*scopes), text);
  };
  f("read", true, false, false, false);
  f("write", true, true, false, true);
  f("admin", true, true, true, true);
  f("ingest", false, false, false, true);
  f("read,ingest", true, false, false, true);
  for (const auto* text : {"", ",", "read,", "Read", "root", "read, write", "read;write"}) {
    EXPECT_FALSE(parse_scopes(text)) << text;
  }
}

TEST(Token, IsFoundByItsTextAloneAndUntilItExpires) {
  auto wanted = request();
  wanted.lifetime = seconds(60);
  const auto made = make_token(wanted);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->text.reveal().size(), kTokenLength);
  const std::vector<Token> tokens = {make_token(request())->token, made->token};
  EXPECT_EQ(find_token(tokens, made->text.reveal(), kNow), &tokens[1]);
  EXPECT_EQ(find_token(tokens, made->text.reveal(), kNow + seconds(59)), &tokens[1]);
  EXPECT_EQ(find_token(tokens, made->text.reveal(), kNow + seconds(60)), nullptr);
  EXPECT_EQ(find_token(tokens, made->text.reveal().substr(1), kNow), nullptr);
  EXPECT_EQ(find_token(tokens, {}, kNow), nullptr);
}

TEST(Token, ARequestThatCannotBeIsRefused) {
  const auto f = [](TokenRequest wanted, std::string_view why) {
    const auto made = make_token(wanted);
    ASSERT_FALSE(made);
    EXPECT_THAT(made.error().message, HasSubstr(why));
  };
  auto wanted = request();
  for (const auto& name : {std::string(), std::string(65, 'x'), std::string("a\nb")}) {
    wanted.name = name;
    f(wanted, "name");
  }
  f(request({}), "scope");
  wanted = request();
  wanted.lifetime = Duration(1);
  f(wanted, "lives a second");
}

TEST(TokenList, ReadsWhatItWrites) {
  auto limited = request({Scope::kIngest, Scope::kRead});
  limited.lifetime = std::chrono::hours(1);
  limited.name = "two words";
  const std::vector<Token> tokens = {make_token(request())->token, make_token(limited)->token};
  const auto read = parse_tokens(format_tokens(tokens));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ((*read)[i].id, tokens[i].id);
    EXPECT_EQ((*read)[i].name, tokens[i].name);
    EXPECT_EQ((*read)[i].scopes, tokens[i].scopes);
    EXPECT_EQ((*read)[i].created, tokens[i].created);
    EXPECT_EQ((*read)[i].expires, tokens[i].expires);
    EXPECT_EQ((*read)[i].digest, tokens[i].digest);
  }
  EXPECT_TRUE(parse_tokens("")->empty());
}

TEST(TokenList, NamesTheLineThatIsDamaged) {
  const std::string good = format_tokens(std::vector{make_token(request())->token});
  const std::string line = good.substr(good.find('\n') + 1);
  const auto f = [&](const std::string& text, std::string_view why) {
    const auto read = parse_tokens(text);
    ASSERT_FALSE(read) << text;
    EXPECT_THAT(read.error().message, HasSubstr(why));
  };
  f("tokens of tomorrow\n", "line 1: not a list of tokens of version 1");
  f(good + "x" + line, "line 3: the id");
  f(good + "0123456g read 1 never 00 x\n", "line 3: the id");
  f(good + "01234567 root 1 never 00 x\n", "line 3: a scope");
  f(good + "01234567 read x never 00 x\n", "line 3: the time");
  f(good + "01234567 read 1 soon 00 x\n", "line 3: the expiry");
  f(good + "01234567 read 1 -5 00 x\n", "line 3: the expiry");
  f(good + "01234567 read 1 never 00 x\n", "line 3: the digest");
  f(good + line.substr(0, line.find("grafana")) + "\n", "line 3: the name");
  std::string many = good;
  for (std::size_t i = 0; i < kMaxTokens; ++i) many += line;
  f(many, "more than 1000");
}

class TokenFileTest : public ::testing::Test {
 protected:
  ~TokenFileTest() override { std::filesystem::remove_all(directory_); }
  [[nodiscard]] std::string text_of(const std::string& name) const {
    std::ifstream in(directory_ + "/" + name);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  const std::string directory_ =
      std::filesystem::temp_directory_path() / fmt::format("gpuvigil-tokens-{}", ::getpid());
  TokenFile file_{directory_};
};

TEST_F(TokenFileTest, KeepsDigestsAndNeverATokenItself) {
  EXPECT_TRUE(file_.load()->empty());
  const auto made = file_.create(request());
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_THAT(text_of("tokens"), Not(HasSubstr(std::string(made->text.reveal()))));
  const auto tokens = file_.load();
  ASSERT_TRUE(tokens);
  EXPECT_NE(find_token(*tokens, made->text.reveal(), kNow), nullptr);
}

TEST_F(TokenFileTest, RevokesByIdAndSaysWhenThereIsNone) {
  const auto first = file_.create(request());
  const auto second = file_.create(request());
  ASSERT_TRUE(file_.revoke(first->token.id));
  EXPECT_EQ(file_.load()->size(), 1U);
  EXPECT_EQ(file_.load()->front().id, second->token.id);
  EXPECT_EQ(file_.revoke(first->token.id).error().code, Errc::kNotFound);
}

TEST_F(TokenFileTest, TheFirstTokenIsMadeOnceAndKeptForTheCommandLine) {
  EXPECT_EQ(file_.cli_token().error().code, Errc::kNotFound);
  const auto made = file_.create_first(kNow);
  ASSERT_TRUE(made && *made);
  EXPECT_TRUE((*made)->token.scopes.has(Scope::kAdmin));
  EXPECT_EQ(file_.cli_token()->reveal(), (*made)->text.reveal());
  const auto again = file_.create_first(kNow);
  ASSERT_TRUE(again);
  EXPECT_FALSE(*again);
  struct stat info{};
  ASSERT_EQ(::stat((directory_ + "/cli-token").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(directory_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST_F(TokenFileTest, ManyAtOnceAllSucceed) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this] {
      TokenFile mine(directory_);
      for (int k = 0; k < 5; ++k) EXPECT_TRUE(mine.create(request()));
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(file_.load()->size(), 20U);
}

TEST_F(TokenFileTest, WhatOthersMayReadIsNotTrusted) {
  ASSERT_TRUE(file_.create(request()));
  ASSERT_EQ(::chmod((directory_ + "/tokens").c_str(), 0644), 0);
  EXPECT_EQ(file_.load().error().code, Errc::kPermission);
  EXPECT_EQ(file_.create(request()).error().code, Errc::kPermission);
}

TEST_F(TokenFileTest, ADamagedFileIsNamedAndLeftAlone) {
  ASSERT_TRUE(file_.create(request()));
  ASSERT_TRUE(write_private_file(directory_ + "/tokens", "garbage"));
  EXPECT_THAT(file_.load().error().message, HasSubstr("/tokens: line 1"));
  EXPECT_FALSE(file_.create(request()));
  EXPECT_EQ(text_of("tokens"), "garbage");
}

TEST_F(TokenFileTest, ItsVersionChangesWithIt) {
  const auto none = file_.version();
  ASSERT_TRUE(file_.create(request()));
  const auto one = file_.version();
  EXPECT_NE(none, one);
  EXPECT_EQ(one, file_.version());
  ASSERT_TRUE(file_.create(request()));
  EXPECT_NE(one, file_.version());
}

}  // namespace
}  // namespace gpuvigil
