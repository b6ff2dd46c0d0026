// SPDX-License-Identifier: Apache-2.0
#include "store/tier.h"

#include <algorithm>

#include "base/assert.h"
#include "store/segment.h"

namespace gpuvigil {

Tier::Tier(const TierShape& shape)
    : shape_(shape), group_columns_(group_columns(shape.columns_per_series)) {
  GPUVIGIL_ASSERT(shape.rows_per_segment >= 16 && shape.rows_per_segment * 4 <= kMaxSegmentRows);
}

void Tier::set_series(std::size_t count) {
  const std::size_t wanted = count * shape_.columns_per_series;
  while (columns_.size() < wanted) {
    if (columns_.size() % group_columns_ == 0) {
      // Groups that are made at once must not be due at once: by the golden ratio any number of
      // them is spread evenly.
      const std::size_t n = shape_.rows_per_segment;
      const auto spread = static_cast<std::size_t>(static_cast<double>(n) * 0.6180339887498949 *
                                                   static_cast<double>(groups_.size()));
      groups_.push_back({.first = base_ + times_.size(), .due = n / 2 + spread % (n / 2 + 1)});
    }
    // A column that joins its group late has no values before.
    columns_.emplace_back(rows_of(groups_.back()), absent_value());
  }
}

std::size_t Tier::rows_of(const Group& group) const {
  return static_cast<std::size_t>(base_ + times_.size() - group.first);
}

std::span<const std::int64_t> Tier::times_of(const Group& group) const {
  return std::span(times_).subspan(static_cast<std::size_t>(group.first - base_));
}

void Tier::append(Timestamp at, std::span<const double> row) {
  GPUVIGIL_ASSERT(times_.empty() || to_unix_ns(at) > times_.back());
  GPUVIGIL_ASSERT(row.size() <= columns_.size());
  times_.push_back(to_unix_ns(at));
  for (std::size_t i = 0; i < row.size(); ++i) columns_[i].push_back(row[i]);
  for (std::size_t i = row.size(); i < columns_.size(); ++i) {
    columns_[i].push_back(absent_value());
  }
}

std::size_t Tier::steady_budget() const {
  return 1 + 2 * columns_.size() / shape_.rows_per_segment;
}

void Tier::seal_some(ColumnCodec& codec, std::size_t budget, std::vector<SealedSegment>& done) {
  std::size_t looked = 0;
  while (budget > 0 && looked < groups_.size()) {
    Group& group = groups_[turn_];
    if (group.sealing == 0 && rows_of(group) >= group.due) {
      group.sealing = std::min(rows_of(group), kMaxSegmentRows);
    }
    if (group.sealing == 0) {
      turn_ = (turn_ + 1) % groups_.size();
      ++looked;
      continue;
    }
    const std::size_t first = turn_ * group_columns_;
    const std::size_t count = std::min(group_columns_, columns_.size() - first);
    if (group.packed.size() < count) {
      const std::vector<double>& column = columns_[first + group.packed.size()];
      group.packed.emplace_back();
      codec.pack(std::span(column).first(group.sealing), group.packed.back());
      --budget;
    }
    if (group.packed.size() == count) finish(turn_, done);
  }
}

void Tier::finish(std::size_t index, std::vector<SealedSegment>& done) {
  Group& group = groups_[index];
  const auto times = times_of(group).first(group.sealing);
  SealedSegment sealed{.tier = shape_.id,
                       .group = index,
                       .from_ns = times.front(),
                       .to_ns = times.back(),
                       .bytes = {}};
  const bool has_values =
      std::ranges::any_of(group.packed, [](const std::string& one) { return one.size() > 1; });
  if (has_values) sealed.bytes = make_segment(times, group.packed);
  done.push_back(std::move(sealed));
  group.packed.clear();
  drop_front(index, std::exchange(group.sealing, 0));
  group.due = shape_.rows_per_segment;
  forget_unused_times();
}

void Tier::drop_front(std::size_t index, std::size_t rows) {
  const std::size_t first = index * group_columns_;
  const std::size_t end = std::min(first + group_columns_, columns_.size());
  for (std::size_t i = first; i < end; ++i) {
    columns_[i].erase(columns_[i].begin(), columns_[i].begin() + static_cast<std::ptrdiff_t>(rows));
  }
  groups_[index].first += rows;
}

void Tier::forget_unused_times() {
  std::uint64_t first = base_ + times_.size();
  for (const Group& group : groups_) first = std::min(first, group.first);
  const auto unused = static_cast<std::ptrdiff_t>(first - base_);
  times_.erase(times_.begin(), times_.begin() + unused);
  base_ = first;
}

void Tier::trim(std::size_t index, std::int64_t to_ns) {
  if (index >= groups_.size()) return;
  const auto times = times_of(groups_[index]);
  const auto end = std::ranges::upper_bound(times, to_ns);
  drop_front(index, static_cast<std::size_t>(end - times.begin()));
  forget_unused_times();
}

std::size_t Tier::drop_beyond(std::size_t most) {
  std::size_t dropped = 0;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const std::size_t rows = rows_of(groups_[i]);
    if (rows <= most) continue;
    groups_[i].packed.clear();
    groups_[i].sealing = 0;
    drop_front(i, rows - most);
    dropped = std::max(dropped, rows - most);
  }
  if (dropped > 0) forget_unused_times();
  return dropped;
}

std::optional<std::int64_t> Tier::first_unsealed_ns() const {
  if (times_.empty()) return std::nullopt;
  return times_.front();
}

void Tier::copy(std::size_t column, std::int64_t from_ns, std::int64_t to_ns,
                ColumnCopy& into) const {
  if (column >= columns_.size()) return;
  const auto times = times_of(groups_[column / group_columns_]);
  const auto first = std::ranges::lower_bound(times, from_ns);
  const auto end = std::ranges::lower_bound(first, times.end(), to_ns);
  const auto skipped = first - times.begin();
  into.times.assign(first, end);
  into.values.assign(columns_[column].begin() + skipped,
                     columns_[column].begin() + skipped + (end - first));
}

}  // namespace gpuvigil
