// SPDX-License-Identifier: Apache-2.0
#include "auth/access.h"

#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kOwn = 1000;

class AccessTest : public ::testing::Test {
 protected:
  ~AccessTest() override { std::filesystem::remove_all(directory_); }

  Access make(AuthMode mode) {
    return {AccessOptions{.mode = mode, .own_user = kOwn}, TokenFile(directory_), clock_};
  }
  Secret token(ScopeSet scopes, std::optional<Duration> lifetime = std::nullopt) {
    auto made =
        TokenFile(directory_)
            .create({.name = "test", .scopes = scopes, .now = clock_.now(), .lifetime = lifetime});
    EXPECT_TRUE(made);
    id_ = made->token.id;
    return std::move(made->text);
  }
  /// The scopes of who is let in; "401", "429" of who is not.
  static std::string outcome(Access& access, const Credentials& credentials) {
    const auto who = access.identify(credentials);
    if (const auto* denial = std::get_if<Denial>(&who)) return fmt::to_string(denial->status);
    return to_string(std::get<Caller>(who).scopes);
  }

  const std::string directory_ =
      std::filesystem::temp_directory_path() / fmt::format("gpuvigil-access-{}", ::getpid());
  ManualClock clock_{Timestamp(std::chrono::seconds(1'800'000'000))};
  std::string id_;  ///< Of the last token made.
};

TEST_F(AccessTest, WithoutCredentialsWhoIsAtHomeMayReadAndOnlyInLocalMode) {
  const auto f = [&](AuthMode mode, bool loopback, std::optional<std::uint32_t> user,
                     std::string_view want) {
    Access access = make(mode);
    EXPECT_EQ(outcome(access, {.bearer = std::nullopt,
                               .session = {},
                               .address = "a",
                               .is_loopback = loopback,
                               .user = user}),
              want)
        << to_string(mode) << loopback;
  };
  f(AuthMode::kLocal, true, kOwn, "read");
  f(AuthMode::kLocal, true, 0, "read");
  f(AuthMode::kLocal, true, 1001, "401");
  f(AuthMode::kLocal, true, std::nullopt, "401");
  f(AuthMode::kLocal, false, kOwn, "401");  // a user number from elsewhere says nothing
  f(AuthMode::kToken, true, kOwn, "401");
  f(AuthMode::kToken, true, 0, "401");
  f(AuthMode::kOff, true, std::nullopt, "admin");
}

TEST_F(AccessTest, ATokenGivesItsScopesFromAnywhere) {
  const Secret read = token({Scope::kRead});
  const Secret ingest = token({Scope::kIngest});
  for (const auto mode : {AuthMode::kLocal, AuthMode::kToken}) {
    Access access = make(mode);
    EXPECT_EQ(outcome(access, {.bearer = read.reveal(), .session = {}, .address = "a"}), "read");
    EXPECT_EQ(outcome(access, {.bearer = ingest.reveal(), .session = {}, .address = "a"}),
              "ingest");
  }
}

TEST_F(AccessTest, AWrongTokenIsRefusedAlsoAtHome) {
  Access access = make(AuthMode::kLocal);
  const Credentials wrong = {
      .bearer = "gpuvigil_wrong", .session = {}, .address = "a", .is_loopback = true, .user = kOwn};
  EXPECT_EQ(outcome(access, wrong), "401");
}

TEST_F(AccessTest, TokensExpireAndAreRevokedAndAppearWhileItRuns) {
  Access access = make(AuthMode::kToken);
  const Secret text = token({Scope::kRead}, 60s);
  const Credentials credentials = {.bearer = text.reveal(), .session = {}, .address = "a"};
  EXPECT_EQ(outcome(access, credentials), "read");  // made after the server had read the file
  EXPECT_TRUE(access.is_valid(id_));
  clock_.advance(60s);
  EXPECT_EQ(outcome(access, credentials), "401");
  EXPECT_FALSE(access.is_valid(id_));

  const Secret other = token({Scope::kRead});
  EXPECT_EQ(outcome(access, {.bearer = other.reveal(), .session = {}, .address = "a"}), "read");
  ASSERT_TRUE(TokenFile(directory_).revoke(id_));
  EXPECT_TRUE(access.refresh());
  EXPECT_FALSE(access.refresh());
  EXPECT_EQ(outcome(access, {.bearer = other.reveal(), .session = {}, .address = "a"}), "401");
  EXPECT_FALSE(access.is_valid(id_));
}

TEST_F(AccessTest, ADamagedFileLeavesWhatWasKnown) {
  const Secret text = token({Scope::kRead});
  Access access = make(AuthMode::kToken);
  std::filesystem::permissions(directory_ + "/tokens", std::filesystem::perms(0644));
  std::filesystem::last_write_time(directory_ + "/tokens", std::filesystem::file_time_type::min());
  EXPECT_TRUE(access.refresh());
  EXPECT_THAT(access.problem(), ::testing::HasSubstr("chmod"));
  EXPECT_EQ(outcome(access, {.bearer = text.reveal(), .session = {}, .address = "a"}), "read");
}

TEST_F(AccessTest, WrongCredentialsAreLimitedAndDisturbNobodyElse) {
  const Secret text = token({Scope::kRead});
  Access access = make(AuthMode::kToken);
  int unauthorized = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string guess = fmt::format("gpuvigil_{}", i);
    const auto status = outcome(access, {.bearer = guess, .session = {}, .address = "a"});
    unauthorized += status == "401" ? 1 : 0;
    EXPECT_TRUE(status == "401" || status == "429");
  }
  EXPECT_EQ(unauthorized, 10);
  EXPECT_EQ(access.counters().limited, 9'990U);
  EXPECT_EQ(outcome(access, {.bearer = text.reveal(), .session = {}, .address = "a"}), "read");
  EXPECT_EQ(outcome(access, {.bearer = "wrong", .session = {}, .address = "b"}), "401");
  clock_.advance(1s);
  EXPECT_EQ(outcome(access, {.bearer = "wrong", .session = {}, .address = "a"}), "401");
}

TEST_F(AccessTest, SessionsStandForTheirTokenUntilItOrTheyEnd) {
  const Secret text = token({Scope::kWrite});
  Access access = make(AuthMode::kToken);
  const auto shown =
      std::get<Caller>(access.identify({.bearer = text.reveal(), .session = {}, .address = "a"}));
  const Secret key = access.open_session(shown);
  const Credentials cookie = {.bearer = std::nullopt, .session = key.reveal(), .address = "a"};
  EXPECT_EQ(outcome(access, cookie), "write");
  EXPECT_TRUE(std::get<Caller>(access.identify(cookie)).by_session);
  for (int i = 0; i < 13; ++i) {  // used now and then, for longer than it may be idle
    clock_.advance(12h);
    clock_.advance(-1s);
    EXPECT_EQ(outcome(access, cookie), "write") << i;
  }
  clock_.advance(12h);
  EXPECT_EQ(outcome(access, cookie), "401");

  const Secret second = access.open_session(shown);
  const Credentials other = {.bearer = std::nullopt, .session = second.reveal(), .address = "a"};
  access.close_session(second.reveal());
  EXPECT_EQ(outcome(access, other), "401");
  const Secret third = access.open_session(shown);
  ASSERT_TRUE(TokenFile(directory_).revoke(id_));
  access.refresh();
  EXPECT_EQ(outcome(access, {.bearer = std::nullopt, .session = third.reveal(), .address = "a"}),
            "401");
}

TEST_F(AccessTest, AnOldCookieDoesNotLockOutWhoIsAtHome) {
  Access access = make(AuthMode::kLocal);
  EXPECT_EQ(outcome(access, {.bearer = std::nullopt,
                             .session = "of a server before",
                             .address = "a",
                             .is_loopback = true,
                             .user = kOwn}),
            "read");
}

TEST_F(AccessTest, EachClientHasABucketAndSessionsALargerOne) {
  Access access = make(AuthMode::kLocal);
  const Caller one = {.scopes = {Scope::kRead}, .token_id = "1"};
  const Caller session = {.scopes = {Scope::kRead}, .token_id = "1", .by_session = true};
  const auto allowed = [&](const Caller* caller, std::string_view address,
                           std::optional<std::uint32_t> user = std::nullopt) {
    int count = 0;
    const Credentials from = {
        .bearer = std::nullopt, .session = {}, .address = address, .user = user};
    while (count < 1000 && !access.charge(caller, from)) ++count;
    return count;
  };
  EXPECT_EQ(allowed(&one, "a"), 50);
  EXPECT_EQ(allowed(&one, "b"), 0);  // the token counts, not the address
  EXPECT_EQ(allowed(&session, "a"), 200);
  EXPECT_EQ(allowed(nullptr, "a"), 50);
  EXPECT_EQ(allowed(nullptr, "b"), 50);
  const auto denial = access.charge(
      nullptr, {.bearer = std::nullopt, .session = {}, .address = "a", .user = std::nullopt});
  ASSERT_TRUE(denial);
  EXPECT_EQ(denial->status, 429U);
  EXPECT_EQ(denial->retry_after, 100ms);
  // Users of one machine have one each.
  EXPECT_EQ(allowed(nullptr, "::1", kOwn), 50);
  EXPECT_EQ(allowed(nullptr, "::1", kOwn + 1), 50);
  EXPECT_EQ(allowed(nullptr, "::1", kOwn), 0);
  // Nor does asking without any credentials come free.
  Access strict = make(AuthMode::kToken);
  int refused = 0;
  for (int i = 0; i < 60; ++i) {
    refused += outcome(strict, {.bearer = std::nullopt, .session = {}, .address = "a"}) == "429";
  }
  EXPECT_EQ(refused, 10);
}

TEST(AuthMode, IsReadAndWritten) {
  for (const auto mode : {AuthMode::kLocal, AuthMode::kToken, AuthMode::kOff}) {
    EXPECT_EQ(parse_auth_mode(to_string(mode)), mode);
  }
  EXPECT_FALSE(parse_auth_mode("on"));
}

TEST(Sessions, AreBoundedAndTheLongestIdleMakesRoom) {
  Sessions sessions;
  Timestamp now(std::chrono::seconds(1'800'000'000));
  const Secret first = sessions.open("first", now);
  const Secret second = sessions.open("second", now);
  for (std::size_t i = 2; i < Sessions::kMaxSessions; ++i) (void)sessions.open("other", now + 1s);
  EXPECT_EQ(sessions.use(first.reveal(), now + 2s), "first");
  (void)sessions.open("one more", now + 3s);
  EXPECT_EQ(sessions.count(), Sessions::kMaxSessions);
  EXPECT_EQ(sessions.use(first.reveal(), now + 4s), "first");
  EXPECT_EQ(sessions.use(second.reveal(), now + 4s), "");
}

}  // namespace
}  // namespace gpuvigil
