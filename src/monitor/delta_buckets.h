// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "model/latency_sketch.h"

namespace gpuvigil {

class DeltaBuckets;

/// Where the short lists of all DeltaBuckets live, emptied at once at each edge.
class DeltaPool {
 public:
  /// Requires that every DeltaBuckets that used it was taken or moved.
  void clear() { nodes_.clear(); }

 private:
  friend class DeltaBuckets;
  struct Node {
    std::uint32_t bucket;
    std::uint32_t count;
    std::uint32_t next;
  };
  std::vector<Node> nodes_;
};

/// The buckets of one series since the last edge: a list while they are few (kernels last about as
/// long each time), pages of a sketch once they are many.
class DeltaBuckets {
 public:
  static constexpr std::uint32_t kMaxListed = 16;

  void add(DeltaPool& pool, std::uint32_t bucket, std::uint32_t count);

  /// Appends them to `out`, ascending, and is empty afterwards.
  void take(const DeltaPool& pool, std::vector<BucketCount>& out);

 private:
  static constexpr std::uint32_t kEnd = 0xFFFFFFFFU;

  std::uint32_t head_ = kEnd;
  std::uint32_t listed_ = 0;
  std::unique_ptr<LatencySketch> many_;
};

}  // namespace gpuvigil
