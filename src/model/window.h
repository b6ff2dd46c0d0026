// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "model/kernel.h"
#include "model/latency_sketch.h"

namespace gpuvigil {

/// What identifies a series, shared by everything that speaks of it after it may be gone.
struct SeriesKey {
  std::shared_ptr<const KernelName> name;
  KernelKind kind = KernelKind::kCompute;
  std::uint32_t device = 0;  ///< Index in Frame::devices.
};

/// What one series did in one window.
struct SeriesDelta {
  std::shared_ptr<const SeriesKey> key;
  KernelCounters counters;  ///< min and max of this window: exact, or the bounds of their bucket.
  Timestamp last_end{};
  std::uint32_t first_bucket = 0;  ///< Its share of WindowDelta::buckets.
  std::uint32_t bucket_count = 0;
};

/// What changed between two edges: only the series that did something.
struct WindowDelta {
  Timestamp from{};
  Timestamp to{};
  std::vector<SeriesDelta> series;   ///< Each key at most once, in no order.
  std::vector<BucketCount> buckets;  ///< Sparse sketches, ascending within each series.

  [[nodiscard]] std::span<const BucketCount> buckets_of(const SeriesDelta& delta) const {
    return std::span(buckets).subspan(delta.first_bucket, delta.bucket_count);
  }
  [[nodiscard]] std::size_t memory_bytes() const {
    return sizeof(*this) + series.capacity() * sizeof(SeriesDelta) +
           buckets.capacity() * sizeof(BucketCount);
  }
};

/// The recent past, oldest first and without holes: fine steps near now, coarse ones further back.
struct WindowLadder {
  std::vector<std::shared_ptr<const WindowDelta>> steps;
};

}  // namespace gpuvigil
