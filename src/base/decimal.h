// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gpuvigil {

/// A decimal number as it stands in a file ("1712195495505583.125", "-5", "1e3") times
/// 10^`scale_digits`, rounded half to even, exactly: no double is involved. Nothing when the text
/// is no decimal number or the result does not fit.
///
/// parse_scaled("12.3456", 3) is 12346: microseconds with decimals in, nanoseconds out.
[[nodiscard]] std::optional<std::int64_t> parse_scaled(std::string_view text, int scale_digits);

}  // namespace gpuvigil
