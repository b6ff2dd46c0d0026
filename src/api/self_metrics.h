// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "api/system_json.h"
#include "exporters/metric_rows.h"

namespace gpuvigil {

/// What gpuvigil costs, refuses and loses itself, as metrics: the numbers of GET /api/v1/system.
///
/// Threading: one thread.
class SelfMetrics {
 public:
  SelfMetrics();

  void update(const SystemReport& report);

  /// Always the same objects.
  [[nodiscard]] std::vector<const MetricFamily*> families() const;

 private:
  MetricRows totals_;
  MetricRows routes_;
  MetricRows exports_;
  MetricRows fleet_;
};

}  // namespace gpuvigil
