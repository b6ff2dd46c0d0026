// SPDX-License-Identifier: Apache-2.0
#include "api/fleet_routes.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/history_routes.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxNodes = 256;
constexpr std::size_t kMaxNodeBytes = 256;

constexpr std::string_view kNoFleet =
    "this server knows no fleet: history.store (or --store) names the Prometheus that machines "
    "write to";
constexpr std::string_view kTooMany = "too many questions to the fleet at once";

}  // namespace

FleetQuery read_fleet_query(ParameterReader& in) {
  static constexpr std::array<Choice<FleetSort>, 4> kSorts = {{
      {"node", FleetSort::kNode},
      {"gpu_utilization", FleetSort::kUtilization},
      {"memory_usage", FleetSort::kMemory},
      {"alerts", FleetSort::kAlerts},
  }};
  static constexpr std::array<Choice<std::optional<bool>>, 3> kStates = {
      {{"all", std::nullopt}, {"ok", false}, {"silent", true}}};
  static constexpr std::array<Choice<bool>, 2> kOrders = {{{"asc", false}, {"desc", true}}};
  FleetQuery query;
  query.names = in.globs("node");
  query.is_silent = in.choice<std::optional<bool>>("state", kStates, std::nullopt);
  query.sort_by = in.choice<FleetSort>("sort_by", kSorts, query.sort_by);
  query.descending = in.choice<bool>("order", kOrders, query.sort_by != FleetSort::kNode);
  query.limit = in.number("limit", query.limit, 1, 1000);
  query.offset = in.number("offset", 0, 0, 1'000'000);
  return query;
}

FleetHistoryQuery read_fleet_history_query(ParameterReader& in, const Frame& frame) {
  static constexpr std::array<Choice<FleetGroup>, 2> kGroups = {
      {{"node", FleetGroup::kNode}, {"fleet", FleetGroup::kFleet}}};
  FleetHistoryQuery query;
  query.in_time = read_series_query(in, frame);
  query.group = in.choice<FleetGroup>("by", kGroups, query.group);
  for (const std::string_view node : in.words("node", kMaxNodes)) {
    if (node.empty() || node.size() > kMaxNodeBytes) {
      in.error("node", "must be the name of a node, of at most 256 bytes");
    } else if (std::ranges::find(query.nodes, node) == query.nodes.end()) {
      query.nodes.emplace_back(node);
    }
  }
  return query;
}

std::optional<HttpResponse> get_fleet(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  FleetQuery query = read_fleet_query(in);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  if (context.history.fleet == nullptr) return problem(503, kNoFleet);
  const Reply answer = context.deferral.later();
  const bool taken = context.history.fleet->ask_nodes(
      [answer, query = std::move(query),
       frame = context.engine.frame()](Result<std::shared_ptr<const FleetState>> got) {
        answer.send(got ? reply(fleet_json(*frame, query, **got)) : history_failure(got.error()));
      });
  if (!taken) answer.send(history_failure({Errc::kUnavailable, std::string(kTooMany)}));
  return std::nullopt;
}

std::optional<HttpResponse> get_fleet_history(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  const FleetHistoryQuery query = read_fleet_history_query(in, context.frame);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  if (context.history.fleet == nullptr) return problem(503, kNoFleet);
  const Reply answer = context.deferral.later();
  const bool taken = context.history.fleet->ask_history(
      query, [answer, query, frame = context.engine.frame()](Result<FleetHistory> got) {
        answer.send(got ? reply(fleet_history_json(*frame, query, *got))
                        : history_failure(got.error()));
      });
  if (!taken) answer.send(history_failure({Errc::kUnavailable, std::string(kTooMany)}));
  return std::nullopt;
}

}  // namespace gpuvigil
