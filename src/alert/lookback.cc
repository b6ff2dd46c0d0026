// SPDX-License-Identifier: Apache-2.0
#include "alert/lookback.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace gpuvigil {
namespace {

constexpr std::int64_t number_of(Timestamp at, Duration width) {
  return to_unix_ns(at) / width.count();
}

}  // namespace

void Lookback::add(Timestamp at, double value) {
  if (last_) total_ += value >= *last_ ? value - *last_ : value;  // it began again at zero
  last_ = value;
  const std::int64_t number = number_of(at, width_);
  if (parts_.empty() || parts_.back().number < number) {
    parts_.push_back({.number = number, .first_at = at, .first_total = total_, .least = value});
  }
  Part& part = parts_.back();
  part.last_total = total_;
  part.sum += value;
  part.least = std::min(part.least, value);
  ++part.count;
  while (parts_.front().number < number - 2 * kParts - 1) parts_.pop_front();
}

std::deque<Lookback::Part>::const_iterator Lookback::window_begin(Timestamp now) const {
  const std::int64_t first = number_of(now - over_, width_);
  return std::ranges::find_if(parts_, [&](const Part& part) { return part.number >= first; });
}

std::optional<double> Lookback::increase(Timestamp now) const {
  const auto begin = window_begin(now);
  if (begin == parts_.end()) return std::nullopt;
  // What it was when the window began is the last word of the part before.
  const double from = begin == parts_.begin() ? begin->first_total : std::prev(begin)->last_total;
  if (begin == parts_.begin() && parts_.size() == 1 && begin->count < 2) return std::nullopt;
  return parts_.back().last_total - from;
}

std::optional<double> Lookback::rate(Timestamp now) const {
  const auto begin = window_begin(now);
  if (begin == parts_.end()) return std::nullopt;
  const Duration seen = std::min(now - begin->first_at, over_);
  if (seen < over_ / 2) return std::nullopt;
  const auto grown = increase(now);
  if (!grown) return std::nullopt;
  return *grown / std::chrono::duration<double>(seen).count();
}

std::optional<double> Lookback::mean(Timestamp from, Timestamp to) const {
  const std::int64_t first = number_of(from, width_);
  const std::int64_t end = number_of(to, width_);
  double sum = 0;
  std::uint32_t count = 0;
  std::int64_t parts = 0;
  for (const Part& part : parts_) {
    if (part.number < first || part.number >= end) continue;
    sum += part.sum;
    count += part.count;
    ++parts;
  }
  // Readings may be rarer than parts are: a window of a second has three frames at best.
  const std::int64_t possible =
      std::min<std::int64_t>(kParts, std::max<std::int64_t>(1, over_ / std::chrono::seconds(1)));
  if (2 * parts < possible) return std::nullopt;
  return sum / count;
}

std::optional<double> Lookback::change(Timestamp now, bool relative) const {
  // Up to and with the part that `now` lies in.
  const Timestamp end = now + width_;
  const auto last = mean(end - over_, end);
  const auto before = mean(end - 2 * over_, end - over_);
  if (!last || !before) return std::nullopt;
  if (!relative) return *last - *before;
  if (*before == 0) return std::nullopt;
  return 100 * (*last - *before) / std::abs(*before);
}

std::optional<double> Lookback::growth(Timestamp now) const {
  constexpr std::int64_t kSixths = 6;
  const std::int64_t end = number_of(now, width_) + 1;
  std::vector<double> least(kSixths, std::numeric_limits<double>::infinity());
  for (const Part& part : parts_) {
    const std::int64_t age = end - 1 - part.number;  // in parts
    if (age < 0 || age >= kParts) continue;
    double& sixth = least[static_cast<std::size_t>(kSixths - 1 - age / (kParts / kSixths))];
    sixth = std::min(sixth, part.least);
  }
  if (std::ranges::any_of(least, [](double value) { return std::isinf(value); })) {
    return std::nullopt;
  }
  for (std::size_t i = 1; i < least.size(); ++i) {
    if (least[i] <= least[i - 1]) return 0.0;
  }
  return least.back() - least.front();
}

void KernelLookback::add(Timestamp at, const KernelCounters& counters,
                         std::span<const BucketCount> buckets) {
  const std::int64_t number = number_of(at, width_);
  if (parts_.empty() || parts_.back().number < number) {
    parts_.push_back({.number = number, .counters = {}, .buckets = {}});
  }
  Part& part = parts_.back();
  part.counters.merge(counters);
  for (const BucketCount& one : buckets) part.buckets[one.bucket] += one.count;
  forget(at);
}

void KernelLookback::forget(Timestamp now) {
  const std::int64_t oldest = number_of(now, width_) - 2 * kParts;
  while (!parts_.empty() && parts_.front().number < oldest) parts_.pop_front();
}

KernelLookback::Sum KernelLookback::sum(Timestamp now, bool before, bool with_times) const {
  const std::int64_t end = number_of(now, width_) + 1 - (before ? kParts : 0);
  Sum sum;
  std::map<std::uint32_t, std::uint32_t> buckets;
  for (const Part& part : parts_) {
    if (part.number >= end || part.number < end - kParts) continue;
    sum.counters.merge(part.counters);
    if (!with_times) continue;
    for (const auto& [bucket, count] : part.buckets) buckets[bucket] += count;
  }
  if (!with_times) return sum;
  std::vector<BucketCount> sparse;
  sparse.reserve(buckets.size());
  for (const auto& [bucket, count] : buckets) sparse.push_back({bucket, count});
  sum.percentiles = percentiles(sparse, sum.counters.min_ns, sum.counters.max_ns);
  return sum;
}

bool KernelLookback::is_idle(Timestamp now) {
  forget(now);
  return parts_.empty();
}

}  // namespace gpuvigil
