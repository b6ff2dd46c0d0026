// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "model/metric_id.h"

namespace gpuvigil {

/// What metrics of a unit end with outside: Prometheus speaks of ratios and hertz. Empty: plain
/// counts and flags.
[[nodiscard]] constexpr std::string_view base_unit(Unit unit) {
  switch (unit) {
    case Unit::kPercent:
      return "ratio";
    case Unit::kBytes:
      return "bytes";
    case Unit::kCelsius:
      return "celsius";
    case Unit::kWatts:
      return "watts";
    case Unit::kJoules:
      return "joules";
    case Unit::kMegahertz:
      return "hertz";
    case Unit::kSeconds:
      return "seconds";
    case Unit::kCount:
    case Unit::kFlag:
      return "";
  }
  return "";
}

}  // namespace gpuvigil
