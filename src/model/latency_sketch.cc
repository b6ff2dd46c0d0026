// SPDX-License-Identifier: Apache-2.0
#include "model/latency_sketch.h"

#include <algorithm>

#include "base/assert.h"

namespace gpuvigil {
namespace {

std::uint32_t saturating_add(std::uint32_t a, std::uint32_t b) {
  const std::uint32_t sum = a + b;
  return sum < a ? UINT32_MAX : sum;
}

/// The middle of a bucket, which is at most 1/64 away from anything in it.
std::uint64_t representative(std::uint32_t bucket) {
  const std::uint64_t low = SketchScheme::low(bucket);
  if (bucket == SketchScheme::kOverflow) return low;
  return low + (SketchScheme::end(bucket) - low) / 2;
}

/// Three ranks looked for in one ascending walk.
class RankWalk {
 public:
  RankWalk(std::uint64_t total, std::uint64_t min_ns, std::uint64_t max_ns)
      : min_ns_(min_ns), max_ns_(max_ns) {
    // ceil(q x n) for q = 0.50, 0.95, 0.99, in integers.
    ranks_ = {(total * 50 + 99) / 100, (total * 95 + 99) / 100, (total * 99 + 99) / 100};
  }

  /// True once all three are found.
  bool visit(std::uint32_t bucket, std::uint32_t count) {
    seen_ += count;
    while (next_ < ranks_.size() && seen_ >= ranks_[next_]) {
      values_[next_++] = bucket == SketchScheme::kOverflow
                             ? max_ns_
                             : std::clamp(representative(bucket), min_ns_, max_ns_);
    }
    return next_ == ranks_.size();
  }

  [[nodiscard]] Percentiles result() const { return {values_[0], values_[1], values_[2]}; }

 private:
  std::uint64_t min_ns_;
  std::uint64_t max_ns_;
  std::array<std::uint64_t, 3> ranks_{};
  std::array<std::uint64_t, 3> values_{};
  std::size_t next_ = 0;
  std::uint64_t seen_ = 0;
};

}  // namespace

LatencySketch& LatencySketch::operator=(const LatencySketch& other) {
  if (this != &other) {
    for (auto& page : pages_) page.reset();
    merge(other);
  }
  return *this;
}

void LatencySketch::add_to_bucket(std::uint32_t bucket, std::uint32_t count) {
  GPUVIGIL_ASSERT(bucket < SketchScheme::kBuckets);
  auto& page = pages_[bucket / SketchScheme::kPageBuckets];
  if (!page) page = std::make_unique<Page>(Page{});
  std::uint32_t& cell = (*page)[bucket % SketchScheme::kPageBuckets];
  cell = saturating_add(cell, count);
}

void LatencySketch::merge(const LatencySketch& other) {
  for (std::size_t p = 0; p < pages_.size(); ++p) {
    if (!other.pages_[p]) continue;
    if (!pages_[p]) {
      pages_[p] = std::make_unique<Page>(*other.pages_[p]);
      continue;
    }
    for (std::size_t i = 0; i < SketchScheme::kPageBuckets; ++i) {
      (*pages_[p])[i] = saturating_add((*pages_[p])[i], (*other.pages_[p])[i]);
    }
  }
}

std::uint64_t LatencySketch::total() const {
  std::uint64_t sum = 0;
  for (const auto& page : pages_) {
    if (!page) continue;
    for (const std::uint32_t count : *page) sum += count;
  }
  return sum;
}

std::uint32_t LatencySketch::count(std::uint32_t bucket) const {
  const auto& page = pages_[bucket / SketchScheme::kPageBuckets];
  return page ? (*page)[bucket % SketchScheme::kPageBuckets] : 0;
}

std::size_t LatencySketch::memory_bytes() const {
  const auto pages =
      std::ranges::count_if(pages_, [](const auto& page) { return page != nullptr; });
  return sizeof(*this) + static_cast<std::size_t>(pages) * sizeof(Page);
}

/// Walks pages directly, so that the compiler may sum a whole page at once.
struct SketchPercentiles {
  static Percentiles of(const LatencySketch& sketch, std::uint64_t min_ns, std::uint64_t max_ns) {
    const std::uint64_t total = sketch.total();
    if (total == 0) return {};
    RankWalk walk(total, min_ns, max_ns);
    for (std::uint32_t p = 0; p < SketchScheme::kPages; ++p) {
      const auto& page = sketch.pages_[p];
      if (!page) continue;
      for (std::uint32_t i = 0; i < SketchScheme::kPageBuckets; ++i) {
        const std::uint32_t count = (*page)[i];
        if (count != 0 && walk.visit(p * SketchScheme::kPageBuckets + i, count)) {
          return walk.result();
        }
      }
    }
    return walk.result();
  }
};

Percentiles percentiles(const LatencySketch& sketch, std::uint64_t min_ns, std::uint64_t max_ns) {
  return SketchPercentiles::of(sketch, min_ns, max_ns);
}

Percentiles percentiles(std::span<const BucketCount> buckets, std::uint64_t min_ns,
                        std::uint64_t max_ns) {
  std::uint64_t total = 0;
  for (const BucketCount& b : buckets) total += b.count;
  if (total == 0) return {};
  RankWalk walk(total, min_ns, max_ns);
  for (const BucketCount& b : buckets) {
    if (walk.visit(b.bucket, b.count)) break;
  }
  return walk.result();
}

}  // namespace gpuvigil
