// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <initializer_list>
#include <span>
#include <utility>
#include <vector>

#include "exporters/metric_family.h"

namespace gpuvigil {

/// Families whose series are rows of one list, each with its own labels.
///
/// Use: begin(), add() for each row, end(). Labels that are what they were cost a comparison.
/// Threading: one thread.
class MetricRows {
 public:
  explicit MetricRows(std::vector<FamilyHead> heads);

  void begin() { used_ = 0; }
  /// The next row. `values` has one for each family.
  void add(Labels labels, std::span<const MetricValue> values);
  void add(Labels labels, std::initializer_list<MetricValue> values) {
    add(std::move(labels), std::span(values.begin(), values.size()));
  }
  void end();

  [[nodiscard]] std::span<const MetricFamily> families() const { return families_; }

 private:
  std::deque<Labels> labels_;  ///< Series point into it.
  std::vector<MetricFamily> families_;
  std::size_t used_ = 0;
  bool changed_ = false;
};

}  // namespace gpuvigil
