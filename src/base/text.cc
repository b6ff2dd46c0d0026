// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

namespace gpuvigil {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

constexpr bool is_plain_ascii(unsigned char c) {
  return c >= 0x20 && c < 0x7F;
}

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

}  // namespace

bool is_harmless(char32_t c) {
  const bool acts = c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) ||
                    (c >= 0x2066 && c <= 0x2069) || c == 0x2028 || c == 0x2029 || c == 0x200E ||
                    c == 0x200F;
  return !acts;
}

Utf8Char first_char(std::string_view bytes) {
  const auto at = [&](std::size_t i) -> std::uint32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U;
  };
  const auto tail = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const std::uint32_t b = at(0);
  if (b < 0x80) return {bytes.empty() ? 0U : 1U, b};
  if (b >= 0xC2 && b < 0xE0 && tail(1)) return {2, ((b & 0x1FU) << 6U) | (at(1) & 0x3FU)};
  if (b >= 0xE0 && b < 0xF0 && tail(1) && tail(2)) {
    const char32_t c = ((b & 0x0FU) << 12U) | ((at(1) & 0x3FU) << 6U) | (at(2) & 0x3FU);
    if (c >= 0x800 && (c < 0xD800 || c > 0xDFFF)) return {3, c};
  }
  if (b >= 0xF0 && b < 0xF5 && tail(1) && tail(2) && tail(3)) {
    const char32_t c =
        ((b & 0x07U) << 18U) | ((at(1) & 0x3FU) << 12U) | ((at(2) & 0x3FU) << 6U) | (at(3) & 0x3FU);
    if (c >= 0x10000 && c <= 0x10FFFF) return {4, c};
  }
  return {0, 0};
}

bool is_clean_text(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size()) {
    if (is_plain_ascii(static_cast<unsigned char>(bytes[i]))) {
      ++i;
      continue;
    }
    const Utf8Char c = first_char(bytes.substr(i));
    if (c.length == 0 || !is_harmless(c.value)) return false;
    i += c.length;
  }
  return true;
}

std::string clean_text(std::string_view bytes) {
  if (is_clean_text(bytes)) return std::string(bytes);
  std::string out;
  out.reserve(bytes.size() + 16);
  std::size_t i = 0;
  while (i < bytes.size()) {
    const Utf8Char c = first_char(bytes.substr(i));
    if (c.length == 0 || !is_harmless(c.value)) {
      out += kReplacement;
    } else {
      out += bytes.substr(i, c.length);
    }
    i += std::max<std::size_t>(c.length, 1);
  }
  return out;
}

std::string_view truncate_utf8(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  std::size_t end = max_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  constexpr std::size_t kLongest = 64;
  if (a.size() > kLongest || b.size() > kLongest) return std::max(a.size(), b.size());
  std::array<std::size_t, kLongest + 1> row{};
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replace});
    }
  }
  return row[b.size()];
}

}  // namespace gpuvigil
