// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/clock.h"

namespace gpuvigil {

/// How long something was going on: the exact length of the union of intervals that come in any
/// order, overlap at will and may reach into the future.
///
/// Kept as sorted disjoint runs, with a buffer of late ones that is sorted and merged in when it
/// is full or asked about. With more runs than its limit the older half becomes a sum: what begins
/// before that *horizon* afterwards is clipped to it and counted as inexact, and the length is a
/// lower bound from then on.
///
/// Cost: constant for intervals that come by start, amortised O(log n) otherwise.
/// Threading: one thread.
class IntervalUnion {
 public:
  static constexpr std::size_t kBytesPerRun = 16;

  /// Keeps at most `limit` runs (kBytesPerRun each); at least 16.
  explicit IntervalUnion(std::size_t limit);

  /// [from, to); nothing when it is empty or reversed.
  void add(Timestamp from, Timestamp to);

  /// Length of the part of the union before `t`, in ns. Never falls as `t` grows, and never grows
  /// faster than it. Before the horizon it is interpolated between a few remembered points.
  [[nodiscard]] std::uint64_t length_until(Timestamp t);

  /// The end of the newest run that begins before `t`, at most `t`; nothing without one.
  [[nodiscard]] std::optional<Timestamp> last_end_until(Timestamp t);

  /// Intervals that were clipped because they came too late.
  [[nodiscard]] std::uint64_t inexact() const { return inexact_; }

  /// Every time told so far is later by `by`.
  void shift(Duration by);

  /// A new limit, as for the constructor; seals at once what is over it.
  void set_limit(std::size_t limit);

  [[nodiscard]] std::size_t memory_bytes() const {
    return (runs_.capacity() + late_.capacity()) * kBytesPerRun;
  }

 private:
  struct Run {
    std::int64_t from;
    std::int64_t to;
  };
  /// The length of the union before `at`, all of which is sealed.
  struct Point {
    std::int64_t at;
    std::uint64_t length;
  };

  void append(Run run);
  void add_late(Run run);
  void merge_late();
  void coalesce_from(std::size_t first);
  void seal_older_half();
  void seek(std::int64_t t);
  [[nodiscard]] std::uint64_t sealed_until(std::int64_t t) const;

  std::size_t max_runs_ = 0;
  std::size_t max_late_ = 0;
  std::vector<Run> runs_;  ///< Ascending, disjoint, not touching.
  std::vector<Run> late_;  ///< In order of arrival; begin before the last run.

  /// A place in runs_ and the summed length of all runs before it.
  std::size_t cursor_ = 0;
  std::uint64_t cursor_sum_ = 0;

  std::deque<Point> points_;  ///< Ascending; the last one is the horizon. Empty: nothing sealed.
  std::uint64_t inexact_ = 0;
};

}  // namespace gpuvigil
