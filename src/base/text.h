// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gpuvigil {

/// A character and how many bytes it takes; `length` 0 where the bytes are no well-formed UTF-8
/// (overlong, surrogate, beyond U+10FFFF, cut short).
struct Utf8Char {
  std::size_t length;
  char32_t value;
};

/// The character that `bytes` begin with.
[[nodiscard]] Utf8Char first_char(std::string_view bytes);

/// False for what can do something to a terminal or a line: control characters (C0, C1, DEL),
/// bidirectional overrides and marks, line and paragraph separators.
[[nodiscard]] bool is_harmless(char32_t c);

/// `bytes` as valid, printable UTF-8: every malformed sequence and every character that is
/// not harmless becomes U+FFFD. What is already clean comes back unchanged.
[[nodiscard]] std::string clean_text(std::string_view bytes);

/// True when clean_text would change nothing; much cheaper for plain ASCII.
[[nodiscard]] bool is_clean_text(std::string_view bytes);

/// Cuts valid UTF-8 to at most `max_bytes` without splitting a character.
[[nodiscard]] std::string_view truncate_utf8(std::string_view text, std::size_t max_bytes);

/// The known word nearest to `word` for "did you mean"; nothing when none is near.
template <class Range>
[[nodiscard]] std::optional<std::string_view> nearest_word(std::string_view word,
                                                           const Range& known);

/// Levenshtein distance; both at most 64 bytes, else the longer length.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

template <class Range>
std::optional<std::string_view> nearest_word(std::string_view word, const Range& known) {
  std::optional<std::string_view> best;
  std::size_t best_distance = word.size() / 3 + 2;
  for (const auto& candidate : known) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace gpuvigil
