// SPDX-License-Identifier: Apache-2.0
#include "profile/row_ledger.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace gpuvigil {
namespace {

constexpr std::uint64_t kMaxMemory = std::uint64_t{1} << 50U;  ///< Of one execution.

struct Bounds {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  double low_squares = 0;
  double high_squares = 0;
};

std::uint64_t saturating_multiply(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/// What executions in these buckets, none beyond the extremes, can add up to.
Bounds bounds_of(std::span<const BucketCount> buckets, const KernelCounters& extremes) {
  Bounds bounds;
  for (const BucketCount& b : buckets) {
    const std::uint64_t low = std::max(SketchScheme::low(b.bucket), extremes.min_ns);
    const std::uint64_t high = std::min(SketchScheme::end(b.bucket) - 1, extremes.max_ns);
    bounds.low = add_saturating(bounds.low, saturating_multiply(low, b.count));
    bounds.high = add_saturating(bounds.high, saturating_multiply(high, b.count));
    bounds.low_squares += static_cast<double>(low) * static_cast<double>(low) * b.count;
    bounds.high_squares += static_cast<double>(high) * static_cast<double>(high) * b.count;
  }
  return bounds;
}

}  // namespace

KernelCounters RowLedger::take(const gpuvigil_segment_row& row,
                               std::span<const gpuvigil_segment_page> pages,
                               std::vector<BucketCount>& buckets) {
  const std::size_t first = buckets.size();
  std::size_t next = 0;
  for (std::uint32_t page = 0; page < GPUVIGIL_SKETCH_PAGES; ++page) {
    if (row.pages[page] != 0) take_page(page, pages[next++], buckets);
  }
  const auto grown = std::span<const BucketCount>(buckets).subspan(first);
  KernelCounters counters;
  for (const BucketCount& b : grown) counters.calls += b.count;
  calls_ += counters.calls;
  settle_extremes(row, grown, counters);
  settle_sums(row, grown, counters);
  settle_memory(row, counters);
  return counters;
}

void RowLedger::take_page(std::uint32_t page, const gpuvigil_segment_page& now,
                          std::vector<BucketCount>& buckets) {
  auto& seen = pages_[page];
  if (!seen) seen = std::make_unique<Page>(Page{});
  const std::uint32_t first = page * GPUVIGIL_SKETCH_PAGE_BUCKETS;
  const std::uint32_t end = std::min(GPUVIGIL_SKETCH_PAGE_BUCKETS, SketchScheme::kBuckets - first);
  for (std::uint32_t i = 0; i < end; ++i) {
    const std::uint32_t count = now.counts[i] - (*seen)[i];  // modulo 2^32
    if (count == 0) continue;
    (*seen)[i] = now.counts[i];
    buckets.push_back({first + i, count});
  }
}

void RowLedger::settle_sums(const gpuvigil_segment_row& row, std::span<const BucketCount> grown,
                            KernelCounters& counters) {
  const Bounds bounds = bounds_of(grown, counters);
  low_ns_ = add_saturating(low_ns_, bounds.low);
  high_ns_ = add_saturating(high_ns_, bounds.high);
  high_squares_ += bounds.high_squares;
  // Everything that was counted is in the sums as well; else they lag behind, and do so no longer
  // when this is true again.
  const bool is_settled = row.calls == calls_;
  const std::uint64_t told = std::clamp(row.sum_ns, low_ns_, high_ns_);
  counters.sum_ns = told - std::min(told, sum_ns_);
  if (counters.calls > 0) {
    const std::uint64_t most = is_settled ? UINT64_MAX : bounds.high;
    counters.sum_ns = std::clamp(counters.sum_ns, bounds.low, most);
  }
  sum_ns_ = add_saturating(sum_ns_, counters.sum_ns);

  if (!std::isfinite(row.sum_squares_ns2)) {
    counters.sum_squares_ns2 = bounds.low_squares;
    return;
  }
  const double squares = std::max(row.sum_squares_ns2 - sum_squares_ns2_, 0.0);
  counters.sum_squares_ns2 = is_settled
                                 ? std::clamp(squares, bounds.low_squares, high_squares_)
                                 : std::clamp(squares, bounds.low_squares, bounds.high_squares);
  sum_squares_ns2_ += counters.sum_squares_ns2;
}

void RowLedger::settle_extremes(const gpuvigil_segment_row& row, std::span<const BucketCount> grown,
                                KernelCounters& counters) {
  if (row.min_ns < lowest_ns_) carried_min_ns_ = lowest_ns_ = row.min_ns;
  if (row.max_ns > highest_ns_) carried_max_ns_ = highest_ns_ = row.max_ns;
  if (grown.empty()) return;
  const std::uint32_t front = grown.front().bucket;
  const std::uint32_t back = grown.back().bucket;
  if (carried_min_ns_ != kNone && SketchScheme::bucket_of(carried_min_ns_) == front) {
    counters.min_ns = std::exchange(carried_min_ns_, kNone);
  } else {
    counters.min_ns =
        std::clamp(lowest_ns_, SketchScheme::low(front), SketchScheme::end(front) - 1);
    if (carried_min_ns_ >= SketchScheme::end(front)) carried_min_ns_ = kNone;
  }
  if (carried_max_ns_ != 0 && SketchScheme::bucket_of(carried_max_ns_) == back) {
    counters.max_ns = std::exchange(carried_max_ns_, 0);
  } else {
    counters.max_ns = std::clamp(highest_ns_, SketchScheme::low(back), SketchScheme::end(back) - 1);
    if (carried_max_ns_ < SketchScheme::low(back)) carried_max_ns_ = 0;
  }
  counters.max_ns = std::max(counters.max_ns, counters.min_ns);
}

void RowLedger::settle_memory(const gpuvigil_segment_row& row, KernelCounters& counters) {
  const std::uint64_t calls = std::min(row.memory_calls, calls_);
  if (calls <= memory_calls_ || row.memory_bytes < memory_bytes_) return;
  counters.memory_calls = calls - std::exchange(memory_calls_, calls);
  counters.memory_bytes =
      std::min(row.memory_bytes - std::exchange(memory_bytes_, row.memory_bytes),
               saturating_multiply(counters.memory_calls, kMaxMemory));
}

}  // namespace gpuvigil
