// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/access.h"
#include "net/http.h"

namespace gpuvigil {

/// What a route asks of its caller.
enum class RouteAccess {
  kPublic,  ///< Nothing: it holds nothing secret, and is free.
  kCaller,  ///< To be somebody, with whatever scopes.
  kRead,
  kIngest,
  kWrite,
  kAdmin,
};

inline constexpr std::string_view kSessionCookie = "gpuvigil_session";
inline constexpr std::string_view kStreamProtocol = "gpuvigil.v1";
inline constexpr std::string_view kBearerProtocol = "gpuvigil.bearer.";

/// What a request says of who sent it: views into the request. An Authorization that is no bearer
/// token counts as a wrong one.
[[nodiscard]] Credentials credentials_of(const HttpRequest& request);

/// The same of an upgrade, where a browser can send a token only as a subprotocol.
[[nodiscard]] Credentials stream_credentials_of(const HttpRequest& request);

/// True for what a page of another site makes a browser load without asking anybody, as an image or
/// a frame: its answer could not be read there, but it would cost this user's rate. A link that is
/// followed is not that.
[[nodiscard]] bool is_of_foreign_page(const HttpRequest& request);

/// The subprotocol that answers those which were offered; empty when none of ours was.
[[nodiscard]] std::string stream_protocol(const HttpRequest& request);

/// 401 with WWW-Authenticate, or 429 with Retry-After and the RateLimit fields.
[[nodiscard]] HttpResponse denial_problem(const Denial& denial);

/// Nothing when the caller may use such a route, else 403.
[[nodiscard]] std::optional<HttpResponse> check_scope(const Caller& caller, RouteAccess access);

/// The Set-Cookie that begins a session; with an empty key, the one that ends it.
[[nodiscard]] std::string session_cookie(std::string_view key, bool is_secure);

}  // namespace gpuvigil
