// SPDX-License-Identifier: Apache-2.0
#include "exporters/metric_value.h"

#include <charconv>
#include <cmath>

#include "base/assert.h"

namespace gpuvigil {
namespace {

constexpr std::uint64_t kNsPerSecond = 1'000'000'000;

/// `whole` and `part` / 10^digits, without trailing zeros.
char* write_fixed(char* at, std::uint64_t whole, std::uint64_t part, unsigned digits) {
  at = std::to_chars(at, at + 20, whole).ptr;
  if (part == 0) return at;
  for (; part % 10 == 0; part /= 10) --digits;
  *at++ = '.';
  for (unsigned i = digits; i-- > 0; part /= 10) at[i] = static_cast<char>('0' + part % 10);
  return at + digits;
}

/// Nearly all readings are decimals of a few places: integer arithmetic writes those in a third of
/// the time that the shortest form of a double takes, and the check says when it is not so.
char* write_double(char* at, double value) {
  constexpr double kScale = 1e8;
  constexpr double kExact = 9007199254740992.0;  // 2^53
  const double size = std::abs(value);
  if (size < kExact && std::trunc(size) == size) {
    if (value < 0) *at++ = '-';
    return std::to_chars(at, at + 20, static_cast<std::uint64_t>(size)).ptr;
  }
  if (size * kScale < kExact) {
    const auto digits = static_cast<std::uint64_t>(size * kScale + 0.5);
    if (static_cast<double>(digits) / kScale == size) {
      if (value < 0) *at++ = '-';
      return write_fixed(at, digits / 100'000'000, digits % 100'000'000, 8);
    }
  }
  return std::to_chars(at, at + MetricValue::kMaxText, value).ptr;
}

}  // namespace

MetricValue MetricValue::number(double value) {
  MetricValue made;
  if (!std::isfinite(value)) return made;
  made.kind_ = Kind::kNumber;
  made.number_ = value;
  return made;
}

MetricValue MetricValue::ratio(double percent) {
  constexpr double kScale = 1e6;
  const double digits = std::round(percent * kScale);
  // 71.9 / 100 is not the double nearest to 0.719; what has a few places is moved as a decimal.
  const bool is_decimal = digits / kScale == percent;
  return number(is_decimal ? digits / (kScale * 100) : percent / 100);
}

double MetricValue::to_double() const {
  switch (kind_) {
    case Kind::kNothing:
      return 0;
    case Kind::kNumber:
      return number_;
    case Kind::kCount:
      return static_cast<double>(count_);
    case Kind::kNanoseconds:
      // Nanoseconds since 1970 have more digits than a double: whole seconds do not.
      return static_cast<double>(count_ / kNsPerSecond) +
             static_cast<double>(count_ % kNsPerSecond) / static_cast<double>(kNsPerSecond);
  }
  return 0;
}

char* MetricValue::write(char* at) const {
  switch (kind_) {
    case Kind::kNothing:
      break;
    case Kind::kNumber:
      return write_double(at, number_);
    case Kind::kCount:
      return std::to_chars(at, at + 20, count_).ptr;
    case Kind::kNanoseconds:
      return write_fixed(at, count_ / kNsPerSecond, count_ % kNsPerSecond, 9);
  }
  GPUVIGIL_ASSERT(is_there());
  return at;
}

}  // namespace gpuvigil
