// SPDX-License-Identifier: Apache-2.0
#include "monitor/memory_sweep.h"

#include <algorithm>
#include <limits>

#include "monitor/saturating.h"

namespace gpuvigil {
namespace {

std::uint64_t saturating_sum(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b
             ? std::numeric_limits<std::uint64_t>::max()
             : a + b;
}

}  // namespace

void MemorySweep::add(std::uint32_t device, std::optional<Timestamp> start, Timestamp end,
                      std::uint64_t bytes) {
  add_many(1, bytes, bytes);
  if (!start || *start >= end || bytes > static_cast<std::uint64_t>(INT64_MAX)) return;
  std::int64_t from = to_unix_ns(*start);
  if (horizon_ && from < *horizon_) {
    ++inexact_;
    from = *horizon_;
    if (from >= to_unix_ns(end)) return;
  }
  const auto change = static_cast<std::int64_t>(bytes);
  edges_.push_back({from, change, device});
  edges_.push_back({to_unix_ns(end), -change, device});
  changed_ = true;
  if (edges_.size() >= max_edges_) seal_older_half();
}

void MemorySweep::add_many(std::uint64_t executions, std::uint64_t bytes, std::uint64_t largest) {
  result_.executions += executions;
  result_.total_bytes = saturating_sum(result_.total_bytes, bytes);
  largest_single_ = std::max(largest_single_, largest);
}

void MemorySweep::settle() {
  // Ends before starts at the same instant: they do not overlap.
  const auto before = [](const Edge& a, const Edge& b) {
    return a.at != b.at ? a.at < b.at : a.change < b.change;
  };
  const auto middle = edges_.begin() + static_cast<std::ptrdiff_t>(sorted_);
  std::sort(middle, edges_.end(), before);
  std::inplace_merge(edges_.begin(), middle, edges_.end(), before);
  sorted_ = edges_.size();
}

void MemorySweep::seal_older_half() {
  settle();
  const std::size_t count = edges_.size() / 2;
  for (std::size_t i = 0; i < count; ++i) {
    level_ = saturating_add(level_, edges_[i].change);
    sealed_peak_ = std::max(sealed_peak_, level_);
  }
  horizon_ = edges_[count - 1].at;
  edges_.erase(edges_.begin(), edges_.begin() + static_cast<std::ptrdiff_t>(count));
  sorted_ = edges_.size();
}

MemoryReuse MemorySweep::result() {
  if (changed_) {
    settle();
    std::int64_t level = level_;
    std::int64_t peak = sealed_peak_;
    for (const Edge& edge : edges_) {
      level = saturating_add(level, edge.change);
      peak = std::max(peak, level);
    }
    result_.largest_overlap_bytes = static_cast<std::uint64_t>(peak);
    changed_ = false;
  }
  MemoryReuse result = result_;
  result.largest_overlap_bytes = std::max(result.largest_overlap_bytes, largest_single_);
  return result;
}

void MemorySweep::rebase(std::uint32_t device, Duration by) {
  for (Edge& edge : edges_) {
    if (edge.device == device) edge.at = saturating_add(edge.at, by.count());
  }
  if (horizon_) horizon_ = std::min(*horizon_, saturating_add(*horizon_, by.count()));
  sorted_ = 0;
  changed_ = true;
}

}  // namespace gpuvigil
