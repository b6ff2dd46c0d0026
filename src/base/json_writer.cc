// SPDX-License-Identifier: Apache-2.0
#include "base/json_writer.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kNumberRoom = 48;  // sign, 20 digits, point, 9 digits, comma
constexpr std::array<std::uint64_t, 10> kPowersOfTen = {
    1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000, 1'000'000'000};

constexpr std::uint64_t repeat(std::uint8_t byte) {
  return 0x0101010101010101ULL * byte;
}

/// The high bit of the first byte that must not be copied as it is (a control character, one of
/// " & < > \, or no ASCII); 0 when there is none. Bits above the first may be wrong.
constexpr std::uint64_t first_special(std::uint64_t eight_bytes) {
  const auto zero_byte = [](std::uint64_t x) { return (x - repeat(0x01)) & ~x; };
  const std::uint64_t angle = (eight_bytes | repeat(0x02)) ^ repeat('>');  // '<' or '>'
  const std::uint64_t quote = (eight_bytes | repeat(0x04)) ^ repeat('&');  // '"' or '&'
  const std::uint64_t backslash = eight_bytes ^ repeat('\\');
  const std::uint64_t control = (eight_bytes - repeat(0x20)) & ~eight_bytes;
  return (zero_byte(angle) | zero_byte(quote) | zero_byte(backslash) | control | eight_bytes) &
         repeat(0x80);
}

constexpr bool is_special(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u < 0x20 || u >= 0x80 || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&';
}

constexpr char hex_digit(unsigned value) {
  return "0123456789abcdef"[value & 0xFU];
}

char* put(char* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

char* put_two_digits(char* at, unsigned value) {
  *at++ = static_cast<char>('0' + value / 10);
  *at++ = static_cast<char>('0' + value % 10);
  return at;
}

/// Writes what stands for the special character at `in` and steps over it. Needs room for six
/// bytes, or for three times the run of bytes that are no ASCII.
char* escape_one(const char*& in, const char* end, char* at) {
  const auto c = static_cast<unsigned char>(*in);
  if (c < 0x80) {
    ++in;
    switch (c) {
      case '"':
        return put(at, "\\\"");
      case '\\':
        return put(at, "\\\\");
      case '\n':
        return put(at, "\\n");
      case '\t':
        return put(at, "\\t");
      case '\r':
        return put(at, "\\r");
      default:
        break;
    }
    at = put(at, "\\u00");
    *at++ = hex_digit(c >> 4U);
    *at++ = hex_digit(c);
    return at;
  }
  const std::string_view rest(in, static_cast<std::size_t>(end - in));
  if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) {
    in += 3;
    return put(at, rest[2] == '\xA8' ? "\\u2028" : "\\u2029");
  }
  // A run up to the next ASCII character or line separator, copied at once when it is clean.
  std::size_t run = 1;
  while (run < rest.size() && static_cast<unsigned char>(rest[run]) >= 0x80 &&
         !rest.substr(run).starts_with("\xE2\x80\xA8") &&
         !rest.substr(run).starts_with("\xE2\x80\xA9")) {
    ++run;
  }
  in += run;
  const std::string_view bytes = rest.substr(0, run);
  if (is_clean_text(bytes)) return put(at, bytes);
  return put(at, clean_text(bytes));
}

}  // namespace

JsonWriter::JsonWriter(std::string& out) : out_(out), used_(out.size()) {}

void JsonWriter::grow(std::size_t bytes) {
  constexpr std::size_t kAtLeast = 512;
  out_.resize(std::max({used_ + bytes, out_.size() * 2, kAtLeast}));
}

void JsonWriter::literal(std::string_view text) {
  char* at = separate(reserve(text.size() + 1));
  advance_to(put(at, text));
}

void JsonWriter::open(char bracket) {
  char* at = separate(reserve(2));
  *at++ = bracket;
  advance_to(at);
  comma_ = false;
  ++depth_;
}

void JsonWriter::close(char bracket) {
  GPUVIGIL_ASSERT(depth_ > 0);
  *reserve(1) = bracket;
  ++used_;
  comma_ = true;
  --depth_;
}

void JsonWriter::string(std::string_view text) {
  // Six for each byte is the longest that an escape can be; eight more, because copying goes by
  // eight. Long names of plain letters reserve too much, for a moment.
  char* at = separate(reserve(text.size() * 6 + 12));
  *at++ = '"';
  const char* in = text.data();
  const char* const end = in + text.size();
  while (true) {
    if constexpr (std::endian::native == std::endian::little) {
      while (end - in >= 8) {
        std::uint64_t eight = 0;
        std::memcpy(&eight, in, 8);
        std::memcpy(at, &eight, 8);
        const std::uint64_t special = first_special(eight);
        const auto plain = special == 0 ? 8 : std::countr_zero(special) / 8;
        in += plain;
        at += plain;
        if (special != 0) at = escape_one(in, end, at);
      }
    }
    while (in != end && !is_special(*in)) *at++ = *in++;
    if (in == end) break;
    at = escape_one(in, end, at);
  }
  *at++ = '"';
  advance_to(at);
}

void JsonWriter::number(std::uint64_t value) {
  char* at = separate(reserve(kNumberRoom));
  advance_to(std::to_chars(at, at + 20, value).ptr);
}

/// `whole` + `part` / 10^digits, without trailing zeros.
void JsonWriter::fraction(bool negative, std::uint64_t whole, std::uint64_t part, unsigned digits) {
  char* at = separate(reserve(kNumberRoom));
  if (negative && (whole | part) != 0) *at++ = '-';
  at = std::to_chars(at, at + 20, whole).ptr;
  if (part != 0) {
    while (part % 10 == 0) {
      part /= 10;
      --digits;
    }
    *at++ = '.';
    for (unsigned i = digits; i-- > 0; part /= 10) at[i] = static_cast<char>('0' + part % 10);
    at += digits;
  }
  advance_to(at);
}

void JsonWriter::decimal(double value, unsigned decimals) {
  GPUVIGIL_ASSERT(decimals < kPowersOfTen.size());
  if (!std::isfinite(value)) return null();
  const std::uint64_t scale = kPowersOfTen[decimals];
  const double scaled = std::round(std::abs(value) * static_cast<double>(scale));
  constexpr double kExact = 9007199254740992.0;  // beyond 2^53 a double has no places left
  if (scaled < kExact) {
    const auto digits = static_cast<std::uint64_t>(scaled);
    return fraction(value < 0, digits / scale, digits % scale, decimals);
  }
  // Rare and long (1e300 has 301 digits): the library's way, within JSON's grammar all the same.
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  GPUVIGIL_ASSERT(error == std::errc());
  literal({text.data(), static_cast<std::size_t>(end - text.data())});
}

void JsonWriter::exact(double value) {
  if (!std::isfinite(value)) return null();
  // Readings are whole numbers over a small power of ten; that they are is cheaper to try out than
  // the shortest decimal is to find.
  constexpr double kExact = 9007199254740992.0;
  constexpr unsigned kPlaces = 3;
  for (unsigned places = 0; places <= kPlaces; ++places) {
    const auto scale = static_cast<double>(kPowersOfTen[places]);
    const double scaled = std::abs(value) * scale;
    if (!(scaled < kExact / 2)) break;
    const auto digits = static_cast<std::uint64_t>(scaled + 0.5);
    if (static_cast<double>(digits) / scale != std::abs(value)) continue;
    if (digits == 0 && std::signbit(value)) return literal("-0.0");
    return fraction(value < 0, digits / kPowersOfTen[places], digits % kPowersOfTen[places],
                    places);
  }
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  GPUVIGIL_ASSERT(error == std::errc());
  literal({text.data(), static_cast<std::size_t>(end - text.data())});
}

void JsonWriter::milliseconds(std::uint64_t ns) {
  fraction(false, ns / 1'000'000, ns % 1'000'000, 6);
}

void JsonWriter::mebibytes(Bytes bytes) {
  constexpr unsigned kShift = 20;
  constexpr std::uint64_t kMask = (1ULL << kShift) - 1;
  std::uint64_t whole = bytes.count() >> kShift;
  std::uint64_t part = ((bytes.count() & kMask) * 1'000'000 + (1ULL << (kShift - 1))) >> kShift;
  if (part == 1'000'000) {
    ++whole;
    part = 0;
  }
  fraction(false, whole, part, 6);
}

/// The text of a second, without its fraction: "2026-01-02T03:04:05".
void JsonWriter::cache_second(std::int64_t unix_second) {
  using namespace std::chrono;
  const sys_seconds second{seconds(unix_second)};
  const auto day = floor<days>(second);
  const year_month_day date(day);
  const hh_mm_ss time(second - day);
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));  // 1677 to 2262
  char* at = put_two_digits(second_text_.data(), year / 100);
  at = put_two_digits(at, year % 100);
  *at++ = '-';
  at = put_two_digits(at, static_cast<unsigned>(date.month()));
  *at++ = '-';
  at = put_two_digits(at, static_cast<unsigned>(date.day()));
  *at++ = 'T';
  at = put_two_digits(at, static_cast<unsigned>(time.hours().count()));
  *at++ = ':';
  at = put_two_digits(at, static_cast<unsigned>(time.minutes().count()));
  *at++ = ':';
  put_two_digits(at, static_cast<unsigned>(time.seconds().count()));
  cached_second_ = unix_second;
}

void JsonWriter::timestamp(Timestamp when) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  // By hand: std::chrono::floor overflows near the ends of the range.
  const std::int64_t ns = to_unix_ns(when);
  const std::int64_t remainder = (ns % kSecond + kSecond) % kSecond;
  const std::int64_t second = ns / kSecond - (ns % kSecond < 0 ? 1 : 0);
  if (second != cached_second_) cache_second(second);
  auto part = static_cast<std::uint64_t>(remainder);
  unsigned digits = 9;
  while (digits > 3 && part % 1000 == 0) {
    part /= 1000;
    digits -= 3;
  }
  char* at = separate(reserve(kNumberRoom));
  *at++ = '"';
  at = put(at, {second_text_.data(), second_text_.size()});
  *at++ = '.';
  for (unsigned i = digits; i-- > 0; part /= 10) at[i] = static_cast<char>('0' + part % 10);
  at = put(at + digits, "Z\"");
  advance_to(at);
}

void JsonWriter::hex_id(std::uint64_t id) {
  char* at = separate(reserve(kNumberRoom));
  *at++ = '"';
  for (unsigned shift = 64; shift > 0; shift -= 4) {
    *at++ = hex_digit(static_cast<unsigned>(id >> (shift - 4)));
  }
  *at++ = '"';
  advance_to(at);
}

}  // namespace gpuvigil
