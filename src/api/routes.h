// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/gate.h"
#include "api/parameters.h"
#include "engine/alert_desk.h"
#include "engine/engine.h"
#include "model/fleet.h"
#include "model/history.h"
#include "model/tracer.h"
#include "net/http.h"

namespace gpuvigil {

/// Where what was can be asked.
struct HistoryDoor {
  History* store = nullptr;  ///< Null: nobody keeps it.
  std::string why_not = "this server keeps no history";
  /// Null: this server knows of no other machines. Else it answers what was, instead of the store.
  Fleet* fleet = nullptr;
  bool is_missing = false;  ///< It should be kept, and could not be opened.

  /// It should be kept, and just now is not, or in memory alone.
  [[nodiscard]] bool is_failing() const {
    return store == nullptr ? is_missing : !store->status().problem.empty();
  }
};

/// Whose names devices go by at GET /metrics.
enum class MetricNames { kOwn, kDcgm, kAll };

[[nodiscard]] constexpr std::string_view to_string(MetricNames names) {
  switch (names) {
    case MetricNames::kOwn:
      return "own";
    case MetricNames::kDcgm:
      return "dcgm";
    case MetricNames::kAll:
      return "all";
  }
  return "own";
}

/// "own", "dcgm" or "all"; nothing for another word.
[[nodiscard]] std::optional<MetricNames> parse_metric_names(std::string_view text);

/// Answers with the metrics of now, by the names asked for; where none are, by the server's own
/// choice.
using MetricsAnswer =
    std::function<HttpResponse(const HttpRequest& request, std::optional<MetricNames> names)>;

/// What a handler may use.
struct RouteContext {
  const HttpRequest& request;
  const Frame& frame;
  Engine& engine;
  Access& access;
  const Caller& caller;
  Deferral& deferral;
  std::string_view path_parameter;  ///< What stood for `{...}` in the path; empty without one.
  const HistoryDoor& history;
  const std::function<std::string()>& describe_system;  ///< The body of GET /system.
  const MetricsAnswer& metrics;                         ///< The answer of GET /metrics.
  bool draining = false;
  Tracer* tracer = nullptr;   ///< Null: programs do not report to this server.
  AlertDesk* desk = nullptr;  ///< Null: a server without one.
};

/// The answer; or nothing, when context.deferral.later() will give it.
using RouteHandler = std::optional<HttpResponse> (*)(RouteContext& context);

/// One row of the API.
struct Route {
  Method method;
  std::string_view pattern;  ///< `{name}` matches any one segment.
  RouteAccess access;
  RouteHandler handle;
  bool per_frame;  ///< The answer depends on frame and query only, so it may be shared.
  std::string_view summary;
};

/// "GET"; "OTHER" for what no route has.
[[nodiscard]] std::string_view method_name(Method method);

/// Every route there is; api/openapi.yaml says the same.
[[nodiscard]] std::span<const Route> routes();

/// The outcome of looking for a path: the path decides between found and 404, only then the
/// method between found and 405.
struct RouteMatch {
  const Route* route = nullptr;
  std::string_view path_parameter;
  std::vector<Method> allowed;  ///< Of this path, when its method does not match.
};

/// A 200 with this body. `content_type` is a literal.
[[nodiscard]] HttpResponse reply(std::string body,
                                 std::string_view content_type = "application/json");

/// The 400 that names every parameter that is wrong.
[[nodiscard]] HttpResponse bad_parameters(const std::vector<ParameterError>& errors);

[[nodiscard]] RouteMatch match_route(Method method, std::string_view path);

}  // namespace gpuvigil
