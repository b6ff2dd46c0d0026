// SPDX-License-Identifier: Apache-2.0
#include "api/service.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "api/gate.h"
#include "api/problem.h"
#include "base/log.h"

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

Service::Service(Engine& engine, Access& access, Duration frame_period)
    : engine_(engine),
      access_(access),
      hub_([&engine] { return engine.frame(); }, [&engine] { engine.request_peek(); },
           frame_period) {}

std::variant<Caller, HttpResponse> Service::admit(const Credentials& credentials,
                                                  RouteAccess access) {
  if (access == RouteAccess::kPublic) return Caller();
  auto who = access_.identify(credentials);
  if (const auto* denial = std::get_if<Denial>(&who)) return denial_problem(*denial);
  auto& caller = std::get<Caller>(who);
  if (const auto denial = access_.charge(&caller, credentials.address)) {
    return denial_problem(*denial);
  }
  if (auto forbidden = check_scope(caller, access)) return *std::move(forbidden);
  return std::move(caller);
}

HttpResponse Service::lost(const HttpRequest& request, const RouteMatch& match) {
  // Not asked who they are: what is not there is no secret. But it costs them.
  const auto denial = access_.charge(nullptr, credentials_of(request).address);
  if (denial) return denial_problem(*denial);
  if (!match.allowed.empty()) return method_not_allowed(match.allowed);
  return problem(404, "there is nothing at this path; /docs lists what there is");
}

std::optional<HttpResponse> Service::handle(const HttpRequest& request, Deferral& deferral) {
  const RouteMatch match = match_route(request.method, request.path);
  if (match.route == nullptr) return lost(request, match);
  auto admitted = admit(credentials_of(request), match.route->access);
  if (auto* refusal = std::get_if<HttpResponse>(&admitted)) return std::move(*refusal);
  return serve(request, match, std::get<Caller>(admitted), deferral);
}

std::optional<HttpResponse> Service::serve(const HttpRequest& request, const RouteMatch& match,
                                           const Caller& caller, Deferral& deferral) {
  const auto frame = engine_.frame();
  RouteContext context{.request = request,
                       .frame = *frame,
                       .engine = engine_,
                       .access = access_,
                       .caller = caller,
                       .deferral = deferral,
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
  auto response = match.route->handle(context);
  if (response && response->status == 200 && cache_.size() < kMaxCachedAnswers) {
    cache_.emplace(std::move(key), *response);
  }
  return response;
}

std::variant<StreamAccepted, HttpResponse> Service::upgrade(const HttpRequest& request,
                                                            StreamPeer& peer) {
  if (request.path != kStreamPath) return lost(request, {});
  const auto admitted = admit(stream_credentials_of(request), RouteAccess::kRead);
  if (const auto* refusal = std::get_if<HttpResponse>(&admitted)) return *refusal;
  if (draining_) return problem(503, "shutting down");
  auto subscription = read_subscription(request, *engine_.frame());
  if (!subscription) {
    return problem(400, "some parameters are not understood", subscription.error());
  }
  return StreamAccepted{
      .session = hub_.open(*std::move(subscription), peer, std::get<Caller>(admitted).token_id),
      .subprotocol = stream_protocol(request)};
}

void Service::refresh_access() {
  constexpr std::uint64_t kLookForExpired = 10;  // rounds
  const std::string before = access_.problem();
  const bool changed = access_.refresh();
  if (!access_.problem().empty() && access_.problem() != before) {
    log(LogLevel::kWarn, "tokens.unreadable", {kv("what", access_.problem())});
  }
  if (!changed && ++rounds_ % kLookForExpired != 0) return;
  hub_.close_where([this](const std::string& token_id) { return !access_.is_valid(token_id); });
}

HttpResponse Service::refuse(unsigned status, std::string_view detail) {
  return problem(status, detail);
}

}  // namespace gpuvigil
