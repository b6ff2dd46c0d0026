// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api/routes.h"

namespace gpuvigil {

[[nodiscard]] std::optional<HttpResponse> get_history(RouteContext& context);

/// Those parameters that every question about what was has: `metric`, `from`, `to`, `step`, `agg`.
[[nodiscard]] HistoryQuery read_series_query(ParameterReader& in, const Frame& frame);

/// The answer where what was cannot be told.
[[nodiscard]] HttpResponse history_failure(const Error& error);

/// The parameters of GET /history.
[[nodiscard]] HistoryQuery read_history_query(ParameterReader& in, const Frame& frame);

}  // namespace gpuvigil
