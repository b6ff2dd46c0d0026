// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "trace/bracket_scan.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace gpuvigil {

/// How many bytes behind a piece of JSON text must be readable, whatever they are, for the
/// functions here: they look at whole blocks.
inline constexpr std::size_t kJsonPadding = kScanBlock;

/// One member of a JSON object, as it stands in the text.
struct JsonField {
  std::string_view key;    ///< Without its quotes, escapes untouched.
  std::string_view value;  ///< Raw: a string has its quotes, a container all of its text.
};

/// Walks the members of one JSON object whose extent is known, without looking into containers.
/// Tolerant: any run of characters is a scalar ("NaN"), commas may be missing or trailing.
///
///   for (JsonField field; walk.next(field);) ...
///   if (walk.broken()) ...
class ObjectWalker {
 public:
  /// `object` begins with '{' and ends with its bracket, followed by kJsonPadding readable bytes.
  explicit ObjectWalker(std::string_view object)
      : at_(object.data() + 1), end_(object.data() + object.size()) {}

  /// False at the end, or where the text is no member.
  [[nodiscard]] bool next(JsonField& field);

  /// True when next() gave up before the end.
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  bool give_up() {
    broken_ = true;
    return false;
  }

  const char* at_;
  const char* end_;
  bool broken_ = false;
};

[[nodiscard]] constexpr bool is_json_blank(char c) {
  return static_cast<unsigned char>(c) <= 0x20;
}
[[nodiscard]] constexpr bool ends_json_scalar(char c) {
  return is_json_blank(c) || c == ',' || c == '}' || c == ']' || c == ':' || c == '{' || c == '[';
}

/// The first byte of [at, end) that is no blank, or end. Control characters count as blanks.
[[nodiscard]] inline const char* skip_json_blanks(const char* at, const char* end);

/// The quote that ends the string whose first character is at `at`, or end.
[[nodiscard]] inline const char* find_json_quote(const char* at, const char* end);

/// The text of a scalar that `region` begins with.
[[nodiscard]] inline std::string_view json_scalar(std::string_view region) {
  std::size_t size = 0;
  while (size < region.size() && !ends_json_scalar(region[size])) ++size;
  return region.substr(0, size);
}

/// The value that `region` begins with: itself, or the scalar without what follows it.
[[nodiscard]] inline std::string_view json_value(std::string_view region) {
  const bool bounded =
      !region.empty() && (region[0] == '"' || region[0] == '{' || region[0] == '[');
  return bounded ? region : json_scalar(region);
}

/// The text without the quotes around it, if it has any.
[[nodiscard]] constexpr std::string_view unquoted(std::string_view raw) {
  const bool quoted = raw.size() >= 2 && raw.front() == '"' && raw.back() == '"';
  return quoted ? raw.substr(1, raw.size() - 2) : raw;
}

/// What a raw string or scalar says: without quotes and with its escapes decoded, at most
/// `max_bytes` of it. Lone surrogates and broken escapes become U+FFFD; bytes that are no UTF-8
/// pass. `null` is the empty string.
[[nodiscard]] std::string decode_json_text(std::string_view raw, std::size_t max_bytes);

/// A time in microseconds, as number or string, in nanoseconds: exact, rounded half to even.
/// Nothing for what is no number or does not fit.
[[nodiscard]] std::optional<std::int64_t> parse_microseconds(std::string_view raw);

/// The same of the value that `region` begins with, followed by kJsonPadding readable bytes:
/// faster, because nobody has to look for its end before.
[[nodiscard]] std::optional<std::int64_t> parse_microseconds_at(std::string_view region);

/// A non-negative whole number, as number or string.
[[nodiscard]] std::optional<std::uint64_t> parse_count(std::string_view raw);

inline const char* skip_json_blanks(const char* at, const char* end) {
  if (at < end && !is_json_blank(*at)) return at;
#if defined(__SSE2__)
  const __m128i smallest = _mm_set1_epi8(0x21);
  for (; at < end; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const int solid = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(bytes, smallest), bytes));
    if (solid != 0) {
      at += __builtin_ctz(static_cast<unsigned>(solid));
      return at < end ? at : end;
    }
  }
  return end;
#else
  while (at < end && is_json_blank(*at)) ++at;
  return at;
#endif
}

inline const char* find_json_quote(const char* at, const char* end) {
  while (at < end) {
#if defined(__SSE2__)
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const int hits = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                                    _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
    if (hits == 0) {
      at += 16;
      continue;
    }
    at += __builtin_ctz(static_cast<unsigned>(hits));
    if (at >= end) break;
#endif
    if (*at == '"') return at;
    at += *at == '\\' ? 2 : 1;
  }
  return end;
}

}  // namespace gpuvigil
