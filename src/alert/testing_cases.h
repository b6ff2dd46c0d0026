// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace gpuvigil::testing {

/// One script of looks and what must come of it. Looks, a second apart: H above the threshold, M
/// below it and above where it clears, L below both, ? no data; R: killed and started again, which
/// takes no time. The drawing: - idle, p pending, f firing, ! fired here, . resolved here.
struct LifeCase {
  int fire;  ///< Seconds before firing.
  int keep;  ///< Seconds before resolving.
  std::string_view looks;
  std::string_view want;
};

[[nodiscard]] std::span<const LifeCase> life_cases();

}  // namespace gpuvigil::testing
