// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "model/window.h"

namespace gpuvigil {

/// A step with what its series are sorted by: a number that is each series' own for ever.
struct LadderStep {
  std::shared_ptr<const WindowDelta> delta;
  std::shared_ptr<const std::vector<std::uint64_t>> order;  ///< Ascending, one for each series.

  [[nodiscard]] std::size_t memory_bytes() const {
    return delta->memory_bytes() + order->capacity() * sizeof(std::uint64_t);
  }
};

/// Both steps as one; `later` follows `earlier`.
[[nodiscard]] LadderStep merge_steps(const LadderStep& earlier, const LadderStep& later);

/// Keeps the recent past in steps that grow coarser with age:
///
///   ... [1 min] [1 min] [10 s] [10 s] [10 s] [1 s] [1 s] [1 s] now
///
/// A step that leaves its rung is merged into the newest of the next one, so the work of an edge is
/// a merge or two, never ten at once. A rung that is over its share of the memory passes steps on
/// early; the last one first merges its oldest (up to ten minutes a step), then drops them:
/// coarser before dropped.
///
/// Threading: one thread; the steps it hands out are immutable and may be read from any.
class LadderBuilder {
 public:
  explicit LadderBuilder(std::size_t max_bytes = std::size_t{32} << 20U);

  /// What changed between two edges; follows the last one without a hole.
  void push(LadderStep step);

  /// All steps, oldest first.
  [[nodiscard]] std::shared_ptr<const WindowLadder> ladder() const { return ladder_; }

  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Rung {
    Duration width;    ///< Steps that begin in the same multiple of it are merged.
    std::size_t keep;  ///< At most so many.
    double share;      ///< Of the memory.
    std::deque<LadderStep> steps;
    std::size_t bytes = 0;
  };

  void put(std::size_t rung, LadderStep step);
  [[nodiscard]] static bool merge_oldest_pair(Rung& rung);
  void shrink_last();
  [[nodiscard]] bool over(const Rung& rung) const;
  [[nodiscard]] static LadderStep pop_oldest(Rung& rung);

  std::size_t max_bytes_;
  std::array<Rung, 3> rungs_;  ///< Fine to coarse.
  std::shared_ptr<const WindowLadder> ladder_;
};

}  // namespace gpuvigil
