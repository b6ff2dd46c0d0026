// SPDX-License-Identifier: Apache-2.0
#include "api/live_server.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/http_client.h"

// The server keeps what requests of the same bytes came to, and answers. Nothing of what is decided
// anew for each request may be kept with them.

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr Duration kPatience = 30s;
constexpr int kRounds = 5;  // from the second on a request is known

class LiveServerTest : public ::testing::Test {
 protected:
  LiveServerTest() : engine_({.no_device_reason = "none"}, clock_) { engine_.start(); }
  ~LiveServerTest() override { std::filesystem::remove_all(tokens_.directory()); }

  std::unique_ptr<LiveServer> start(const AccessOptions& access) {
    auto live = LiveServer::start(
        engine_, {.http = {.port = 0}, .access = access, .state_directory = tokens_.directory()});
    EXPECT_TRUE(live) << live.error().message;
    return live ? *std::move(live) : nullptr;
  }

  static ClientResponse get(const LiveServer& live, std::string_view path, HttpHeaders fields) {
    const auto answer = http_get(live.url() + std::string(path),
                                 {.timeout = kPatience, .headers = std::move(fields)});
    EXPECT_TRUE(answer) << answer.error().message;
    return answer ? *answer : ClientResponse();
  }

  static unsigned status(const LiveServer& live, HttpHeaders fields = {}) {
    return get(live, "/api/v1/gpu/kernels?limit=5", std::move(fields)).status;
  }

  const SystemClock clock_;
  Engine engine_;
  TokenFile tokens_{std::filesystem::path(::testing::TempDir()) /
                    ::testing::UnitTest::GetInstance()->current_test_info()->name()};
};

TEST_F(LiveServerTest, WhoHasNoTokenIsRefusedEachTime) {
  const auto live = start({.mode = AuthMode::kToken, .rate = std::nullopt});
  for (int i = 0; i < kRounds; ++i) EXPECT_EQ(status(*live), 401U);
}

TEST_F(LiveServerTest, EachOfEqualRequestsCounts) {
  const auto live = start({.mode = AuthMode::kOff, .rate = Rate{.per_second = 0.001, .burst = 5}});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status(*live), 200U) << i;
  for (int i = 0; i < kRounds; ++i) EXPECT_EQ(status(*live), 429U) << i;
}

TEST_F(LiveServerTest, ARevokedTokenIsRefusedAlthoughItsAnswerIsKept) {
  const auto made = tokens_.create({.name = "t", .scopes = {Scope::kRead}, .now = clock_.now()});
  ASSERT_TRUE(made) << made.error().message;
  const auto live = start({.mode = AuthMode::kToken, .rate = std::nullopt});
  const HttpHeaders fields = {{"Authorization", "Bearer " + std::string(made->text.reveal())}};
  for (int i = 0; i < kRounds; ++i) EXPECT_EQ(status(*live, fields), 200U);
  EXPECT_EQ(status(*live, {{"Authorization", "Bearer x"}}), 401U);
  ASSERT_TRUE(tokens_.revoke(made->token.id));
  // The file is looked at once a second.
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (status(*live, fields) == 200 && std::chrono::steady_clock::now() < until) continue;
  for (int i = 0; i < kRounds; ++i) EXPECT_EQ(status(*live, fields), 401U);
}

TEST_F(LiveServerTest, AnEqualRequestIsAnsweredFromTheNewestFrame) {
  const auto live = start({.mode = AuthMode::kOff, .rate = std::nullopt});
  for (int calls = 1; calls <= kRounds; ++calls) {
    engine_.recorder().record("sgemm", 0, 1000);
    (void)engine_.peek();
    for (int i = 0; i < kRounds; ++i) {
      EXPECT_THAT(get(*live, "/api/v1/gpu/kernels?limit=5", {}).body,
                  HasSubstr("\"total_calls\":" + std::to_string(calls) + ","));
    }
  }
}

TEST_F(LiveServerTest, AQuestionThatDiffersInOneByteHasItsOwnAnswer) {
  const auto live = start({.mode = AuthMode::kOff, .rate = std::nullopt});
  engine_.recorder().record("sgemm", 0, 1000);
  (void)engine_.peek();
  for (int i = 0; i < kRounds; ++i) {
    EXPECT_THAT(get(*live, "/api/v1/gpu/kernels?name=s*", {}).body, HasSubstr("sgemm"));
    EXPECT_THAT(get(*live, "/api/v1/gpu/kernels?name=t*", {}).body, Not(HasSubstr("sgemm")));
    EXPECT_EQ(get(*live, "/api/v1/gpu/kernelz?name=s*", {}).status, 404U);
    EXPECT_EQ(get(*live, "/api/v1/gpu/kernels?mame=s*", {}).status, 400U);
    EXPECT_EQ(get(*live, "/api/v1/gpu/kernels?name=s*", {{"Origin", "http://evil"}}).status, 403U);
  }
}

}  // namespace
}  // namespace gpuvigil
