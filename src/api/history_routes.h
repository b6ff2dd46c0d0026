// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api/routes.h"

namespace gpuvigil {

[[nodiscard]] std::optional<HttpResponse> get_history(RouteContext& context);

/// The parameters of GET /history.
[[nodiscard]] HistoryQuery read_history_query(ParameterReader& in, const Frame& frame);

}  // namespace gpuvigil
