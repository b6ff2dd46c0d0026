// SPDX-License-Identifier: Apache-2.0
#include "monitor/interval_union.h"

#include <algorithm>

#include "monitor/saturating.h"

namespace gpuvigil {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::size_t kSmallestLimit = 16;
constexpr std::size_t kPointsPerSeal = 16;
constexpr std::size_t kMaxPoints = 512;

std::uint64_t distance(std::int64_t from, std::int64_t to) {
  return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
}

/// Grows by doubling, but never beyond what it may hold.
template <class T>
void make_room(std::vector<T>& items, std::size_t needed, std::size_t limit) {
  if (needed <= items.capacity()) return;
  items.reserve(std::max(needed, std::min(limit, std::max<std::size_t>(16, 2 * needed))));
}

}  // namespace

IntervalUnion::IntervalUnion(std::size_t limit) {
  set_limit(limit);
}

void IntervalUnion::set_limit(std::size_t limit) {
  limit = std::max(limit, kSmallestLimit);
  // Merging may put all late ones behind all runs before it seals: 3/5 + 1/5, and the buffer 1/5.
  max_late_ = limit / 5;
  max_runs_ = limit - 2 * max_late_;
  if (runs_.capacity() <= max_runs_ + max_late_ && late_.capacity() <= max_late_) return;
  merge_late();
  while (runs_.size() > max_runs_) seal_older_half();
  runs_.shrink_to_fit();
  late_.shrink_to_fit();
}

void IntervalUnion::add(Timestamp from, Timestamp to) {
  Run run{to_unix_ns(from), to_unix_ns(to)};
  if (run.to <= run.from) return;
  if (!points_.empty() && run.from < points_.back().at) {
    ++inexact_;
    run.from = points_.back().at;
    if (run.to <= run.from) return;
  }
  if (runs_.empty() || run.from >= runs_.back().from) {
    append(run);
  } else {
    add_late(run);
  }
}

void IntervalUnion::append(Run run) {
  if (!runs_.empty() && run.from <= runs_.back().to) {
    Run& last = runs_.back();
    if (run.to <= last.to) return;
    if (cursor_ == runs_.size()) cursor_sum_ += distance(last.to, run.to);
    last.to = run.to;
    return;
  }
  if (runs_.size() >= max_runs_) {
    merge_late();
    if (runs_.size() >= max_runs_) seal_older_half();
    add(from_unix_ns(run.from), from_unix_ns(run.to));  // the last run may be another one now
    return;
  }
  make_room(runs_, runs_.size() + 1, max_runs_);
  runs_.push_back(run);
}

void IntervalUnion::add_late(Run run) {
  make_room(late_, late_.size() + 1, max_late_);
  late_.push_back(run);
  // A merge moves the runs behind the earliest late one, so the buffer grows with them.
  if (late_.size() >= std::min(max_late_, std::max<std::size_t>(64, runs_.size() / 4))) {
    merge_late();
  }
}

void IntervalUnion::merge_late() {
  if (late_.empty()) return;
  std::ranges::sort(late_, {}, &Run::from);
  // Everything from the first run that the earliest late one may touch.
  const auto touched = std::ranges::lower_bound(runs_, late_.front().from, {}, &Run::to);
  const auto first = static_cast<std::size_t>(touched - runs_.begin());
  while (cursor_ > first) {
    --cursor_;
    cursor_sum_ -= distance(runs_[cursor_].from, runs_[cursor_].to);
  }
  std::size_t old = runs_.size();
  make_room(runs_, old + late_.size(), max_runs_ + max_late_);
  runs_.resize(old + late_.size());
  std::size_t out = runs_.size();
  std::size_t in = late_.size();
  while (in > 0) {  // from the back, so that nothing is overwritten before it is read
    const bool take_old = old > first && runs_[old - 1].from > late_[in - 1].from;
    runs_[--out] = take_old ? runs_[--old] : late_[--in];
  }
  late_.clear();
  coalesce_from(first);
  while (runs_.size() > max_runs_) seal_older_half();
}

void IntervalUnion::coalesce_from(std::size_t first) {
  if (first >= runs_.size()) return;
  std::size_t out = first;
  for (std::size_t i = first + 1; i < runs_.size(); ++i) {
    if (runs_[i].from <= runs_[out].to) {
      runs_[out].to = std::max(runs_[out].to, runs_[i].to);
    } else {
      runs_[++out] = runs_[i];
    }
  }
  runs_.resize(out + 1);
}

void IntervalUnion::seal_older_half() {
  const std::size_t count = (runs_.size() + 1) / 2;
  if (count == 0) return;
  std::uint64_t length = points_.empty() ? 0 : points_.back().length;
  // Also where the sealed part began: before that, and in a gap, nothing grows.
  if (points_.empty()) points_.push_back({runs_.front().from, 0});
  const std::size_t step = std::max<std::size_t>(1, count / kPointsPerSeal);
  for (std::size_t i = 0; i < count; ++i) {
    length += distance(runs_[i].from, runs_[i].to);
    if (i % step == step - 1 || i + 1 == count) points_.push_back({runs_[i].to, length});
  }
  while (points_.size() > kMaxPoints) points_.pop_front();
  runs_.erase(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(count));
  cursor_ = 0;
  cursor_sum_ = 0;
}

std::uint64_t IntervalUnion::sealed_until(std::int64_t t) const {
  if (points_.empty()) return 0;
  const auto after = std::ranges::upper_bound(points_, t, {}, &Point::at);
  if (after == points_.end()) return points_.back().length;
  if (after == points_.begin()) {
    const std::uint64_t missing = distance(t, after->at);  // a lower bound
    return after->length > missing ? after->length - missing : 0;
  }
  const Point& before = *std::prev(after);
  // In integers, so that rounding never makes it grow faster than time.
  const Wide grown =
      Wide{after->length - before.length} * distance(before.at, t) / distance(before.at, after->at);
  return before.length + static_cast<std::uint64_t>(grown);
}

/// Puts the cursor behind the last run that ends at or before `t`.
void IntervalUnion::seek(std::int64_t t) {
  while (cursor_ > 0 && runs_[cursor_ - 1].to > t) {
    --cursor_;
    cursor_sum_ -= distance(runs_[cursor_].from, runs_[cursor_].to);
  }
  while (cursor_ < runs_.size() && runs_[cursor_].to <= t) {
    cursor_sum_ += distance(runs_[cursor_].from, runs_[cursor_].to);
    ++cursor_;
  }
}

std::uint64_t IntervalUnion::length_until(Timestamp t) {
  merge_late();
  const std::int64_t at = to_unix_ns(t);
  seek(at);
  std::uint64_t length = sealed_until(at) + cursor_sum_;
  if (cursor_ < runs_.size() && runs_[cursor_].from < at) {
    length += distance(runs_[cursor_].from, at);
  }
  return length;
}

std::optional<Timestamp> IntervalUnion::last_end_until(Timestamp t) {
  merge_late();
  const std::int64_t at = to_unix_ns(t);
  seek(at);
  if (cursor_ < runs_.size() && runs_[cursor_].from < at) return t;
  if (cursor_ > 0) return from_unix_ns(runs_[cursor_ - 1].to);
  if (points_.empty() || at <= points_.front().at) return std::nullopt;
  return from_unix_ns(std::min(points_.back().at, at));
}

void IntervalUnion::shift(Duration by) {
  merge_late();
  for (Run& run : runs_) {
    run = {saturating_add(run.from, by.count()), saturating_add(run.to, by.count())};
  }
  for (Point& point : points_) point.at = saturating_add(point.at, by.count());
  cursor_ = 0;  // saturated runs have lost some of their length
  cursor_sum_ = 0;
}

}  // namespace gpuvigil
