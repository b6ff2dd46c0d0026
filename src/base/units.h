// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

namespace gpuvigil {

/// A number that knows its unit; two units never mix, and a bare number never slips in.
template <class Tag, class Rep>
class Quantity {
 public:
  constexpr Quantity() = default;
  explicit constexpr Quantity(Rep value) : value_(value) {}
  [[nodiscard]] constexpr Rep count() const { return value_; }

  friend constexpr auto operator<=>(const Quantity&, const Quantity&) = default;
  constexpr Quantity& operator+=(Quantity other) {
    value_ += other.value_;
    return *this;
  }
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return a += b; }

 private:
  Rep value_{};
};

using Bytes = Quantity<struct BytesTag, std::uint64_t>;
using Percent = Quantity<struct PercentTag, double>;  ///< 0 to 100.
using Celsius = Quantity<struct CelsiusTag, double>;
using Watts = Quantity<struct WattsTag, double>;
using Megahertz = Quantity<struct MegahertzTag, std::uint32_t>;

inline constexpr double kBytesPerMebibyte = 1024.0 * 1024.0;

/// `_mb` of the API is MiB, as GPU tools mean it.
[[nodiscard]] constexpr double to_mebibytes(Bytes bytes) {
  return static_cast<double>(bytes.count()) / kBytesPerMebibyte;
}

}  // namespace gpuvigil
