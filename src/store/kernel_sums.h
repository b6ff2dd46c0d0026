// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <tuple>

#include "base/clock.h"
#include "model/kernel.h"
#include "model/latency_sketch.h"

namespace gpuvigil {

/// Whose executions are summed: a kernel on a device.
struct KernelSeriesId {
  std::uint64_t kernel = 0;  ///< KernelName::id.
  KernelKind kind = KernelKind::kCompute;
  std::uint32_t device = 0;  ///< Its number in the store.

  friend auto operator<=>(const KernelSeriesId&, const KernelSeriesId&) = default;
};

/// What one series did in some time. Merging is addition, of the sketch too.
struct KernelSum {
  std::shared_ptr<const KernelName> name;  ///< Null: only its number is known.
  KernelCounters counters;
  Timestamp last_end = Timestamp::min();
  LatencySketch sketch;

  void merge(const KernelSum& other);
};

/// What every series did in some time. There are never more than twice `most` of them for long:
/// those with the least time are summed under __other__ of their kind and device, so totals stay
/// exact.
///
/// Threading: one thread.
class KernelSums {
 public:
  using Map = std::map<KernelSeriesId, KernelSum>;

  explicit KernelSums(std::size_t most) : most_(most) {}

  /// Somebody looked from then to then, whatever ran. `from` below `to`, or equal.
  void cover(Timestamp from, Timestamp to);

  /// The sum of one series, to add to. Valid until the next call.
  KernelSum& at(const KernelSeriesId& id);

  void merge(const KernelSums& other);

  /// Leaves at most so many series, those of __other__ not counted.
  void fold_to(std::size_t most);

  void clear();

  [[nodiscard]] const Map& sums() const { return sums_; }
  [[nodiscard]] std::optional<Timestamp> from() const { return from_; }
  [[nodiscard]] Timestamp to() const { return to_; }  ///< Where there is a from().

 private:
  std::size_t most_;
  Map sums_;
  std::optional<Timestamp> from_;
  Timestamp to_{};
};

/// The name under which the rest is summed.
[[nodiscard]] const std::shared_ptr<const KernelName>& other_kernels();

}  // namespace gpuvigil
