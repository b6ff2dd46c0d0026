// SPDX-License-Identifier: Apache-2.0
#include "api/service.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "api/problem.h"
#include "api/routes.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kStreamPath = "/api/v1/gpu/stream";
constexpr std::size_t kMaxCachedAnswers = 64;

std::string_view method_name(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET, HEAD";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
    case Method::kOptions:
      return "OPTIONS";
    case Method::kOther:
      break;
  }
  return "";
}

HttpResponse method_not_allowed(const std::vector<Method>& allowed) {
  std::string list;
  for (const Method method : allowed) {
    if (!list.empty()) list += ", ";
    list += method_name(method);
  }
  HttpResponse response = problem(405, fmt::format("this path takes {}", list));
  response.headers.emplace_back("Allow", std::move(list));
  return response;
}

/// Path and query as one text: the same request, the same key.
std::string cache_key(const HttpRequest& request) {
  std::string key = request.path;
  for (const auto& [name, value] : request.query) {
    key += '\0';
    key += name;
    key += '\0';
    key += value;
  }
  return key;
}

}  // namespace

Service::Service(Engine& engine, Duration frame_period)
    : engine_(engine),
      hub_([&engine] { return engine.frame(); }, [&engine] { engine.request_peek(); },
           frame_period) {}

std::optional<HttpResponse> Service::handle(const HttpRequest& request, Deferral&) {
  const RouteMatch match = match_route(request.method, request.path);
  if (match.route == nullptr) {
    if (!match.allowed.empty()) return method_not_allowed(match.allowed);
    return problem(404, "there is nothing at this path; see /api/v1/gpu/status");
  }
  const auto frame = engine_.frame();
  RouteContext context{.request = request,
                       .frame = *frame,
                       .engine = engine_,
                       .path_parameter = match.path_parameter,
                       .draining = draining_};
  if (!match.route->per_frame) return match.route->handle(context);

  if (cached_frame_ != frame) {
    cache_.clear();
    cached_frame_ = frame;
  }
  std::string key = cache_key(request);
  const auto known = cache_.find(key);
  if (known != cache_.end()) return known->second;
  HttpResponse response = match.route->handle(context);
  if (response.status == 200 && cache_.size() < kMaxCachedAnswers) {
    cache_.emplace(std::move(key), response);
  }
  return response;
}

std::variant<StreamAccepted, HttpResponse> Service::upgrade(const HttpRequest& request,
                                                            StreamPeer& peer) {
  if (request.path != kStreamPath) return problem(404, "the stream is at /api/v1/gpu/stream");
  if (draining_) return problem(503, "shutting down");
  auto subscription = read_subscription(request, *engine_.frame());
  if (!subscription) {
    return problem(400, "some parameters are not understood", subscription.error());
  }
  return StreamAccepted{.session = hub_.open(*std::move(subscription), peer)};
}

HttpResponse Service::refuse(unsigned status, std::string_view detail) {
  return problem(status, detail);
}

}  // namespace gpuvigil
