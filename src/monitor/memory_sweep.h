// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/frame.h"

namespace gpuvigil {

/// The memory of executions that carry it: all of it, and the most that was in use at once.
///
/// Executions with a start are swept over time, over all devices together; [start, end) is half
/// open. Those without one count as one after the other. Up to kMaxEdges starts and ends are kept,
/// which is exact for at least half as many executions that come in any order; beyond, the older
/// half becomes a level and a peak, and what starts before it is clipped: a lower bound then.
///
/// Threading: one thread.
class MemorySweep {
 public:
  static constexpr std::size_t kMaxEdges = 65'536;  ///< 24 bytes each: 1.5 MiB.

  explicit MemorySweep(std::size_t max_edges = kMaxEdges) : max_edges_(max_edges) {}

  /// One execution that carried `bytes`.
  void add(std::uint32_t device, std::optional<Timestamp> start, Timestamp end,
           std::uint64_t bytes);

  /// `executions` without a start, `bytes` together, the largest one `largest`.
  void add_many(std::uint64_t executions, std::uint64_t bytes, std::uint64_t largest);

  [[nodiscard]] MemoryReuse result();

  /// Executions that were clipped because they came too late.
  [[nodiscard]] std::uint64_t inexact() const { return inexact_; }

  /// Times of this device are later by `by`. What is already a level stays where it is.
  void rebase(std::uint32_t device, Duration by);

 private:
  struct Edge {
    std::int64_t at;
    std::int64_t change;  ///< Bytes; negative at an end.
    std::uint32_t device;
  };

  void settle();
  void seal_older_half();

  std::size_t max_edges_;
  std::vector<Edge> edges_;
  std::size_t sorted_ = 0;  ///< The first so many of edges_ are in order.
  bool changed_ = false;
  std::optional<std::int64_t> horizon_;
  std::int64_t level_ = 0;  ///< At the horizon.
  std::int64_t sealed_peak_ = 0;
  std::uint64_t inexact_ = 0;
  MemoryReuse result_;
  std::uint64_t largest_single_ = 0;
};

}  // namespace gpuvigil
