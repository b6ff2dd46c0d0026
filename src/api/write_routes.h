// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "api/routes.h"

namespace gpuvigil {

/// Nothing when the body is plain JSON without parameters beside it, else what is wrong.
[[nodiscard]] std::optional<HttpResponse> check_body(RouteContext& context);

/// The handlers of what changes something: executions and samples that programs tell of, and the
/// sessions of browsers.
/// Nothing when the body is plain JSON without parameters beside it, else what is wrong.
[[nodiscard]] std::optional<HttpResponse> check_body(RouteContext& context);

[[nodiscard]] std::optional<HttpResponse> post_executions(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> post_samples(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> get_session(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> post_session(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> delete_session(RouteContext& context);

}  // namespace gpuvigil
