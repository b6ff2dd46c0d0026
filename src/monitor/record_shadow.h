// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "model/source.h"
#include "monitor/record_shard.h"

namespace gpuvigil::detail {

/// What was already handed in of one cell, and what is new.
///
/// A cell is read while its thread records, up to four times until nothing moved meanwhile; one
/// that never pauses is then taken as it is: buckets may hold a few records
/// that the sums do not yet. Those come with the next reading; nothing is lost or counted twice,
/// and until then the sum is held within what the buckets allow.
///
/// Threading: the collecting thread.
struct CellShadow {
  std::uint64_t calls_seen = 0;  ///< As the cell said it; `calls` is what the buckets held.
  std::uint64_t calls = 0;
  std::uint64_t sum_ns = 0;
  double sum_squares_ns2 = 0;
  std::uint64_t memory_calls = 0;
  std::uint64_t memory_bytes = 0;
  /// Extremes that were taken from the cell but belong to records not yet counted.
  std::uint64_t carried_min_ns = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t carried_max_ns = 0;
  using Page = std::array<std::uint32_t, SketchScheme::kPageBuckets>;
  std::array<std::unique_ptr<Page>, SketchScheme::kPages> pages;

  /// True, with the difference in `delta` (its buckets are stored in `buckets`), when the cell has
  /// changed since the last call.
  [[nodiscard]] bool take(RecordCell& cell, Aggregate& delta, std::vector<BucketCount>& buckets);

 private:
  void settle_extremes(RecordCell& cell, KernelCounters& counters,
                       const std::vector<BucketCount>& buckets);
};

/// The same of one shard.
struct ShardShadow {
  std::uint64_t head = 0;                          ///< Of the ring: grows with every record.
  std::vector<std::unique_ptr<CellShadow>> cells;  ///< By id.
};

}  // namespace gpuvigil::detail
