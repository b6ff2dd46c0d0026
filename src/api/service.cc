// SPDX-License-Identifier: Apache-2.0
#include "api/service.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "api/gate.h"
#include "api/problem.h"
#include "api/system_json.h"
#include "base/log.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kStreamPath = "/api/v1/gpu/stream";

HttpResponse method_not_allowed(const std::vector<Method>& allowed) {
  std::string list;
  for (const Method method : allowed) {
    if (!list.empty()) list += ", ";
    list += method == Method::kGet ? "GET, HEAD" : method_name(method);
  }
  HttpResponse response = problem(405, fmt::format("this path takes {}", list));
  response.headers.emplace_back("Allow", std::move(list));
  return response;
}

}  // namespace

Service::Service(Engine& engine, Access& access, Duration frame_period, MetricsOptions metrics)
    : engine_(engine),
      access_(access),
      hub_([&engine] { return engine.frame(); }, [&engine] { engine.request_peek(); },
           frame_period),
      started_(engine.clock().now()),
      stats_(routes().size()),
      metrics_(std::move(metrics)) {}

std::variant<Caller, HttpResponse> Service::admit(const Credentials& credentials,
                                                  RouteAccess access) {
  if (access == RouteAccess::kPublic) return Caller();
  auto who = access_.identify(credentials);
  if (const auto* denial = std::get_if<Denial>(&who)) return denial_problem(*denial);
  auto& caller = std::get<Caller>(who);
  if (const auto denial = access_.charge(&caller, credentials)) {
    return denial_problem(*denial);
  }
  if (auto forbidden = check_scope(caller, access)) return *std::move(forbidden);
  return std::move(caller);
}

HttpResponse Service::lost(const HttpRequest& request, const RouteMatch& match) {
  // Not asked who they are: what is not there is no secret. But it costs them.
  const auto denial = access_.charge(nullptr, credentials_of(request));
  if (denial) return denial_problem(*denial);
  if (!match.allowed.empty()) return method_not_allowed(match.allowed);
  return problem(404, "there is nothing at this path; /docs lists what there is");
}

std::optional<HttpResponse> Service::handle(const HttpRequest& request, Deferral& deferral) {
  const auto began = std::chrono::steady_clock::now();
  const RouteMatch match = match_route(request.method, request.path);
  auto response = answer(request, match, deferral);
  if (response) {
    note({.id = request.id,
          .method = request.method,
          .client = request.remote,
          .path = request.path,
          .route = match.route},
         response->status, std::chrono::steady_clock::now() - began);
    return response;
  }
  later_.insert_or_assign(request.id, Later{.method = request.method,
                                            .client = request.remote,
                                            .path = request.path,
                                            .route = match.route,
                                            .began = began});
  return response;
}

void Service::settled(std::uint64_t request, unsigned status) {
  const auto found = later_.extract(request);
  if (found.empty()) return;
  const Later& later = found.mapped();
  note({.id = request,
        .method = later.method,
        .client = later.client,
        .path = later.path,
        .route = later.route},
       status, std::chrono::steady_clock::now() - later.began);
}

std::optional<HttpResponse> Service::answer(const HttpRequest& request, const RouteMatch& match,
                                            Deferral& deferral) {
  const bool is_free = match.route != nullptr && match.route->access == RouteAccess::kPublic;
  if (!is_free && is_of_foreign_page(request)) {
    return problem(403, "a page of another origin may not load this");
  }
  if (match.route == nullptr) return lost(request, match);
  auto admitted = admit(credentials_of(request), match.route->access);
  if (auto* refusal = std::get_if<HttpResponse>(&admitted)) return std::move(*refusal);
  return serve(request, match, std::get<Caller>(admitted), deferral);
}

void Service::note(const Noted& request, unsigned status, Duration took) {
  if (request.route != nullptr) {
    stats_[static_cast<std::size_t>(request.route - routes().data())].add(status, took);
  }
  const bool failed = status >= 500 && status != 503;
  const LogLevel level = failed ? LogLevel::kError : LogLevel::kDebug;
  if (!program_log().is_enabled(level)) return;
  log(level, "http.request",
      {kv("id", request.id), kv("client", request.client),
       kv("method", method_name(request.method)), kv("path", request.path), kv("status", status),
       kv("ms", std::chrono::duration<double, std::milli>(took).count())});
}

void Service::tell_refusals() {
  const Access::Counters& now = access_.counters();
  if (now.denied == told_.denied && now.limited == told_.limited) return;
  log(LogLevel::kWarn, "http.refused",
      {kv("unauthorized", now.denied - told_.denied), kv("too_many", now.limited - told_.limited)});
  told_ = now;
}

void Service::report(const std::function<void(const SystemReport&)>& take) const {
  const auto frame = engine_.frame();
  const Timestamp now = engine_.clock().now();
  const ProcessStats process = read_process_stats();
  take({.now = now,
        .uptime = now - started_,
        .process = process,
        .http = http_stats_ ? http_stats_() : HttpServerStats(),
        .stream_groups = hub_.groups(),
        .access = access_,
        .routes = routes(),
        .requests = stats_,
        .engine = engine_.stats(),
        .frame_period = engine_.frame_period(),
        .frame = *frame,
        .history = history_,
        .log = program_log().stats(),
        .exports = export_stats_ ? export_stats_() : std::vector<ExportStats>()});
}

std::string Service::describe_system() const {
  std::string text;
  report([&text](const SystemReport& now) { text = system_json(now); });
  return text;
}

HttpResponse Service::metrics(const HttpRequest& request, std::optional<MetricNames> names) {
  return metrics_.answer(engine_.frame(), request.header("accept"),
                         names.value_or(metrics_.default_names()),
                         [this](const auto& take) { report(take); });
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
                       .history = history_,
                       .describe_system = describe_system_,
                       .metrics = answer_metrics_,
                       .draining = draining_,
                       .tracer = tracer_,
                       .desk = desk_};
  if (!match.route->per_frame) return match.route->handle(context);

  answers_.turn_to(frame);
  if (const HttpResponse* known = answers_.find(request)) return *known;
  auto response = match.route->handle(context);
  if (response && response->status == 200) answers_.keep(request, *response);
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
  tell_refusals();
  const std::string before = access_.problem();
  const bool changed = access_.refresh();
  if (!access_.problem().empty() && access_.problem() != before) {
    log(LogLevel::kWarn, "tokens.unreadable", {kv("what", access_.problem())});
  }
  if (!changed && ++rounds_ % kLookForExpired != 0) return;
  hub_.close_where([this](const std::string& token_id) { return !access_.is_valid(token_id); });
}

void Service::frame_closed(std::chrono::steady_clock::time_point now) {
  answers_.turn_to(engine_.frame());
  metrics_.forget();
  hub_.frame_closed(now);
}

HttpResponse Service::refuse(unsigned status, std::string_view detail) {
  return problem(status, detail);
}

}  // namespace gpuvigil
