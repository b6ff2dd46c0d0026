// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "base/clock.h"
#include "model/window.h"

namespace gpuvigil {

/// The recent past of one number, in at most sixty-two parts over two windows.
///
/// Threading: one thread, the engine's.
class Lookback {
 public:
  /// Requires over > 0.
  explicit Lookback(Duration over) : over_(over), width_(over / kParts) {}

  /// Times do not go back.
  void add(Timestamp at, double value);

  /// Growth of a counter over the window, whatever its restarts; nothing before there are two
  /// readings. With less past than a window: since the first one.
  [[nodiscard]] std::optional<double> increase(Timestamp now) const;
  /// The same a second; nothing before half a window was seen.
  [[nodiscard]] std::optional<double> rate(Timestamp now) const;
  /// The mean over the window less that over the one before; nothing where either has less than
  /// half of its parts.
  [[nodiscard]] std::optional<double> change(Timestamp now, bool relative) const;
  /// How much the least value rose from the first sixth of the window to the last, if it rose in
  /// each of them, else 0. Nothing before a whole window was seen.
  [[nodiscard]] std::optional<double> growth(Timestamp now) const;

 private:
  static constexpr std::int64_t kParts = 30;

  struct Part {
    std::int64_t number = 0;  ///< Its begin over the width.
    Timestamp first_at{};
    double first_total = 0;  ///< What the counter had grown by, at its first reading.
    double last_total = 0;
    double sum = 0;
    double least = 0;
    std::uint32_t count = 0;
  };

  /// The mean of the parts that begin in [from, to).
  [[nodiscard]] std::optional<double> mean(Timestamp from, Timestamp to) const;
  /// The first part that is wholly or partly in the window; end() when there is none.
  [[nodiscard]] std::deque<Part>::const_iterator window_begin(Timestamp now) const;

  Duration over_;
  Duration width_;
  std::deque<Part> parts_;  ///< Oldest first.
  std::optional<double> last_;
  double total_ = 0;  ///< Growth so far.
};

/// The recent past of one kernel on one device.
///
/// Threading: one thread, the engine's.
class KernelLookback {
 public:
  /// What it did in a window.
  struct Sum {
    KernelCounters counters;
    Percentiles percentiles;
  };

  /// Requires over > 0.
  explicit KernelLookback(Duration over) : over_(over), width_(over / kParts) {}

  void add(Timestamp at, const KernelCounters& counters, std::span<const BucketCount> buckets);

  /// Of [now - over, now), or of the window before; `with_times` reckons the percentiles.
  [[nodiscard]] Sum sum(Timestamp now, bool before, bool with_times) const;
  /// True when both windows are empty.
  [[nodiscard]] bool is_idle(Timestamp now);

 private:
  static constexpr std::int64_t kParts = 10;

  struct Part {
    std::int64_t number = 0;
    KernelCounters counters;
    std::map<std::uint32_t, std::uint32_t> buckets;
  };

  void forget(Timestamp now);

  Duration over_;
  Duration width_;
  std::deque<Part> parts_;
};

}  // namespace gpuvigil
