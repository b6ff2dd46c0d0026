// SPDX-License-Identifier: Apache-2.0
#include "trace/json_text.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#include "base/decimal.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0U | code >> 6U);
    put(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    put(0xE0U | code >> 12U);
    put(0x80U | (code >> 6U & 0x3FU));
    put(0x80U | (code & 0x3FU));
  } else {
    put(0xF0U | code >> 18U);
    put(0x80U | (code >> 12U & 0x3FU));
    put(0x80U | (code >> 6U & 0x3FU));
    put(0x80U | (code & 0x3FU));
  }
}

/// The unit of a "\uXXXX" at `at`, which is then behind it; nothing where there is none.
std::optional<std::uint32_t> take_unit(std::string_view text, std::size_t& at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  std::uint32_t unit = 0;
  const char* const first = text.data() + at + 2;
  const auto [end, error] = std::from_chars(first, first + 4, unit, 16);
  if (error != std::errc() || end != first + 4) return std::nullopt;
  at += 6;
  return unit;
}

void append_unicode_escape(std::string& out, std::string_view text, std::size_t& at) {
  const auto unit = take_unit(text, at);
  if (!unit) {
    at = std::min(at + 2, text.size());
    out += kReplacement;
    return;
  }
  if (*unit < 0xD800 || *unit > 0xDFFF) return append_utf8(out, *unit);
  if (*unit < 0xDC00) {
    std::size_t behind = at;
    const auto low = take_unit(text, behind);
    if (low && *low >= 0xDC00 && *low <= 0xDFFF) {
      at = behind;
      return append_utf8(out, 0x10000 + ((*unit - 0xD800) << 10U) + (*low - 0xDC00));
    }
  }
  out += kReplacement;
}

/// Appends what the backslash at `at` begins, and goes behind it.
void append_escape(std::string& out, std::string_view text, std::size_t& at) {
  const char kind = at + 1 < text.size() ? text[at + 1] : '\0';
  if (kind == 'u') return append_unicode_escape(out, text, at);
  at = std::min(at + 2, text.size());
  switch (kind) {
    case '"':
    case '\\':
    case '/':
      out += kind;
      return;
    case 'b':
      out += '\b';
      return;
    case 'f':
      out += '\f';
      return;
    case 'n':
      out += '\n';
      return;
    case 'r':
      out += '\r';
      return;
    case 't':
      out += '\t';
      return;
    default:
      out += kReplacement;
      return;
  }
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// True when the eight bytes at `text` are digits.
bool eight_digits(const char* text) {
  constexpr std::uint64_t kHigh = 0xF0F0F0F0F0F0F0F0;
  std::uint64_t word = 0;
  std::memcpy(&word, text, sizeof(word));
  return ((word & kHigh) | ((word + 0x0606060606060606) & kHigh) >> 4U) == 0x3333333333333333;
}

/// Their value: neighbours are joined to pairs, pairs to fours, fours to eight.
std::uint64_t value_of_eight_digits(const char* text) {
  std::uint64_t word = 0;
  std::memcpy(&word, text, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  word &= 0x0F0F0F0F0F0F0F0F;
  word = word * 10 + (word >> 8U);
  word = ((word & 0x000000FF000000FF) * 0x000F424000000064 +
          (word >> 16U & 0x000000FF000000FF) * 0x0000271000000001) >>
         32U;
  return word;
}

}  // namespace

bool ObjectWalker::next(JsonField& field) {
  const char* at = skip_json_blanks(at_, end_);
  while (at < end_ && *at == ',') at = skip_json_blanks(at + 1, end_);
  if (at + 1 >= end_) return false;  // the closing bracket
  if (*at != '"') return give_up();

  const char* const key = at + 1;
  at = find_json_quote(key, end_);
  if (at >= end_) return give_up();
  field.key = {key, static_cast<std::size_t>(at - key)};
  at = skip_json_blanks(at + 1, end_);
  if (at >= end_ || *at != ':') return give_up();
  at = skip_json_blanks(at + 1, end_);
  if (at + 1 >= end_) return give_up();

  const char* const value = at;
  if (*at == '"') {
    at = find_json_quote(at + 1, end_);
    if (at >= end_) return give_up();
    ++at;
  } else if (*at == '{' || *at == '[') {
    BracketState state;
    const auto rest = static_cast<std::size_t>(end_ - at);
    const std::size_t size = bracket_scan()(at, (rest + kScanBlock - 1) / kScanBlock, state);
    if (size >= rest) return give_up();  // it would end at or behind the object's own bracket
    at += size;
  } else {
    while (at < end_ && !ends_json_scalar(*at)) ++at;
    if (at == value) return give_up();
  }
  field.value = {value, static_cast<std::size_t>(at - value)};
  at_ = at;
  return true;
}

std::string decode_json_text(std::string_view raw, std::size_t max_bytes) {
  if (raw == "null") return {};
  const std::string_view text = unquoted(raw);
  if (raw.size() == text.size() || text.find('\\') == std::string_view::npos) {
    return std::string(text.substr(0, max_bytes));
  }
  std::string out;
  out.reserve(std::min(text.size(), max_bytes));
  for (std::size_t at = 0; at < text.size() && out.size() < max_bytes;) {
    if (text[at] == '\\') {
      append_escape(out, text, at);
    } else {
      const std::size_t next = std::min(text.find('\\', at), text.size());
      out += text.substr(at, next - at);
      at = next;
    }
  }
  if (out.size() > max_bytes) out.resize(max_bytes);
  return out;
}

std::optional<std::int64_t> parse_microseconds(std::string_view raw) {
  return parse_scaled(unquoted(raw), 3);
}

std::optional<std::int64_t> parse_microseconds_at(std::string_view region) {
  // Nearly every time in nearly every recording is digits with none or three decimals.
  constexpr std::uint64_t kMaxWhole = INT64_MAX / 1000 - 1;
  constexpr std::ptrdiff_t kMaxDigits = 18;
  if (region.empty()) return std::nullopt;  // there may be no text at all
  const char* at = region.data();
  std::uint64_t whole = 0;
  while (eight_digits(at) && at - region.data() < kMaxDigits - 8) {
    whole = whole * 100'000'000 + value_of_eight_digits(at);
    at += 8;
  }
  for (; is_digit(*at) && at - region.data() < kMaxDigits; ++at) {
    whole = whole * 10 + static_cast<std::uint64_t>(*at - '0');
  }
  if (at != region.data() && whole <= kMaxWhole) {
    std::uint64_t fraction = 0;
    if (*at == '.' && is_digit(at[1])) {
      constexpr std::array<std::uint64_t, 3> kWeights = {100, 10, 1};
      ++at;
      for (std::size_t i = 0; i < kWeights.size() && is_digit(*at); ++i, ++at) {
        fraction += kWeights[i] * static_cast<std::uint64_t>(*at - '0');
      }
    }
    const bool ended = at == region.data() + region.size() || ends_json_scalar(*at);
    if (ended) return static_cast<std::int64_t>(whole * 1000 + fraction);
  }
  return parse_microseconds(region.starts_with('"') ? region : json_scalar(region));
}

std::optional<std::uint64_t> parse_count(std::string_view raw) {
  const std::string_view text = unquoted(raw);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return std::nullopt;
  }
  return value;
}

}  // namespace gpuvigil
