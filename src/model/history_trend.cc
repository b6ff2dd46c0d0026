// SPDX-License-Identifier: Apache-2.0
#include "model/history_trend.h"

#include <cmath>

namespace gpuvigil {

HistoryTrend trend_of(std::span<const double> values, Duration step) {
  constexpr std::chrono::duration<double> kHour = std::chrono::hours(1);
  double n = 0;
  double sum_x = 0;
  double sum_y = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    ++n;
    sum_x += static_cast<double>(i);
    sum_y += values[i];
  }
  if (n < 3) return {};
  double xx = 0;
  double xy = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    const double x = static_cast<double>(i) - sum_x / n;
    xx += x * x;
    xy += x * (values[i] - sum_y / n);
  }
  return {.slope_per_hour = xy / xx * (kHour / step)};
}

}  // namespace gpuvigil
