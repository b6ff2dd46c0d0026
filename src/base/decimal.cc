// SPDX-License-Identifier: Apache-2.0
#include "base/decimal.h"

#include <charconv>

namespace gpuvigil {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// The digits of a number without their point: value = digits x 10^exponent.
struct Scanned {
  std::uint64_t digits = 0;
  int exponent = 0;
  int significant = 0;
  bool sticky = false;   ///< Digits beyond the 19th were not all zero.
  bool dropped = false;  ///< There were digits beyond the 19th.
  int next_digit = 0;    ///< The first digit that found no room.
  bool negative = false;
};

constexpr int kMaxDigits = 19;  // 10^19 - 1 fits in 64 bits

void take_digit(Scanned& number, char c, bool fraction) {
  if (number.significant < kMaxDigits) {
    number.digits = number.digits * 10 + static_cast<std::uint64_t>(c - '0');
    if (number.digits != 0) ++number.significant;
    if (fraction) --number.exponent;
    return;
  }
  if (!number.dropped) {
    number.next_digit = c - '0';
    number.dropped = true;
  } else if (c != '0') {
    number.sticky = true;
  }
  if (!fraction) ++number.exponent;
}

std::optional<Scanned> scan(std::string_view text) {
  Scanned number;
  std::size_t i = 0;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) number.negative = text[i++] == '-';
  bool any = false;
  for (; i < text.size() && is_digit(text[i]); ++i, any = true) take_digit(number, text[i], false);
  if (i < text.size() && text[i] == '.') {
    for (++i; i < text.size() && is_digit(text[i]); ++i, any = true) {
      take_digit(number, text[i], true);
    }
  }
  if (!any) return std::nullopt;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && text[i] == '+') ++i;
    int exponent = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + text.size(), exponent);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    if (exponent > 1000 || exponent < -1000) exponent = exponent > 0 ? 1000 : -1000;
    number.exponent += exponent;
    i = text.size();
  }
  if (i != text.size()) return std::nullopt;
  return number;
}

/// digits x 10^exponent for exponent < 0, half to even, the dropped digits counted.
std::uint64_t divide_rounded(const Scanned& number) {
  std::uint64_t value = number.digits;
  int last = number.next_digit;
  bool rest = number.sticky;
  for (int e = number.exponent; e < 0; ++e) {
    rest = rest || last != 0;
    last = static_cast<int>(value % 10);
    value /= 10;
    if (value == 0 && e < -kMaxDigits - 2) return 0;
  }
  const bool up = last > 5 || (last == 5 && (rest || (value & 1U) != 0));
  return value + (up ? 1 : 0);
}

}  // namespace

std::optional<std::int64_t> parse_scaled(std::string_view text, int scale_digits) {
  auto number = scan(text);
  if (!number) return std::nullopt;
  if (number->digits == 0) return 0;
  number->exponent += scale_digits;

  std::uint64_t magnitude = 0;
  if (number->exponent < 0) {
    magnitude = divide_rounded(*number);
  } else {
    if (number->dropped) return std::nullopt;  // 20 significant digits before the point
    magnitude = number->digits;
    for (int e = 0; e < number->exponent; ++e) {
      if (magnitude > UINT64_MAX / 10) return std::nullopt;
      magnitude *= 10;
    }
  }
  if (magnitude > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
  const auto value = static_cast<std::int64_t>(magnitude);
  return number->negative ? -value : value;
}

}  // namespace gpuvigil
