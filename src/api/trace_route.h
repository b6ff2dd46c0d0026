// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/routes.h"
#include "model/execution_trace.h"
#include "model/tracer.h"

namespace gpuvigil {

/// A request has three numbers.
inline constexpr std::size_t kMaxTraceRequestBytes = 4096;
inline constexpr Duration kUsualTrace = std::chrono::seconds(5);
inline constexpr std::size_t kUsualTracedEvents = 100'000;

/// The body of POST /traces, `{"pid":4711,"duration_ms":5000,"max_events":100000}`. Errors: every
/// mistake is named.
[[nodiscard]] std::expected<TraceWish, std::vector<ParameterError>> read_trace_wish(
    std::string_view body);

/// A trace as the text of a Chrome trace. `devices` are those of the frames, by whose numbers
/// devices go; what they do not know comes behind them.
[[nodiscard]] std::string trace_json(ProcessTrace trace, std::uint32_t pid,
                                     const std::vector<ExecutionTrace::Device>& devices);

/// POST /traces: the answer comes when the time of the trace has passed.
[[nodiscard]] std::optional<HttpResponse> post_traces(RouteContext& context);

}  // namespace gpuvigil
