// SPDX-License-Identifier: Apache-2.0
#include "api/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

HttpRequest with(std::vector<std::pair<std::string, std::string>> headers) {
  HttpRequest request;
  request.headers = std::move(headers);
  request.remote = "[::1]:5000";
  return request;
}

std::string header(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "(none)";
}

TEST(Gate, ReadsBearerTokensAndTakesAnythingElseForAWrongOne) {
  const auto f = [](std::vector<std::pair<std::string, std::string>> headers,
                    std::optional<std::string_view> want) {
    const HttpRequest request = with(std::move(headers));
    EXPECT_EQ(credentials_of(request).bearer, want);
  };
  f({}, std::nullopt);
  f({{"authorization", "Bearer abc"}}, "abc");
  f({{"authorization", "bearer  abc "}}, "abc");
  f({{"authorization", "BEARER abc"}}, "abc");
  f({{"authorization", "Bearer"}}, "");
  f({{"authorization", "Bearer "}}, "");
  f({{"authorization", "Basic YWJj"}}, "");
  f({{"authorization", ""}}, "");
  f({{"authorization", "Bearer abc"}, {"authorization", "Bearer abc"}}, "");
  EXPECT_EQ(credentials_of(with({})).address, "[::1]");
}

TEST(Gate, ReadsItsCookieAmongOthers) {
  const auto f = [](std::string cookies, std::string_view want) {
    const HttpRequest request = with({{"cookie", std::move(cookies)}});
    EXPECT_EQ(credentials_of(request).session, want);
  };
  f("gpuvigil_session=abc", "abc");
  f("a=b; gpuvigil_session=abc; c=d", "abc");
  f("a=b;gpuvigil_session=abc", "abc");
  f("gpuvigil_session=abc=", "abc=");
  f("gpuvigil_session", "");
  f("gpuvigil_session=", "");
  f("xgpuvigil_session=abc", "");
  f("gpuvigil_sessionx=abc", "");
  f(";;; =; ", "");
}

TEST(Gate, TakesAStreamsTokenFromItsSubprotocols) {
  const auto f = [](std::string offered, std::optional<std::string_view> token,
                    std::string_view chosen) {
    const HttpRequest request = with({{"sec-websocket-protocol", std::move(offered)}});
    EXPECT_EQ(stream_credentials_of(request).bearer, token);
    EXPECT_EQ(stream_protocol(request), chosen);
  };
  f("gpuvigil.v1", std::nullopt, "gpuvigil.v1");
  f("gpuvigil.bearer.abc", "abc", "gpuvigil.bearer.abc");
  f("gpuvigil.v1, gpuvigil.bearer.abc", "abc", "gpuvigil.v1");
  f("gpuvigil.bearer.abc, gpuvigil.v1", "abc", "gpuvigil.v1");
  f("gpuvigil.bearer.abc, gpuvigil.bearer.def", "abc", "gpuvigil.bearer.abc");
  f("chat", std::nullopt, "");
  f("", std::nullopt, "");
  // A token in the header goes before one that a page may have put there.
  const HttpRequest both =
      with({{"authorization", "Bearer h"}, {"sec-websocket-protocol", "gpuvigil.bearer.p"}});
  EXPECT_EQ(stream_credentials_of(both).bearer, "h");
}

TEST(Gate, DenialsSayHowToGoOn) {
  const HttpResponse unknown = denial_problem({.status = 401, .detail = "no"});
  EXPECT_EQ(unknown.status, 401U);
  EXPECT_EQ(header(unknown, "WWW-Authenticate"), R"(Bearer realm="gpuvigil")");
  const HttpResponse limited = denial_problem(
      {.status = 429, .detail = "no", .retry_after = std::chrono::milliseconds(1100)});
  EXPECT_EQ(limited.status, 429U);
  EXPECT_EQ(header(limited, "Retry-After"), "2");
  EXPECT_EQ(header(limited, "RateLimit"), R"("default";r=0;t=2)");
}

TEST(Gate, ARouteAsksForItsScope) {
  const auto f = [](ScopeSet scopes, RouteAccess access, unsigned want) {
    const auto refusal = check_scope({.scopes = scopes, .token_id = "1"}, access);
    EXPECT_EQ(refusal ? refusal->status : 200U, want);
  };
  using enum RouteAccess;
  f({}, kPublic, 200);
  f({}, kCaller, 200);
  f({}, kRead, 403);
  f({Scope::kRead}, kRead, 200);
  f({Scope::kRead}, kIngest, 403);
  f({Scope::kIngest}, kIngest, 200);
  f({Scope::kIngest}, kRead, 403);
  f({Scope::kWrite}, kRead, 200);
  f({Scope::kWrite}, kIngest, 200);
  f({Scope::kWrite}, kWrite, 200);
  f({Scope::kWrite}, kAdmin, 403);
  f({Scope::kAdmin}, kAdmin, 200);
}

TEST(Gate, TheCookieIsOutOfReachOfScriptsAndOtherSites) {
  EXPECT_EQ(session_cookie("k", false),
            "gpuvigil_session=k; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict");
  EXPECT_EQ(session_cookie("", true),
            "gpuvigil_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure");
}

}  // namespace
}  // namespace gpuvigil
