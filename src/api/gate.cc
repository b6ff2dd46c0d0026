// SPDX-License-Identifier: Apache-2.0
#include "api/gate.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/problem.h"
#include "net/ascii.h"

namespace gpuvigil {
namespace {

std::string_view address_of(std::string_view remote) {
  return remote.substr(0, remote.rfind(':'));
}

/// The token of "Bearer TOKEN"; an empty one, which nobody has, for any other scheme.
std::string_view bearer_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (!equals_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) return {};
  return trim(authorization.substr(kScheme.size()));
}

/// The value of our cookie among "a=b; c=d".
std::string_view cookie_of(std::string_view cookies) {
  while (!cookies.empty()) {
    const std::string_view part = cookies.substr(0, cookies.find(';'));
    cookies.remove_prefix(std::min(part.size() + 1, cookies.size()));
    const std::string_view cookie = trim(part);
    if (cookie.substr(0, cookie.find('=')) == kSessionCookie) {
      return cookie.substr(std::min(kSessionCookie.size() + 1, cookie.size()));
    }
  }
  return {};
}

Scope scope_of(RouteAccess access) {
  switch (access) {
    case RouteAccess::kIngest:
      return Scope::kIngest;
    case RouteAccess::kWrite:
      return Scope::kWrite;
    case RouteAccess::kAdmin:
      return Scope::kAdmin;
    case RouteAccess::kPublic:
    case RouteAccess::kCaller:
    case RouteAccess::kRead:
      break;
  }
  return Scope::kRead;
}

}  // namespace

Credentials credentials_of(const HttpRequest& request) {
  Credentials credentials{.bearer = std::nullopt,
                          .session = {},
                          .address = address_of(request.remote),
                          .is_loopback = request.is_loopback,
                          .user = request.user};
  for (const auto& [name, value] : request.headers) {
    if (name == "authorization") {
      // Two of them: whichever were meant, one of them is wrong.
      credentials.bearer = credentials.bearer ? std::string_view() : bearer_of(value);
    } else if (name == "cookie" && credentials.session.empty()) {
      credentials.session = cookie_of(value);
    }
  }
  return credentials;
}

Credentials stream_credentials_of(const HttpRequest& request) {
  Credentials credentials = credentials_of(request);
  if (credentials.bearer) return credentials;
  for_each_element(request.header("sec-websocket-protocol"), [&](std::string_view offered) {
    if (offered.starts_with(kBearerProtocol) && !credentials.bearer) {
      credentials.bearer = offered.substr(kBearerProtocol.size());
    }
  });
  return credentials;
}

bool is_of_foreign_page(const HttpRequest& request) {
  const std::string_view site = request.header("sec-fetch-site");
  if (site.empty() || site == "same-origin" || site == "none") return false;
  if (!request.header("origin").empty()) return false;  // one that is allowed: net has looked
  return request.header("sec-fetch-mode") != "navigate" ||
         request.header("sec-fetch-dest") != "document";
}

std::string stream_protocol(const HttpRequest& request) {
  std::string chosen;
  for_each_element(request.header("sec-websocket-protocol"), [&](std::string_view offered) {
    // A browser gives up when none of what it offered is chosen.
    const bool is_bearer = offered.starts_with(kBearerProtocol);
    if (offered == kStreamProtocol || (is_bearer && chosen.empty())) chosen = offered;
  });
  return chosen;
}

HttpResponse denial_problem(const Denial& denial) {
  HttpResponse response = problem(denial.status, denial.detail);
  if (denial.status == 401) {
    response.headers.emplace_back("WWW-Authenticate", R"(Bearer realm="gpuvigil")");
    return response;
  }
  const auto seconds = std::max<std::int64_t>(
      std::chrono::ceil<std::chrono::seconds>(denial.retry_after).count(), 1);
  response.headers.emplace_back("Retry-After", fmt::to_string(seconds));
  response.headers.emplace_back("RateLimit", fmt::format(R"("default";r=0;t={})", seconds));
  return response;
}

std::optional<HttpResponse> check_scope(const Caller& caller, RouteAccess access) {
  if (access == RouteAccess::kPublic || access == RouteAccess::kCaller) return std::nullopt;
  const Scope needed = scope_of(access);
  if (caller.scopes.has(needed)) return std::nullopt;
  return problem(
      403, fmt::format("this needs the scope {}; {}", to_string(needed),
                       caller.token_id.empty() ? "send a token that has it (gpuvigil token create)"
                                               : "the token that was sent has not got it"));
}

std::string session_cookie(std::string_view key, bool is_secure) {
  const auto seconds =
      key.empty() ? 0 : std::chrono::floor<std::chrono::seconds>(Sessions::kLongest).count();
  return fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}", kSessionCookie, key,
                     seconds, is_secure ? "; Secure" : "");
}

}  // namespace gpuvigil
