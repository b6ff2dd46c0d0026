// SPDX-License-Identifier: Apache-2.0
// gpuvigil trace: single executions of a running program, by a running server.
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "api/parameters.h"
#include "apps/client.h"
#include "apps/exit_codes.h"
#include "apps/output.h"
#include "apps/verbs.h"
#include "apps/whole_file.h"
#include "base/clock.h"
#include "base/json_reader.h"
#include "model/tracer.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kPath = "/api/v1/gpu/traces";
/// Beyond the trace, for the server: more than it gives itself.
constexpr Duration kPatience = std::chrono::seconds(30);
constexpr std::size_t kMaxFacts = 4096;

std::int64_t milliseconds(Duration span) {
  return std::chrono::floor<std::chrono::milliseconds>(span).count();
}

Error wrong_duration() {
  return {Errc::kInvalidArgument,
          fmt::format("--duration: must be a span such as 5s or 500ms, from {} ms to {} s",
                      milliseconds(kShortestTrace), milliseconds(kLongestTrace) / 1000)};
}

/// What the file says of itself, for people: it stands at the end of the text.
std::string summary(std::string_view trace, const std::string& path) {
  const std::size_t at = trace.rfind("\"otherData\":");
  if (at == std::string_view::npos) return {};
  const auto facts = parse_json(fmt::format("{{{}", trace.substr(at)), kMaxFacts);
  if (!facts) return {};
  const JsonValue& told = (*facts)["otherData"];
  std::string text =
      fmt::format("{}: {:.0f} executions", path, told["executions_in_this_file"].number_or(0));
  const double missing = told["executions_not_in_this_file"].number_or(0);
  if (missing > 0) text += fmt::format("; {:.0f} more are not in it", missing);
  const bool* const is_complete = told["is_complete"].as_bool();
  if (is_complete != nullptr && !*is_complete) text += "; the program ended before its time";
  return text + "\n";
}

}  // namespace

std::optional<Duration> parse_trace_duration(std::string_view text) {
  const auto span = parse_span(text);
  return span && *span >= kShortestTrace && *span <= kLongestTrace ? span : std::nullopt;
}

int run_trace(const TraceOptions& options) {
  const auto duration = parse_trace_duration(options.duration);
  if (!duration) return complain(wrong_duration());
  const bool to_stdout = options.output == "-";
  if (!to_stdout) {
    if (const auto done = check_whole_file(options.output); !done) return complain(done.error());
  }
  std::string body =
      fmt::format(R"({{"pid":{},"duration_ms":{})", options.pid, milliseconds(*duration));
  if (options.max_events) body += fmt::format(R"(,"max_events":{})", *options.max_events);
  const auto answer = change(options.client, "POST", kPath, body + "}", *duration + kPatience);
  if (!answer) return complain(answer.error());
  if (to_stdout) {
    const auto done = print(*answer);
    return done ? kExitOk : complain(done.error());
  }
  if (const auto done = write_whole_file(options.output, *answer); !done) {
    return complain(done.error());
  }
  std::fputs(summary(*answer, options.output).c_str(), stderr);
  return kExitOk;
}

}  // namespace gpuvigil
