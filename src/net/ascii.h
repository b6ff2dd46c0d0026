// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace gpuvigil {

/// The words of protocols are ASCII and know no locale.
[[nodiscard]] constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

[[nodiscard]] constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, to_lower, to_lower);
}

[[nodiscard]] inline std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), to_lower);
  return out;
}

/// 0 to 15, or -1.
[[nodiscard]] constexpr int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// What names of fields and methods are made of (RFC 9110, 5.6.2).
[[nodiscard]] constexpr bool is_token_char(char c) {
  const char lower = to_lower(c);
  return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// Without spaces and tabs on either side.
[[nodiscard]] constexpr std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Calls `visit(element)` for each non-empty element of a comma-separated header value, trimmed.
template <class Visit>
constexpr void for_each_element(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::string_view part = list.substr(0, list.find(','));
    list.remove_prefix(std::min(part.size() + 1, list.size()));
    if (const std::string_view word = trim(part); !word.empty()) visit(word);
  }
}

/// True when the list ("keep-alive, Upgrade") holds the word, in any case.
[[nodiscard]] constexpr bool list_has(std::string_view list, std::string_view word) {
  bool found = false;
  for_each_element(list, [&](std::string_view element) {
    found = found || equals_ignoring_case(element, word);
  });
  return found;
}

}  // namespace gpuvigil
