// SPDX-License-Identifier: Apache-2.0
#include "store/history_writer.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "model/metric.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kRowsBetweenKeys = 64;
constexpr std::size_t kMaxPendingRows = 1800;
constexpr std::size_t kMaxPendingItems = 10'000;  ///< Alerts, and events.
constexpr std::size_t kMaxHeadSegments = 4;

/// How much memory the newest rows of a tier may take, and within which bounds that is rows.
struct HeadBudget {
  std::size_t bytes;
  std::size_t least_rows;
  std::size_t most_rows;
};
constexpr std::array<HeadBudget, kTiers> kHeads = {{
    {.bytes = 12U << 20U, .least_rows = 256, .most_rows = 2048},
    {.bytes = 8U << 20U, .least_rows = 64, .most_rows = 512},
    {.bytes = 4U << 20U, .least_rows = 32, .most_rows = 128},
}};

/// A share is a quotient of two numbers: more than a thousandth of a percent of it is noise that
/// would take eight bytes each second.
double worth_keeping(const Metric& metric, double value) {
  if (metric.unit != "percent") return value;
  return std::nearbyint(value * 1000) / 1000;
}

}  // namespace

HistoryRow history_row_of(const Frame& frame, std::span<const Alert> changes) {
  HistoryRow row;
  row.at = frame.edge;
  row.alerts.assign(changes.begin(), changes.end());
  row.events = frame.events;
  row.devices.reserve(frame.devices.size());
  row.values.reserve(frame.devices.size() * kMetrics.size());
  for (const DeviceRow& device : frame.devices) {
    if (!device.info) continue;
    row.devices.push_back(device.info);
    for (const Metric& metric : kMetrics) {
      const Reading<double> value = metric.read(device);
      const bool is_there = value && std::isfinite(*value);
      row.values.push_back(is_there ? worth_keeping(metric, *value) : absent_value());
    }
  }
  return row;
}

std::string HistoryWriter::key_of(const Event& event) {
  return fmt::format("{}|{}|{}|{}|{}", to_unix_ns(event.at), event.uuid, event.kind,
                     event.code.value_or(0), event.message);
}

HistoryWriter::HistoryWriter(HistoryOptions options) : options_(std::move(options)) {
  for (std::size_t i = 0; i < kTiers; ++i) {
    const auto id = static_cast<TierId>(i);
    parts_.emplace_back(TierShape{.id = id,
                                  .columns_per_series = columns_per_series(id),
                                  .rows_per_segment = kHeads[i].most_rows});
  }
}

HistoryWriter::~HistoryWriter() = default;

std::optional<std::size_t> HistoryWriter::find_series(const std::string& uuid,
                                                      const std::string& metric) const {
  const auto found = numbers_.find({uuid, metric});
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

void HistoryWriter::copy_head(std::int64_t from_ns, std::int64_t to_ns, HeadCopy& copy) const {
  for (HeadCopy::Column& column : copy.columns) {
    parts_[static_cast<std::size_t>(column.tier)].tier.copy(column.column, from_ns, to_ns,
                                                            column.rows);
  }
}

void HistoryWriter::append(const HistoryRow& row) {
  note_lists(row);
  if (is_taken(row.at)) {
    roll_up(row.at);
    take_values(row);
    for (std::size_t i = 0; i < row_.size(); ++i) {
      if (!is_absent(row_[i])) minute_.add(row.at, i, row_[i]);
    }
    add_row(part_of(TierId::kRaw), row.at, row_);
    ++status_.rows;
    status_.newest = row.at;
  }
  // What cannot be written is not packed: in memory it can still be read, and it is bounded.
  for (Part& part : parts_) {
    if (!is_failing_) {
      part.tier.seal_some(codec_, part.tier.steady_budget(), pending_segments_);
    }
    status_.rows_dropped +=
        part.tier.drop_beyond(kMaxHeadSegments * part.tier.shape().rows_per_segment);
  }
  commit();
}

/// One row a second, and never back in time.
bool HistoryWriter::is_taken(Timestamp at) {
  if (has_last_) {
    if (at <= last_at_) {
      ++status_.rows_late;
      return false;
    }
    if (std::chrono::floor<std::chrono::seconds>(at) ==
        std::chrono::floor<std::chrono::seconds>(last_at_)) {
      return false;
    }
  }
  has_last_ = true;
  last_at_ = at;
  return true;
}

void HistoryWriter::take_values(const HistoryRow& row) {
  row_.assign(series_.size(), absent_value());
  row_[kCoverage] = 1;
  for (std::size_t d = 0; d < row.devices.size(); ++d) {
    const double* values = row.values.data() + d * kMetrics.size();
    for (std::size_t m = 0; m < kMetrics.size(); ++m) {
      if (is_absent(values[m])) continue;
      const auto number = series_of(row.devices[d]->uuid, m);
      if (!number) continue;
      if (*number >= row_.size()) row_.resize(*number + 1, absent_value());
      row_[*number] = values[m];
    }
  }
}

std::optional<std::size_t> HistoryWriter::series_of(const std::string& uuid, std::size_t metric) {
  auto found = by_metric_.find(uuid);
  if (found == by_metric_.end()) {
    if (series_.size() >= options_.limits.series) return std::nullopt;
    std::vector<std::int32_t> numbers(kMetrics.size(), -1);
    for (std::size_t m = 0; m < kMetrics.size(); ++m) {
      if (const auto known = find_series(uuid, std::string(kMetrics[m].name))) {
        numbers[m] = static_cast<std::int32_t>(*known);
      }
    }
    found = by_metric_.emplace(uuid, std::move(numbers)).first;
  }
  std::int32_t& number = found->second[metric];
  if (number < 0) {
    if (series_.size() >= options_.limits.series) return std::nullopt;
    number = static_cast<std::int32_t>(new_series({uuid, std::string(kMetrics[metric].name)}));
  }
  return static_cast<std::size_t>(number);
}

std::size_t HistoryWriter::new_series(SeriesName name) {
  const std::size_t number = series_.size();
  numbers_.emplace(std::pair(name.uuid, name.metric), number);
  series_.push_back(std::move(name));
  status_.series = series_.size();
  for (Part& part : parts_) part.tier.set_series(series_.size());
  resize_segments();
  return number;
}

/// The more series, the shorter their segments: the newest rows have a bounded place in memory.
void HistoryWriter::resize_segments() {
  for (std::size_t i = 0; i < kTiers; ++i) {
    Tier& tier = parts_[i].tier;
    const std::size_t rows =
        kHeads[i].bytes / (sizeof(double) * std::max<std::size_t>(tier.columns(), 1));
    tier.set_rows_per_segment(std::clamp(rows, kHeads[i].least_rows, kHeads[i].most_rows));
  }
}

void HistoryWriter::roll_up(Timestamp at) {
  const auto minute = minute_.finished_by(at);
  if (!minute) return;
  std::vector<double> row;
  if (const auto hour = hour_.finished_by(*minute)) {
    hour_.take(row);
    add_row(part_of(TierId::kHour), *hour, row);
  }
  for (std::size_t i = 0; i < minute_.series(); ++i) {
    const RollupRecord record = minute_.record_of(i);
    if (record.count > 0) hour_.add(*minute, i, record);
  }
  minute_.take(row);
  add_row(part_of(TierId::kMinute), *minute, row);
}

void HistoryWriter::add_row(Part& part, Timestamp at, std::span<const double> values) {
  if (part.newest_ns && to_unix_ns(at) <= *part.newest_ns) return;
  part.newest_ns = to_unix_ns(at);
  part.tier.append(at, values);
  StoredRow row{
      .tier = part.tier.shape().id, .at_ns = to_unix_ns(at), .is_key = false, .bytes = {}};
  if (part.rows_since_key >= kRowsBetweenKeys) part.state.forget();
  row.is_key = part.state.columns.empty();
  part.rows_since_key = row.is_key ? 1 : part.rows_since_key + 1;
  pack_row(values, part.state, row.bytes);
  pending_rows_.push_back(std::move(row));
  if (pending_rows_.size() <= kMaxPendingRows) return;
  // They stay in memory and go to the file in their segments; a crash before that loses them.
  pending_rows_.clear();
  for (Part& other : parts_) other.state.forget();
}

void HistoryWriter::note_lists(const HistoryRow& row) {
  for (const Alert& alert : row.alerts) {
    if (pending_alerts_.size() < kMaxPendingItems) pending_alerts_.push_back(alert);
  }
  if (!row.events || row.events == seen_events_) return;
  seen_events_ = row.events;
  std::set<std::string> keys;
  for (const Event& event : row.events->events) {
    std::string key = key_of(event);
    const bool is_new = !seen_event_keys_.contains(key) && !keys.contains(key);
    if (is_new && pending_events_.size() < kMaxPendingItems) pending_events_.push_back(event);
    keys.insert(std::move(key));
  }
  seen_event_keys_ = std::move(keys);
}

}  // namespace gpuvigil
