// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <span>

namespace gpuvigil {

/// The bucket scheme of every latency sketch, number 1. It is stored beside every blob; it is
/// versioned, never changed.
///
///   duration           buckets
///   0 .. 63 ns         one for each nanosecond
///   64 ns .. 2^38 ns   32 for each power of two (2^38 ns is 275 s)
///   longer             one overflow bucket
struct SketchScheme {
  static constexpr std::uint32_t kNumber = 1;
  static constexpr unsigned kExactBits = 6;
  static constexpr unsigned kSubBits = 5;
  static constexpr unsigned kTopBits = 38;
  static constexpr std::uint32_t kOverflow =
      (1U << kExactBits) + ((kTopBits - kExactBits) << kSubBits);
  static constexpr std::uint32_t kBuckets = kOverflow + 1;
  static constexpr std::uint32_t kPageBuckets = 128;
  static constexpr std::uint32_t kPages = (kBuckets + kPageBuckets - 1) / kPageBuckets;

  [[nodiscard]] static constexpr std::uint32_t bucket_of(std::uint64_t ns) {
    if (ns < (1U << kExactBits)) return static_cast<std::uint32_t>(ns);
    const auto exponent = static_cast<unsigned>(63 - std::countl_zero(ns));
    if (exponent >= kTopBits) return kOverflow;
    const auto sub =
        static_cast<std::uint32_t>(ns >> (exponent - kSubBits)) & ((1U << kSubBits) - 1);
    return (1U << kExactBits) + ((exponent - kExactBits) << kSubBits) + sub;
  }

  /// The smallest duration of a bucket.
  [[nodiscard]] static constexpr std::uint64_t low(std::uint32_t bucket) {
    if (bucket < (1U << kExactBits)) return bucket;
    const std::uint32_t i = bucket - (1U << kExactBits);
    const unsigned exponent = kExactBits + (i >> kSubBits);
    const std::uint64_t sub = i & ((1U << kSubBits) - 1);
    return (std::uint64_t{1} << exponent) + (sub << (exponent - kSubBits));
  }

  /// The smallest duration beyond a bucket; of the overflow bucket, the largest number.
  [[nodiscard]] static constexpr std::uint64_t end(std::uint32_t bucket) {
    return bucket >= kOverflow ? UINT64_MAX : low(bucket + 1);
  }
};

/// One bucket and how often it was hit: the sparse form of a sketch.
struct BucketCount {
  std::uint32_t bucket = 0;
  std::uint32_t count = 0;
};

/// Counts of durations in SketchScheme's buckets, kept in pages that exist only once touched
/// (512 bytes each, at most nine). Merging is addition; a percentile is within 2 % of the value
/// at rank ceil(q x n).
///
/// A bucket holds at most 2^32 - 1 and stays there.
/// Threading: distinct objects are independent; one object belongs to one thread at a time.
class LatencySketch {
 public:
  LatencySketch() = default;
  LatencySketch(const LatencySketch& other) { merge(other); }
  LatencySketch& operator=(const LatencySketch& other);
  LatencySketch(LatencySketch&&) noexcept = default;
  LatencySketch& operator=(LatencySketch&&) noexcept = default;
  ~LatencySketch() = default;

  void add(std::uint64_t duration_ns) { add_to_bucket(SketchScheme::bucket_of(duration_ns), 1); }
  void add_to_bucket(std::uint32_t bucket, std::uint32_t count);
  void merge(const LatencySketch& other);

  [[nodiscard]] std::uint64_t total() const;
  [[nodiscard]] std::uint32_t count(std::uint32_t bucket) const;

  /// `visit(bucket, count)` for each bucket that was hit, in ascending order.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::uint32_t p = 0; p < SketchScheme::kPages; ++p) {
      if (!pages_[p]) continue;
      for (std::uint32_t i = 0; i < SketchScheme::kPageBuckets; ++i) {
        if ((*pages_[p])[i] != 0) visit(p * SketchScheme::kPageBuckets + i, (*pages_[p])[i]);
      }
    }
  }

  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  using Page = std::array<std::uint32_t, SketchScheme::kPageBuckets>;
  std::array<std::unique_ptr<Page>, SketchScheme::kPages> pages_;

  friend struct SketchPercentiles;
};

/// What a row shows of its sketch, in nanoseconds.
struct Percentiles {
  std::uint64_t p50_ns = 0;
  std::uint64_t p95_ns = 0;
  std::uint64_t p99_ns = 0;
};

/// p50, p95 and p99 by nearest rank, each clamped to [min_ns, max_ns], in one walk.
/// Of an empty sketch: zeros.
[[nodiscard]] Percentiles percentiles(const LatencySketch& sketch, std::uint64_t min_ns,
                                      std::uint64_t max_ns);

/// The same from a sparse, ascending list.
[[nodiscard]] Percentiles percentiles(std::span<const BucketCount> buckets, std::uint64_t min_ns,
                                      std::uint64_t max_ns);

}  // namespace gpuvigil
