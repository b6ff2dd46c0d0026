// SPDX-License-Identifier: Apache-2.0
#include "api/history_routes.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/query.h"
#include "model/metric.h"
#include "views/history_view.h"
#include "views/json_views.h"
#include "views/kernel_history_view.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kCsvType = "text/csv; charset=utf-8";
constexpr std::size_t kMaxMetrics = 64;
constexpr std::size_t kUsualPoints = 720;
constexpr Duration kLongestStep = std::chrono::days(366);

/// Steps that people and clocks think in.
constexpr std::array<Duration, 16> kRoundSteps = {1s,   2s,    5s,    10s,   15s, 30s, 1min, 2min,
                                                  5min, 10min, 15min, 30min, 1h,  2h,  6h,   24h};

enum class Format { kJson, kCsv };

std::vector<std::string> read_metrics(ParameterReader& in) {
  std::vector<std::string> metrics;
  for (const std::string_view name : in.words("metric", kMaxMetrics)) {
    if (find_metric(name) == nullptr) {
      std::vector<std::string_view> known;
      for (const Metric& metric : kMetrics) known.push_back(metric.name);
      const auto near = nearest_word(name, known);
      in.error("metric", near ? fmt::format("no such metric; did you mean {}?", *near)
                              : std::string("no such metric; docs/devices.md lists them"));
    } else if (std::ranges::find(metrics, name) == metrics.end()) {
      metrics.emplace_back(name);
    }
  }
  if (metrics.empty()) in.error("metric", "must be given, such as gpu_utilization");
  return metrics;
}

/// As elsewhere, and by UUID also those that are not there any more.
std::optional<std::vector<std::string>> read_devices(ParameterReader& in, const Frame& frame) {
  constexpr std::size_t kMaxDevices = 1024;
  constexpr std::size_t kMaxUuidBytes = 128;
  const auto references = in.words("device", kMaxDevices);
  if (references.empty()) return std::nullopt;
  std::vector<std::string> uuids;
  for (const std::string_view reference : references) {
    std::string uuid;
    if (const auto device = find_device(frame, reference)) {
      uuid = frame.devices[*device].info->uuid;
    } else if (reference.contains('-') && reference.size() <= kMaxUuidBytes) {
      uuid = reference;
    } else {
      in.error("device", "no such device: give an index, a UUID or a PCI bus id");
      continue;
    }
    if (std::ranges::find(uuids, uuid) == uuids.end()) uuids.push_back(std::move(uuid));
  }
  return uuids;
}

/// `finest` is the shortest step that is chosen where none is given.
template <class Query>
void read_window(ParameterReader& in, Query& query, Timestamp now, Duration finest) {
  query.to = in.since("to").value_or(now);
  query.from = in.since("from").value_or(query.to - 1h);
  if (query.from >= query.to) {
    in.error("from", "must be before to");
    query.from = query.to - 1h;
  }
  const Duration span = query.to - query.from;
  const std::string step = in.text("step");
  if (step.empty()) {
    query.step = kRoundSteps.back();
    for (const Duration round : kRoundSteps) {
      if (round < finest || span / round > static_cast<std::int64_t>(kUsualPoints)) continue;
      query.step = round;
      break;
    }
    return;
  }
  const auto parsed = parse_span(step);
  query.step = parsed.value_or(1s);
  if (!parsed || *parsed < 1s || *parsed > kLongestStep || *parsed % 1s != 0s) {
    in.error("step", "must be whole seconds from 1s to 366d, such as 10s, 1m or 1h");
  } else if (span / *parsed >= static_cast<std::int64_t>(Query::kMaxPoints)) {
    in.error("step", fmt::format("gives more than {} points; the shortest step for this time is "
                                 "{}s",
                                 Query::kMaxPoints, span / (Query::kMaxPoints * 1s) + 1));
  }
}

Format read_format(ParameterReader& in, const HttpRequest& request) {
  static constexpr std::array<Choice<Format>, 2> kFormats = {
      {{"json", Format::kJson}, {"csv", Format::kCsv}}};
  const bool accepts_csv = request.header("accept").contains("text/csv");
  return in.choice<Format>("format", kFormats, accepts_csv ? Format::kCsv : Format::kJson);
}

HttpResponse failure_of(const Error& error) {
  switch (error.code) {
    case Errc::kNotFound:
      return problem(404, error.message);
    case Errc::kTooLarge:
      return problem(400, "some parameters are not understood", {{"step", error.message}});
    case Errc::kTimeout: {
      HttpResponse response =
          problem(503, "history took too long to answer: ask for a longer step or a shorter time");
      response.headers.emplace_back("Retry-After", "1");
      return response;
    }
    case Errc::kUnavailable: {
      HttpResponse response = problem(503, error.message);
      response.headers.emplace_back("Retry-After", "1");
      return response;
    }
    default:
      return problem(500, "history could not be read: " + error.message);
  }
}

HttpResponse too_many() {
  return failure_of({Errc::kUnavailable, "too many questions to history at once"});
}

}  // namespace

HttpResponse history_failure(const Error& error) {
  return failure_of(error);
}

HistoryQuery read_series_query(ParameterReader& in, const Frame& frame) {
  static constexpr std::array<Choice<HistoryAggregate>, 4> kAggregates = {{
      {"avg", HistoryAggregate::kAverage},
      {"min", HistoryAggregate::kMin},
      {"max", HistoryAggregate::kMax},
      {"last", HistoryAggregate::kLast},
  }};
  HistoryQuery query;
  query.metrics = read_metrics(in);
  read_window(in, query, frame.edge, 1s);
  query.aggregate = in.choice<HistoryAggregate>("agg", kAggregates, query.aggregate);
  return query;
}

HistoryQuery read_history_query(ParameterReader& in, const Frame& frame) {
  static constexpr std::array<Choice<bool>, 2> kTrends = {{{"true", true}, {"false", false}}};
  HistoryQuery query = read_series_query(in, frame);
  query.devices = read_devices(in, frame);
  query.wants_trend = in.choice<bool>("trend", kTrends, false);
  return query;
}

std::optional<HttpResponse> get_history(RouteContext& context) {
  ParameterReader in(context.request, context.frame);
  HistoryQuery query = read_history_query(in, context.frame);
  const Format format = read_format(in, context.request);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  const HistoryDoor& door = context.history;
  if (door.fleet == nullptr && door.store == nullptr) return problem(503, door.why_not);

  const Reply answer = context.deferral.later();
  const auto done = [answer, query, format,
                     frame = context.engine.frame()](Result<HistoryAnswer> got) {
    if (!got) return answer.send(failure_of(got.error()));
    answer.send(format == Format::kCsv ? reply(history_csv(*frame, *got), kCsvType)
                                       : reply(history_json(*frame, query, *got)));
  };
  const bool taken =
      door.fleet != nullptr ? door.fleet->ask(query, done) : door.store->ask(query, done);
  if (!taken) answer.send(too_many());
  return std::nullopt;
}

std::optional<HttpResponse> get_kernel_history(RouteContext& context) {
  using Kind = std::optional<KernelKind>;
  static constexpr std::array<Choice<Kind>, 4> kKinds = {{
      {to_string(KernelKind::kCompute), KernelKind::kCompute},
      {to_string(KernelKind::kCollective), KernelKind::kCollective},
      {to_string(KernelKind::kMemcpy), KernelKind::kMemcpy},
      {to_string(KernelKind::kMemset), KernelKind::kMemset},
  }};
  ParameterReader in(context.request, context.frame);
  const auto id = parse_kernel_id(context.path_parameter);
  if (!id) in.error("id", "must be 16 hex digits, as in /api/v1/gpu/kernels");
  KernelHistoryQuery query{.kernel_id = id.value_or(0)};
  query.kind = in.choice<Kind>("kind", kKinds, std::nullopt);
  query.devices = read_devices(in, context.frame);
  read_window(in, query, context.frame.edge, 10s);
  const Format format = read_format(in, context.request);
  if (const auto errors = in.finish(); !errors.empty()) return bad_parameters(errors);
  if (context.history.store == nullptr) return problem(503, context.history.why_not);

  const Reply answer = context.deferral.later();
  const bool taken = context.history.store->ask_kernel(
      query, [answer, format, frame = context.engine.frame()](Result<KernelHistory> got) {
        if (!got) return answer.send(failure_of(got.error()));
        answer.send(format == Format::kCsv ? reply(kernel_history_csv(*got), kCsvType)
                                           : reply(kernel_history_json(*frame, *got)));
      });
  if (!taken) answer.send(too_many());
  return std::nullopt;
}

bool answer_kernels_from_history(RouteContext& context, const KernelQuery& query) {
  if (!query.since || context.history.store == nullptr) return false;
  const auto& steps = context.frame.windows->steps;
  const Timestamp known_since = steps.empty() ? context.frame.edge : steps.front()->from;
  const auto kept_since = context.history.store->status().kernels_since;
  if (*query.since >= known_since || !kept_since || *kept_since >= known_since) return false;

  const Reply answer = context.deferral.later();
  const bool taken = context.history.store->ask_kernels(
      *query.since, [answer, query, frame = context.engine.frame()](Result<KernelWindow> got) {
        if (!got) return answer.send(failure_of(got.error()));
        answer.send(
            reply(kernels_json(*frame, query_kernel_window(*frame, *std::move(got), query))));
      });
  if (!taken) answer.send(too_many());
  return true;
}

}  // namespace gpuvigil
