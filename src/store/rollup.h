// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"

namespace gpuvigil {

/// A sum of decimals that is a decimal again: 0.1 + 0.2 is 0.3, and takes two bytes in a column.
/// What has no exact sum is summed as floating point.
class DecimalSum {
 public:
  void add(double value);
  [[nodiscard]] double value() const;

 private:
  std::int64_t number_ = 0;
  unsigned exponent_ = 0;
  double rest_ = 0;
};

/// What is kept of the values of one series in one step.
struct RollupRecord {
  double count = 0;  ///< Raw values, whatever they were rolled up into meanwhile.
  double min = 0;
  double max = 0;
  double last = 0;
  double sum = 0;
};

/// The columns of a record, in this order.
enum RollupColumn : std::size_t { kCount, kMin, kMax, kLast, kSum };
inline constexpr std::size_t kRollupColumns = 5;

/// The values of every series in the step of time that runs, on their way into one record each.
///
/// Threading: one thread.
class Rollup {
 public:
  explicit Rollup(Duration width) : width_(width) {}

  /// The start of the step in which `at` lies.
  [[nodiscard]] Timestamp step_of(Timestamp at) const;

  /// The step that is over once `at` has come; nothing while it runs, or without a value.
  [[nodiscard]] std::optional<Timestamp> finished_by(Timestamp at) const;

  void add(Timestamp at, std::size_t series, double value);
  /// A record of a finer step. Requires record.count > 0.
  void add(Timestamp at, std::size_t series, const RollupRecord& record);

  /// The records of all series, kRollupColumns columns each, absent for those without a value;
  /// begins anew.
  void take(std::vector<double>& row);

  [[nodiscard]] RollupRecord record_of(std::size_t series) const;
  [[nodiscard]] std::size_t series() const { return parts_.size(); }

 private:
  struct Part {
    double count = 0;
    double min = 0;
    double max = 0;
    double last = 0;
    DecimalSum sum;
  };
  Part& part(Timestamp at, std::size_t series);

  Duration width_;
  std::optional<Timestamp> step_;
  std::vector<Part> parts_;
};

}  // namespace gpuvigil
