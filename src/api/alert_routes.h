// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "api/routes.h"

namespace gpuvigil {

/// The write side of alerts: rules, silences, acknowledgements and channels. Each answers later,
/// from the desk's thread; 503 where this server has no desk.
[[nodiscard]] std::optional<HttpResponse> post_alert_ack(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> get_rules(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> post_rule(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> delete_rule(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> get_silences(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> post_silence(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> delete_silence(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> get_channels(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> post_channel(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> delete_channel(RouteContext& context);
[[nodiscard]] std::optional<HttpResponse> post_channel_test(RouteContext& context);

}  // namespace gpuvigil
