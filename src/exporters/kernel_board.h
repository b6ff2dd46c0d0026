// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "model/frame.h"

namespace gpuvigil {

inline constexpr std::size_t kKernelKinds = 4;

/// Which kernels are told by name to systems that keep a series for each, and what all others come
/// to. Programs choose names of kernels; series of a database are not theirs to make.
///
/// Counters of what is shown only ever grow: a kernel that joins the board begins there with what
/// it does from now on, what it did before stays in `others`, and it keeps its place until the
/// monitor forgets it. So a rate over any series is true, and the sum over all of them is exact.
///
/// Threading: one thread.
class KernelBoard {
 public:
  /// A kernel that is told by name.
  struct Entry {
    std::shared_ptr<const KernelName> name;
    KernelKind kind = KernelKind::kCompute;
    std::uint64_t base_calls = 0;  ///< Told under `others`, before it joined.
    std::uint64_t base_ns = 0;
    std::uint64_t calls = 0;  ///< Since it joined.
    std::uint64_t sum_ns = 0;
    Percentiles percentiles;  ///< Of all of its executions.
    std::uint32_t row = 0;    ///< Where it stood in the last frame.
  };

  struct Total {
    std::uint64_t calls = 0;
    std::uint64_t sum_ns = 0;
    bool is_there = false;  ///< Kernels of that kind have ever run.
  };

  /// The `top` by total time join; at most four times as many have a place. Requires top > 0.
  explicit KernelBoard(std::size_t top) : top_(top) {}

  /// Takes an edge. Frames come in their order; some may be left out.
  void update(const Frame& frame);

  [[nodiscard]] const std::deque<Entry>& entries() const { return entries_; }
  /// By kind: everything that is not in an entry.
  [[nodiscard]] const std::array<Total, kKernelKinds>& others() const { return others_; }
  /// How many kernels are told under `others`.
  [[nodiscard]] std::size_t left_out() const { return left_out_; }
  /// Grows when entries came or went.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }

 private:
  void refresh_entries(const Frame& frame);
  void admit(const Frame& frame);

  const std::size_t top_;
  std::deque<Entry> entries_;
  std::array<Total, kKernelKinds> others_{};
  std::size_t left_out_ = 0;
  std::uint64_t generation_ = 1;
  std::vector<std::uint32_t> candidates_;  ///< Of admit(); kept for its memory.
  std::vector<bool> is_listed_;            ///< By row.
};

}  // namespace gpuvigil
