// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "gpuvigil/segment.h"
#include "model/kernel.h"
#include "model/latency_sketch.h"

namespace gpuvigil {

/// What was taken of one row of a segment so far, and how the next difference follows from it.
///
/// The counts of buckets are believed; they decide how many calls there were. Extremes are held to
/// what those buckets allow, sums to what both allow. While threads count, sums may lag behind
/// their buckets and extremes run ahead of them; both are made up for with a later difference. So
/// all differences together are exact for an honest writer, and none contradicts itself for any
/// other.
class RowLedger {
 public:
  /// `pages`: the copies of those of row.pages that are not 0. Appends to `buckets`, ascending, how
  /// often each was hit; their sum is in `calls`.
  [[nodiscard]] KernelCounters take(const gpuvigil_segment_row& row,
                                    std::span<const gpuvigil_segment_page> pages,
                                    std::vector<BucketCount>& buckets);

 private:
  using Page = std::array<std::uint32_t, GPUVIGIL_SKETCH_PAGE_BUCKETS>;
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

  void take_page(std::uint32_t page, const gpuvigil_segment_page& now,
                 std::vector<BucketCount>& buckets);
  void settle_sums(const gpuvigil_segment_row& row, std::span<const BucketCount> grown,
                   KernelCounters& counters);
  void settle_extremes(const gpuvigil_segment_row& row, std::span<const BucketCount> grown,
                       KernelCounters& counters);
  void settle_memory(const gpuvigil_segment_row& row, KernelCounters& counters);

  std::array<std::unique_ptr<Page>, GPUVIGIL_SKETCH_PAGES> pages_;
  std::uint64_t calls_ = 0;
  std::uint64_t low_ns_ = 0;  ///< The least that all buckets allow as a sum.
  std::uint64_t high_ns_ = 0;
  double high_squares_ = 0;
  std::uint64_t sum_ns_ = 0;
  double sum_squares_ns2_ = 0;
  std::uint64_t memory_calls_ = 0;
  std::uint64_t memory_bytes_ = 0;
  std::uint64_t lowest_ns_ = kNone;  ///< As told.
  std::uint64_t highest_ns_ = 0;
  std::uint64_t carried_min_ns_ = kNone;  ///< Told, and its bucket not yet seen.
  std::uint64_t carried_max_ns_ = 0;
};

}  // namespace gpuvigil
