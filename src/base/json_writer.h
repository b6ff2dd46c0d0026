// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "base/clock.h"
#include "base/units.h"

namespace gpuvigil {

/// Writes one JSON value at the end of a string; the only writer of JSON here.
///
/// Numbers are decimals of a known precision made with integer arithmetic, trailing zeros cut:
/// a shortest-double formatter would be nearly half of the time of an answer. Strings leave `<`,
/// `>`, `&`, U+2028 and U+2029 escaped, so that the text is safe inside HTML and scripts; bytes
/// that are no UTF-8 become U+FFFD, so that the text is valid whatever it is fed.
///
/// The string may be longer than what was written until the writer is destroyed or finish() is
/// called.
/// Threading: one thread; nothing else may touch the string meanwhile.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out);
  ~JsonWriter() { finish(); }
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;
  JsonWriter(JsonWriter&&) = delete;
  JsonWriter& operator=(JsonWriter&&) = delete;

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }

  /// The name of the next value. `name` is a literal of ours: plain ASCII, nothing to escape.
  void key(std::string_view name) {
    char* at = reserve(name.size() + 4);
    if (comma_) *at++ = ',';
    *at++ = '"';
    std::memcpy(at, name.data(), name.size());
    at += name.size();
    *at++ = '"';
    *at++ = ':';
    advance_to(at);
    comma_ = false;
  }

  /// The same for a name from outside, which is escaped.
  void foreign_key(std::string_view name) {
    string(name);
    *reserve(1) = ':';
    ++used_;
    comma_ = false;
  }

  void string(std::string_view text);
  void number(std::uint64_t value);
  void boolean(bool value) { literal(value ? "true" : "false"); }
  void null() { literal("null"); }

  /// Rounded half away from zero to `decimals` (0 to 9) places. What is no finite number is null.
  void decimal(double value, unsigned decimals);

  /// The shortest decimal that is read back as the same number, -0 too. What is no finite number is
  /// null.
  void exact(double value);

  /// Nanoseconds as milliseconds, exact.
  void milliseconds(std::uint64_t ns);

  /// Bytes as MiB with six places: within half a byte.
  void mebibytes(Bytes bytes);

  /// RFC 3339 in UTC with three, six or nine places of the second, as many as it takes.
  void timestamp(Timestamp at);

  /// 16 hex digits in quotes.
  void hex_id(std::uint64_t id);

  /// A JSON value that was written before.
  void raw(std::string_view json) { literal(json); }

  /// Cuts the string to what was written. Everything that was begun must have been ended; after
  /// this the writer is done with the string.
  void finish() {
    if (std::exchange(finished_, true)) return;
    GPUVIGIL_ASSERT(depth_ == 0);
    out_.resize(used_);
  }

 private:
  /// Room for `bytes` more; where they begin.
  [[nodiscard]] char* reserve(std::size_t bytes) {
    if (out_.size() - used_ < bytes) grow(bytes);
    return out_.data() + used_;
  }
  void advance_to(const char* end) { used_ = static_cast<std::size_t>(end - out_.data()); }
  void grow(std::size_t bytes);
  void literal(std::string_view text);
  void open(char bracket);
  void close(char bracket);
  char* separate(char* at) {
    if (comma_) *at++ = ',';
    comma_ = true;
    return at;
  }
  void fraction(bool negative, std::uint64_t whole, std::uint64_t part, unsigned digits);
  void cache_second(std::int64_t unix_second);

  std::string& out_;
  std::size_t used_;
  unsigned depth_ = 0;
  bool comma_ = false;
  bool finished_ = false;
  std::int64_t cached_second_ = INT64_MIN;  ///< Whose text `second_text_` is.
  std::array<char, 19> second_text_{};
};

}  // namespace gpuvigil
