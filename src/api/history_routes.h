// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "api/routes.h"

namespace gpuvigil {

[[nodiscard]] std::optional<HttpResponse> get_history(RouteContext& context);

/// GET /api/v1/gpu/kernels/{id}/history.
[[nodiscard]] std::optional<HttpResponse> get_kernel_history(RouteContext& context);

/// Answers GET /kernels from history, where `query` reaches further back than the frame's windows
/// and history has more. False: it does not, and nothing was done.
[[nodiscard]] bool answer_kernels_from_history(RouteContext& context, const KernelQuery& query);
/// Those parameters that every question about what was has: `metric`, `from`, `to`, `step`, `agg`.
[[nodiscard]] HistoryQuery read_series_query(ParameterReader& in, const Frame& frame);

/// The answer where what was cannot be told.
[[nodiscard]] HttpResponse history_failure(const Error& error);

/// The parameters of GET /history.
[[nodiscard]] HistoryQuery read_history_query(ParameterReader& in, const Frame& frame);

}  // namespace gpuvigil
