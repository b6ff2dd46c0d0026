// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api/routes.h"
#include "model/fleet.h"
#include "views/fleet_view.h"

namespace gpuvigil {

[[nodiscard]] std::optional<HttpResponse> get_fleet(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> get_fleet_history(RouteContext& context);

/// The parameters of GET /fleet and of GET /fleet/history.
[[nodiscard]] FleetQuery read_fleet_query(ParameterReader& in);
[[nodiscard]] FleetHistoryQuery read_fleet_history_query(ParameterReader& in, const Frame& frame);

}  // namespace gpuvigil
