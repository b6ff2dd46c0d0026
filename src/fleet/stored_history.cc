// SPDX-License-Identifier: Apache-2.0
#include "fleet/stored_history.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "fleet/promql.h"
#include "model/history_trend.h"
#include "model/metric.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr double kGap = std::numeric_limits<double>::quiet_NaN();

/// A point's window is open at its beginning and closed at its end, a step the other way round:
/// what lies a millisecond, their grain, before the next step is the last of this one.
constexpr Duration kGrain = 1ms;

Result<void> check_size(const HistorySteps& steps, std::size_t series) {
  if (series > HistoryQuery::kMaxSeries) {
    return fail(Errc::kTooLarge, fmt::format("there are {} series, at most {} may be", series,
                                             HistoryQuery::kMaxSeries));
  }
  if (steps.points <= HistoryQuery::kMaxPoints &&
      steps.points * std::max<std::size_t>(series, 1) <= HistoryQuery::kMaxPointsInAll) {
    return {};
  }
  return fail(
      Errc::kTooLarge,
      fmt::format("gives {} points of {} series; at most {} of each and {} of all are "
                  "given: ask for a longer step or a shorter time",
                  steps.points, series, HistoryQuery::kMaxPoints, HistoryQuery::kMaxPointsInAll));
}

/// Which steps anybody has a value in.
class Coverage {
 public:
  explicit Coverage(std::size_t points) : covered_(points, false) {}

  void add(std::span<const double> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::isfinite(values[i])) covered_[i] = true;
    }
  }
  [[nodiscard]] double count() const {
    return static_cast<double>(std::ranges::count(covered_, true));
  }
  [[nodiscard]] double share() const {
    return count() / static_cast<double>(std::max<std::size_t>(covered_.size(), 1));
  }

 private:
  std::vector<bool> covered_;
};

double sum_of(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += std::isfinite(value) ? value : 0;
  return sum;
}

}  // namespace

HistorySteps steps_of(const HistoryQuery& query, Duration resolution) {
  HistorySteps steps;
  const Duration asked = std::max<Duration>(query.step, 1s);
  const auto times = std::max<std::int64_t>((resolution + asked - Duration(1)) / asked, 1);
  steps.step = asked * times;
  const std::int64_t step_ns = steps.step.count();
  const std::int64_t from_ns = std::max<std::int64_t>(to_unix_ns(query.from), 0);
  const std::int64_t first_ns = from_ns - from_ns % step_ns;
  const std::int64_t span_ns = std::max<std::int64_t>(to_unix_ns(query.to) - first_ns, 0);
  steps.first = from_unix_ns(first_ns);
  steps.points = static_cast<std::size_t>((span_ns + step_ns - 1) / step_ns);
  return steps;
}

Result<StoredHistory::ByLabel> StoredHistory::fetch(const std::string& expression,
                                                    const HistorySteps& steps,
                                                    std::string_view label) {
  ByLabel all;
  std::size_t at = 0;
  std::size_t most = PromqlClient::kMaxPoints;
  while (at < steps.points) {
    if (is_over_()) return fail(Errc::kTimeout, "that took too long");
    const PromRange range{
        .first = steps.first + static_cast<std::int64_t>(at + 1) * steps.step - kGrain - kAhead,
        .step = steps.step,
        .points = std::min(most, steps.points - at)};
    auto got = client_.query_range(expression, range);
    if (!got && got.error().code == Errc::kTooLarge && range.points > 1) {
      most = range.points / 2;  // many series: fewer points at once
      continue;
    }
    if (!got) return std::unexpected(std::move(got).error());
    for (const PromSeries& series : *got) {
      StepValues& values = all[std::string(series.label(label))];
      if (values.empty()) {
        GPUVIGIL_CHECK(check_size(steps, all.size()));
        values.assign(steps.points, kGap);
      }
      for (const PromSeries::Point& point : series.points) {
        const Duration since = from_unix_ns(point.at_ms * 1'000'000) - range.first + kGrain;
        const auto place = static_cast<std::int64_t>(at) + since / steps.step;
        if (since < Duration::zero() || place >= std::ssize(values)) continue;
        // One UUID on two machines: the first that has a value.
        double& value = values[static_cast<std::size_t>(place)];
        if (!std::isfinite(value) && std::isfinite(point.value)) value = point.value;
      }
    }
    at += range.points;
  }
  return all;
}

Result<HistoryAnswer> StoredHistory::devices(const HistoryQuery& query,
                                             const std::string& matcher) {
  const HistorySteps steps = steps_of(query, resolution_);
  HistoryAnswer answer{.first = steps.first,
                       .step = steps.step,
                       .points = steps.points,
                       .series = {},
                       .availability = {},
                       .coverage = 0};
  GPUVIGIL_CHECK(check_size(steps, query.devices ? query.devices->size() : 0));
  const std::string whose = query.devices ? promql_one_of("uuid", *query.devices) : matcher;
  Coverage coverage(steps.points);
  const auto get = [&](std::string_view metric, HistoryAggregate aggregate) -> Result<ByLabel> {
    const auto stored = stored_metric(metric);
    if (!stored) return fail(Errc::kInvalidArgument, "no such metric");
    GPUVIGIL_TRY(ByLabel values,
                 fetch(device_expression(*stored, whose, aggregate, steps.step), steps, "uuid"));
    for (auto& [uuid, row] : values) {
      for (double& value : row) value *= stored->scale;
      coverage.add(row);
    }
    // Who was named is answered even where nothing is known of them.
    for (const std::string& uuid : query.devices.value_or(std::vector<std::string>())) {
      values.try_emplace(uuid, StepValues(steps.points, kGap));
    }
    return values;
  };
  for (const std::string& metric : query.metrics) {
    GPUVIGIL_TRY(ByLabel values, get(metric, query.aggregate));
    for (auto& [uuid, row] : values) {
      HistorySeries& made = answer.series.emplace_back();
      made = {.metric = metric, .uuid = uuid, .values = std::move(row), .trend = {}};
      if (query.wants_trend) made.trend = trend_of(made.values, steps.step);
    }
    GPUVIGIL_CHECK(check_size(steps, answer.series.size()));
  }
  if (query.wants_trend) {
    GPUVIGIL_TRY(const ByLabel healthy, get("device_healthy", HistoryAggregate::kAverage));
    for (const auto& [uuid, row] : healthy) {
      answer.availability.push_back({.uuid = uuid, .ratio = {}});
      if (coverage.count() > 0) answer.availability.back().ratio = sum_of(row) / coverage.count();
    }
  }
  answer.coverage = coverage.share();
  return answer;
}

Result<FleetHistory> StoredHistory::nodes(const FleetHistoryQuery& query) {
  const HistorySteps steps = steps_of(query.in_time, resolution_);
  FleetHistory answer{.first = steps.first,
                      .step = steps.step,
                      .points = steps.points,
                      .series = {},
                      .coverage = 0};
  GPUVIGIL_CHECK(check_size(steps, query.nodes.size()));
  const std::string whose =
      query.nodes.empty() ? std::string() : promql_one_of("instance", query.nodes);
  Coverage coverage(steps.points);
  for (const std::string& metric : query.in_time.metrics) {
    const auto stored = stored_metric(metric);
    const Metric* known = find_metric(metric);
    if (!stored || known == nullptr) return fail(Errc::kInvalidArgument, "no such metric");
    GPUVIGIL_TRY(ByLabel values,
                 fetch(fleet_expression(*stored, whose, query.in_time.aggregate, steps.step,
                                        query.group, adds_up(known->unit)),
                       steps, "instance"));
    for (auto& [node, row] : values) {
      for (double& value : row) value *= stored->scale;
      coverage.add(row);
      answer.series.push_back({.metric = metric, .node = node, .values = std::move(row)});
    }
    GPUVIGIL_CHECK(check_size(steps, answer.series.size()));
  }
  answer.coverage = coverage.share();
  return answer;
}

}  // namespace gpuvigil
