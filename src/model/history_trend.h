// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/clock.h"
#include "model/history.h"

namespace gpuvigil {

/// How `values`, one every `step`, went; gaps (not a number) are left out.
[[nodiscard]] HistoryTrend trend_of(std::span<const double> values, Duration step);

}  // namespace gpuvigil
