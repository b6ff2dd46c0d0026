// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/zstd.h"

namespace gpuvigil {

/// Stands in a column where there is no value: a NaN that no device and no arithmetic makes.
inline constexpr std::uint64_t kAbsentBits = 0x7FF8'6E6F'6E65'0001;

[[nodiscard]] inline double absent_value() {
  return std::bit_cast<double>(kAbsentBits);
}
[[nodiscard]] inline bool is_absent(double value) {
  return std::bit_cast<std::uint64_t>(value) == kAbsentBits;
}

/// A value as a whole number over a power of ten; exact to the bit when divided again.
struct ScaledValue {
  std::int64_t number = 0;
  unsigned exponent = 0;  ///< 0 to kMaxExponent.
};

inline constexpr unsigned kMaxExponent = 9;

/// The number that makes `value` when divided by 10^exponent, if there is one of less than 2^50.
[[nodiscard]] bool scale_value(double value, unsigned exponent, std::int64_t& number);
[[nodiscard]] double unscale_value(std::int64_t number, unsigned exponent);

/// One column of a segment: values of one series, one after the other, as bytes, and back with
/// every bit. NaNs, infinities and -0 come back as they were.
///
///   all absent, or all equal    a few bytes
///   decimals                    whole numbers; the smaller of themselves and their differences, by
///                               planes of bytes, packed
///   anything else               each XORed with the last, by planes of bytes, packed
///
/// Where some values are absent, a bit for each stands in front.
/// Threading: one thread at a time.
class ColumnCodec {
 public:
  /// Appends the column to `out`.
  void pack(std::span<const double> values, std::string& out);

  /// Fills `values`, whose size is how many were packed.
  /// Errors: kCorrupt.
  [[nodiscard]] Result<void> unpack(std::string_view packed, std::span<double> values);

 private:
  [[nodiscard]] bool scale_all(std::span<const double> present);
  void put_decimals(std::string& out);
  void put_bits(std::span<const double> present);
  void put_planes(std::span<const std::uint64_t> words, unsigned planes);
  void finish(std::string& out);

  ZstdCodec zstd_;
  unsigned exponent_ = 0;
  std::vector<double> present_;
  std::vector<std::int64_t> numbers_;
  std::vector<std::uint64_t> words_;
  std::string plain_;
};

}  // namespace gpuvigil
