// SPDX-License-Identifier: Apache-2.0
#include "api/trace_route.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "api/write_routes.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "views/chrome_trace.h"

namespace gpuvigil {
namespace {

constexpr std::int64_t kMaxPid = 4'194'304;
/// Well within what our own client takes.
constexpr std::size_t kMaxTraceBytes = std::size_t{48} << 20U;
/// Beyond the trace itself: for its program to answer and to end, and for the text.
constexpr Duration kExtraPatience = std::chrono::seconds(20);

struct Member {
  std::string_view name;
  std::int64_t low;
  std::int64_t high;
  std::optional<std::int64_t> usual;  ///< Absent: it must be there.
  std::int64_t value = 0;
};

std::int64_t milliseconds(Duration span) {
  return std::chrono::floor<std::chrono::milliseconds>(span).count();
}

void read_member(const JsonValue& body, Member& member, std::vector<ParameterError>& errors) {
  const JsonValue& value = body[member.name];
  const std::string name(member.name);
  if (value.is_null()) {
    if (!member.usual) errors.push_back({name, "is missing"});
    member.value = member.usual.value_or(0);
    return;
  }
  const std::int64_t* const number = value.as_int();
  if (number != nullptr && *number >= member.low && *number <= member.high) {
    member.value = *number;
    return;
  }
  errors.push_back(
      {name, fmt::format("must be a whole number from {} to {}", member.low, member.high)});
}

std::string rfc3339(Timestamp at) {
  std::string text;
  JsonWriter json(text);
  json.timestamp(at);
  json.finish();
  return text.substr(1, text.size() - 2);
}

HttpResponse try_again(HttpResponse response) {
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

/// For whom no program of this pid reports itself.
HttpResponse nobody(const Frame& frame, std::uint32_t pid) {
  const auto row = std::ranges::lower_bound(frame.processes, pid, {}, &ProcessRow::pid);
  if (row == frame.processes.end() || row->pid != pid) {
    return problem(404, "no process of that pid uses a GPU or reports itself");
  }
  std::string why = why_no_kernels(*row);
  if (why.empty()) why = "it has ended, or reports itself to nobody any longer";
  return problem(409, fmt::format("process {} cannot be traced: {}", pid, why));
}

HttpResponse refusal(const TraceFailure& failure, const HttpResponse& for_nobody) {
  switch (failure.kind) {
    case TraceFailure::Kind::kNobody:
      return for_nobody;
    case TraceFailure::Kind::kCannot:
    case TraceFailure::Kind::kAlready:
      return problem(409, failure.why);
    case TraceFailure::Kind::kTooMany:
      return try_again(problem(429, failure.why));
    case TraceFailure::Kind::kSilent:
    case TraceFailure::Kind::kEnded:
      break;
  }
  return try_again(problem(503, failure.why));
}

/// Gives the devices of a trace the numbers by which the frames know them.
void renumber(ExecutionTrace& data, const std::vector<ExecutionTrace::Device>& known) {
  std::uint32_t next = 0;
  for (const ExecutionTrace::Device& device : known) next = std::max(next, device.index + 1);
  std::vector<std::uint32_t> numbers;
  for (ExecutionTrace::Device& device : data.devices) {
    const auto same = std::ranges::find(known, device.uuid, &ExecutionTrace::Device::uuid);
    device.index = same != known.end() ? same->index : next++;
    if (device.name.empty() && same != known.end()) device.name = same->name;
    numbers.push_back(device.index);
  }
  for (ExecutionTrace::Series& series : data.series) {
    if (series.device < numbers.size()) series.device = numbers[series.device];
  }
}

}  // namespace

std::expected<TraceWish, std::vector<ParameterError>> read_trace_wish(std::string_view body) {
  const auto json = parse_json(body, kMaxTraceRequestBytes);
  if (!json) return std::unexpected(std::vector<ParameterError>{{"body", json.error().message}});
  const auto* const object = json->as_object();
  if (object == nullptr) {
    return std::unexpected(std::vector<ParameterError>{{"body", "must be an object"}});
  }
  Member pid{.name = "pid", .low = 1, .high = kMaxPid, .usual = std::nullopt};
  Member duration{.name = "duration_ms",
                  .low = milliseconds(kShortestTrace),
                  .high = milliseconds(kLongestTrace),
                  .usual = milliseconds(kUsualTrace)};
  Member events{
      .name = "max_events", .low = 1, .high = kMostTracedEvents, .usual = kUsualTracedEvents};
  std::vector<ParameterError> errors;
  for (Member* const member : {&pid, &duration, &events}) read_member(*json, *member, errors);
  for (const auto& [key, value] : *object) {
    const bool is_known = key == pid.name || key == duration.name || key == events.name;
    if (!is_known) errors.push_back({clean_text(truncate_utf8(key, 64)), "is not known here"});
  }
  if (!errors.empty()) {
    errors.resize(std::min<std::size_t>(errors.size(), 20));  // more help nobody
    return std::unexpected(std::move(errors));
  }
  return TraceWish{.pid = static_cast<std::uint32_t>(pid.value),
                   .duration = std::chrono::milliseconds(duration.value),
                   .max_events = static_cast<std::size_t>(events.value)};
}

std::string trace_json(ProcessTrace trace, std::uint32_t pid,
                       const std::vector<ExecutionTrace::Device>& devices) {
  renumber(trace.data, devices);
  std::string writers;
  for (const std::string& writer : trace.writers) {
    if (!writers.empty()) writers += ", ";
    writers += writer;
  }
  const std::vector<TraceFact> facts = {
      {"pid", std::uint64_t{pid}},
      {"source", writers},
      {"from", rfc3339(trace.from)},
      {"until", rfc3339(trace.until)},
      {"is_complete", trace.is_complete},
      {"executions_overwritten", trace.overwritten},
      {"executions_over_limit", trace.over_limit},
      {"executions_without_times", trace.untimed},
      {"executions_lost", trace.lost},
      {"executions_unreadable", trace.unreadable},
  };
  std::string text;
  const ChromeTrace chrome{.devices = trace.data.devices,
                           .series = trace.data.series,
                           .events = trace.data.events,
                           .details = trace.data.details,
                           .total = trace.data.events.size() + trace.missing(),
                           .facts = facts,
                           .max_bytes = kMaxTraceBytes};
  // Its sink cannot fail.
  static_cast<void>(write_chrome_trace(chrome, [&text](std::string_view piece) {
    text += piece;
    return Result<void>();
  }));
  return text;
}

std::optional<HttpResponse> post_traces(RouteContext& context) {
  if (auto wrong = check_body(context)) return wrong;
  if (context.request.body.size() > kMaxTraceRequestBytes) {
    return problem(
        413, fmt::format("a request for a trace has at most {} bytes", kMaxTraceRequestBytes));
  }
  const auto wish = read_trace_wish(context.request.body);
  if (!wish) return bad_parameters(wish.error());
  if (context.draining) return try_again(problem(503, "shutting down"));
  HttpResponse for_nobody = nobody(context.frame, wish->pid);
  if (context.tracer == nullptr) return for_nobody;

  std::vector<ExecutionTrace::Device> devices;
  for (const DeviceRow& row : context.frame.devices) {
    devices.push_back({.index = row.index, .name = row.info->name, .uuid = row.info->uuid});
  }
  const Reply answer = context.deferral.later(wish->duration + kExtraPatience);
  const auto done = [answer, pid = wish->pid, for_nobody = std::move(for_nobody),
                     devices = std::move(devices)](Tracer::Outcome outcome) {
    if (!outcome) return answer.send(refusal(outcome.error(), for_nobody));
    answer.send(reply(trace_json(*std::move(outcome), pid, devices)));
  };
  context.tracer->trace(*wish,
                        {.is_waiting = [answer] { return answer.is_awaited(); }, .done = done});
  return std::nullopt;
}

}  // namespace gpuvigil
