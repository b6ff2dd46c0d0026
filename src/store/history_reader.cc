// SPDX-License-Identifier: Apache-2.0
#include "store/history_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "model/history_trend.h"
#include "store/segment.h"

namespace gpuvigil {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::size_t kUnknown = std::numeric_limits<std::size_t>::max();
constexpr double kGap = std::numeric_limits<double>::quiet_NaN();

std::int64_t width_of(TierId tier) {
  return tier == TierId::kHour ? kHour : kMinute;
}

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
std::int64_t round_down(std::int64_t value, std::int64_t multiple) {
  const std::int64_t rest = value % multiple;
  return value - (rest < 0 ? rest + multiple : rest);
}

/// What of a record an aggregate takes; raw values have one column.
std::span<const std::size_t> needed_columns(TierId tier, HistoryAggregate aggregate) {
  static constexpr std::array<std::size_t, 1> kValue = {0};
  static constexpr std::array<std::size_t, 2> kAverage = {RollupColumn::kCount, RollupColumn::kSum};
  static constexpr std::array<std::size_t, 1> kMinOnly = {RollupColumn::kMin};
  static constexpr std::array<std::size_t, 1> kMaxOnly = {RollupColumn::kMax};
  static constexpr std::array<std::size_t, 1> kLastOnly = {RollupColumn::kLast};
  if (tier == TierId::kRaw) return kValue;
  switch (aggregate) {
    case HistoryAggregate::kAverage:
      return kAverage;
    case HistoryAggregate::kMin:
      return kMinOnly;
    case HistoryAggregate::kMax:
      return kMaxOnly;
    case HistoryAggregate::kLast:
      return kLastOnly;
  }
  return kAverage;
}

/// How fine the answer can be: what is older than the raw values is there by the minute.
std::int64_t possible_step(const HistoryWriter& writer, const HistoryQuery& query, Timestamp now) {
  const Timestamp oldest = writer.status().oldest.value_or(now);
  const Timestamp from = std::max(query.from, std::min(oldest, query.to));
  std::int64_t step = query.step.count();
  if (from < now - writer.limits().raw) step = round_up(step, kMinute);
  if (from < now - writer.limits().minutes) step = round_up(step, kHour);
  return step;
}

/// Sums up the values of one step.
struct Cell {
  double count = 0;
  double value = 0;  ///< The sum, or what stands for the step already.

  void add(HistoryAggregate aggregate, double more_count, double more) {
    if (count == 0) {
      value = more;
    } else if (aggregate == HistoryAggregate::kAverage) {
      value += more;
    } else if (aggregate == HistoryAggregate::kMin) {
      value = std::min(value, more);
    } else if (aggregate == HistoryAggregate::kMax) {
      value = std::max(value, more);
    } else {
      value = more;
    }
    count += more_count;
  }
  [[nodiscard]] double result(HistoryAggregate aggregate) const {
    if (count == 0) return kGap;
    return aggregate == HistoryAggregate::kAverage ? value / count : value;
  }
};

/// Reads series after series into cells.
class Evaluation {
 public:
  Evaluation(SqliteDatabase& db, const HistoryPlan& plan)
      : plan_(plan), scan_(db), cells_(plan.points) {}

  /// The values of the `place`th series of the plan, summed up by `aggregate`.
  [[nodiscard]] Result<void> run(std::size_t place, std::size_t number,
                                 HistoryAggregate aggregate) {
    std::ranges::fill(cells_, Cell());
    if (number == kUnknown) return {};
    for (const HistoryPlan::Part& part : plan_.parts) {
      const auto columns = needed_columns(part.tier, aggregate);
      for (std::size_t c = 0; c < columns.size(); ++c) {
        const std::size_t column = number * columns_per_series(part.tier) + columns[c];
        const HeadCopy::Column& head = part.head.columns[heads_before(part, place) + c];
        GPUVIGIL_CHECK(join(part, column, head.rows, joined_[c]));
      }
      add(part, columns.size() == 2, aggregate);
    }
    return {};
  }

  [[nodiscard]] std::span<const Cell> cells() const { return cells_; }
  [[nodiscard]] std::uint64_t damaged() const { return scan_.damaged(); }

 private:
  /// Where the columns of a series begin in a part's head: those before it took as many each.
  [[nodiscard]] std::size_t heads_before(const HistoryPlan::Part& part, std::size_t place) const {
    const std::size_t asked = needed_columns(part.tier, plan_.query.aggregate).size();
    const std::size_t average = needed_columns(part.tier, HistoryAggregate::kAverage).size();
    const std::size_t first = std::min(place, plan_.series.size());
    return first * asked + (place - first) * average;
  }

  /// What is in segments, then what was in memory when the query was planned. A segment that came
  /// since holds some of the latter once more.
  Result<void> join(const HistoryPlan::Part& part, std::size_t column, const ColumnCopy& head,
                    ColumnCopy& into) {
    const std::int64_t until =
        head.times.empty() ? part.to_ns : std::min(part.to_ns, head.times.front());
    GPUVIGIL_CHECK(scan_.load(part.tier, column, part.from_ns, until));
    into.times = scan_.times();
    into.values = scan_.values();
    into.times.insert(into.times.end(), head.times.begin(), head.times.end());
    into.values.insert(into.values.end(), head.values.begin(), head.values.end());
    return {};
  }

  void add(const HistoryPlan::Part& part, bool has_counts, HistoryAggregate aggregate) {
    const ColumnCopy& first = joined_[0];
    const ColumnCopy& values = has_counts ? joined_[1] : first;
    const bool is_raw = part.tier == TierId::kRaw;
    for (std::size_t i = 0; i < values.times.size(); ++i) {
      if (is_absent(values.values[i])) continue;
      const std::int64_t since = values.times[i] - plan_.first_ns;
      if (since < 0) continue;
      const auto cell = static_cast<std::size_t>(since / plan_.step_ns);
      if (cell >= cells_.size()) continue;
      // What is damaged may leave a sum without its count.
      double count = 1;
      if (has_counts && !is_raw) {
        if (i >= first.values.size() || is_absent(first.values[i])) continue;
        count = first.values[i];
      }
      cells_[cell].add(aggregate, count, values.values[i]);
    }
  }

  const HistoryPlan& plan_;
  SegmentScan scan_;
  std::vector<Cell> cells_;
  std::array<ColumnCopy, 2> joined_;
};

}  // namespace

Result<void> SegmentScan::fetch(TierId tier, std::size_t group, std::int64_t from_ns,
                                std::int64_t to_ns) {
  if (tier == tier_ && group == group_ && from_ns == from_ns_ && to_ns == to_ns_) return {};
  if (!query_) {
    GPUVIGIL_TRY(query_, db_.prepare("SELECT data FROM segment WHERE tier=? AND grp=? AND "
                                     "from_ns<? AND to_ns>=? ORDER BY from_ns"));
  }
  group_ = kUnknown;
  blobs_.clear();
  query_->bind(1, static_cast<std::int64_t>(tier)).bind(2, static_cast<std::int64_t>(group));
  query_->bind(3, to_ns).bind(4, from_ns);
  while (true) {
    GPUVIGIL_TRY(const bool more, query_->step());
    if (!more) break;
    blobs_.emplace_back(query_->bytes(0));
  }
  tier_ = tier;
  group_ = group;
  from_ns_ = from_ns;
  to_ns_ = to_ns;
  return {};
}

Result<void> SegmentScan::load(TierId tier, std::size_t column, std::int64_t from_ns,
                               std::int64_t to_ns) {
  times_.clear();
  values_.clear();
  if (from_ns >= to_ns) return {};
  const std::size_t width = Tier::group_columns(columns_per_series(tier));
  GPUVIGIL_CHECK(fetch(tier, column / width, from_ns, to_ns));
  for (const std::string& blob : blobs_) {
    const auto segment = SegmentReader::open(blob);
    if (!segment) {
      ++damaged_;
      continue;
    }
    if (column % width >= segment->columns()) continue;
    buffer_.resize(segment->times().size());
    if (!segment->read(column % width, codec_, buffer_)) {
      ++damaged_;
      continue;
    }
    const auto times = segment->times();
    // Ascending also across segments: a clock that was set back may have made two of one time.
    const std::int64_t least = times_.empty() ? from_ns : std::max(from_ns, times_.back() + 1);
    const auto first = std::ranges::lower_bound(times, least) - times.begin();
    const auto end = std::ranges::lower_bound(times, to_ns) - times.begin();
    if (first >= end) continue;
    times_.insert(times_.end(), times.begin() + first, times.begin() + end);
    values_.insert(values_.end(), buffer_.begin() + first, buffer_.begin() + end);
  }
  return {};
}

namespace {

/// Which series are meant; a device that was named is answered even where nothing is known of it.
Result<void> choose_series(const HistoryWriter& writer, HistoryPlan& plan) {
  const HistoryQuery& query = plan.query;
  if (query.devices) {
    plan.devices = *query.devices;
  } else {
    for (const SeriesName& name : writer.series()) {
      if (name.metric == "device_healthy") plan.devices.push_back(name.uuid);
    }
  }
  for (const std::string& metric : query.metrics) {
    for (const std::string& uuid : plan.devices) {
      const auto number = writer.find_series(uuid, metric);
      if (!number && !query.devices) continue;
      plan.series.push_back({.metric = metric, .uuid = uuid, .number = number.value_or(kUnknown)});
    }
  }
  if (plan.series.size() > HistoryQuery::kMaxSeries) {
    return fail(Errc::kTooLarge, fmt::format("{} series are asked for, at most {} may be",
                                             plan.series.size(), HistoryQuery::kMaxSeries));
  }
  const std::size_t in_all = plan.points * std::max<std::size_t>(plan.series.size(), 1);
  if (plan.points > HistoryQuery::kMaxPoints || in_all > HistoryQuery::kMaxPointsInAll) {
    return fail(Errc::kTooLarge,
                fmt::format("gives {} points of {} series; at most {} of each and {} of all are "
                            "given: ask for a longer step or a shorter time",
                            plan.points, plan.series.size(), HistoryQuery::kMaxPoints,
                            HistoryQuery::kMaxPointsInAll));
  }
  for (const std::string& uuid : plan.devices) {
    if (!query.wants_trend) break;
    plan.healthy.push_back(writer.find_series(uuid, "device_healthy").value_or(kUnknown));
  }
  return {};
}

/// The coarsest tier that fits the step as far as it reaches, then finer ones.
void choose_parts(const HistoryWriter& writer, HistoryPlan& plan) {
  std::int64_t at = plan.first_ns;
  const std::int64_t end = to_unix_ns(plan.query.to);
  for (const TierId tier : {TierId::kHour, TierId::kMinute}) {
    const auto newest = writer.newest_ns(tier);
    if (plan.step_ns % width_of(tier) != 0 || !newest) continue;
    const std::int64_t reach = std::min(end, *newest + width_of(tier));
    if (reach <= at) continue;
    plan.parts.push_back({.tier = tier, .from_ns = at, .to_ns = reach, .head = {}});
    at = reach;
  }
  if (at < end) {
    plan.parts.push_back({.tier = TierId::kRaw, .from_ns = at, .to_ns = end, .head = {}});
  }
}

void copy_heads(const HistoryWriter& writer, HistoryPlan& plan) {
  for (HistoryPlan::Part& part : plan.parts) {
    const auto want = [&](std::size_t number, HistoryAggregate aggregate) {
      for (const std::size_t column : needed_columns(part.tier, aggregate)) {
        const bool known = number != kUnknown;
        part.head.columns.push_back(
            {.tier = part.tier,
             .column = known ? number * columns_per_series(part.tier) + column : kUnknown,
             .rows = {}});
      }
    };
    for (const HistoryPlan::Series& series : plan.series) {
      want(series.number, plan.query.aggregate);
    }
    want(HistoryWriter::kCoverage, HistoryAggregate::kAverage);
    for (const std::size_t number : plan.healthy) want(number, HistoryAggregate::kAverage);
    writer.copy_head(part.from_ns, part.to_ns, part.head);
  }
}

}  // namespace

Result<HistoryPlan> plan_history(const HistoryWriter& writer, HistoryQuery query, Timestamp now) {
  HistoryPlan plan;
  plan.query = std::move(query);
  plan.step_ns = possible_step(writer, plan.query, now);
  plan.first_ns = round_down(to_unix_ns(plan.query.from), plan.step_ns);
  const std::int64_t span = to_unix_ns(plan.query.to) - plan.first_ns;
  plan.points = static_cast<std::size_t>(round_up(span, plan.step_ns) / plan.step_ns);
  GPUVIGIL_CHECK(choose_series(writer, plan));
  choose_parts(writer, plan);
  copy_heads(writer, plan);
  return plan;
}

Result<HistoryAnswer> read_history(SqliteDatabase& db, const HistoryPlan& plan,
                                   std::uint64_t& damaged) {
  HistoryAnswer answer{.first = from_unix_ns(plan.first_ns),
                       .step = Duration(plan.step_ns),
                       .points = plan.points,
                       .series = {},
                       .availability = {},
                       .coverage = 0};
  const HistoryAggregate aggregate = plan.query.aggregate;
  Evaluation evaluation(db, plan);
  std::size_t place = 0;
  for (const HistoryPlan::Series& series : plan.series) {
    GPUVIGIL_CHECK(evaluation.run(place++, series.number, aggregate));
    HistorySeries& made = answer.series.emplace_back();
    made.metric = series.metric;
    made.uuid = series.uuid;
    made.values.reserve(plan.points);
    for (const Cell& cell : evaluation.cells()) made.values.push_back(cell.result(aggregate));
    if (plan.query.wants_trend) made.trend = trend_of(made.values, Duration(plan.step_ns));
  }
  GPUVIGIL_CHECK(evaluation.run(place++, HistoryWriter::kCoverage, HistoryAggregate::kAverage));
  double looks = 0;
  double covered = 0;
  for (const Cell& cell : evaluation.cells()) {
    looks += cell.count;
    covered += cell.count > 0 ? 1 : 0;
  }
  answer.coverage = covered / static_cast<double>(std::max<std::size_t>(plan.points, 1));
  for (std::size_t d = 0; d < plan.healthy.size(); ++d) {
    GPUVIGIL_CHECK(evaluation.run(place++, plan.healthy[d], HistoryAggregate::kAverage));
    double healthy = 0;
    for (const Cell& cell : evaluation.cells()) healthy += cell.count > 0 ? cell.value : 0;
    answer.availability.push_back({.uuid = plan.devices[d], .ratio = {}});
    if (looks > 0) answer.availability.back().ratio = std::min(healthy / looks, 1.0);
  }
  damaged += evaluation.damaged();
  return answer;
}

}  // namespace gpuvigil
