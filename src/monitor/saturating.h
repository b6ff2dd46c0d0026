// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>

#include "base/clock.h"

namespace gpuvigil {

/// a + b, held at the ends of the range: times in files may be anything.
[[nodiscard]] inline std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? std::numeric_limits<std::int64_t>::max()
               : std::numeric_limits<std::int64_t>::min();
}

[[nodiscard]] inline Timestamp saturating_add(Timestamp at, Duration by) {
  return from_unix_ns(saturating_add(to_unix_ns(at), by.count()));
}

}  // namespace gpuvigil
