// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gpuvigil {

/// What was pressed; kCharacter has which one.
enum class KeyCode : unsigned char {
  kCharacter,
  kEnter,
  kEscape,
  kTab,
  kBackTab,
  kBackspace,
  kUp,
  kDown,
  kLeft,
  kRight,
  kPageUp,
  kPageDown,
  kHome,
  kEnd,
  kInterrupt,  ///< Ctrl-C.
  kSuspend,    ///< Ctrl-Z.
  kRedraw,     ///< Ctrl-L.
};

struct Key {
  KeyCode code = KeyCode::kCharacter;
  char32_t character = 0;
  bool operator==(const Key&) const = default;
};

/// Makes keys of the bytes that a terminal sends, however they are cut. Bytes that are no key
/// (sequences that nobody asked for, broken UTF-8, a paste of anything) are passed over; what is
/// kept between two calls is at most kMostPending bytes.
///
/// Threading: one thread at a time.
class KeyReader {
 public:
  static constexpr std::size_t kMostPending = 64;

  [[nodiscard]] std::vector<Key> feed(std::string_view bytes);

  /// True after bytes that may go on, so that settle() is due soon: an escape character may be the
  /// key, or the beginning of a sequence.
  [[nodiscard]] bool is_open() const { return !pending_.empty() || in_string_; }

  /// No more bytes came: a lone escape character was the key, all else is dropped.
  [[nodiscard]] std::vector<Key> settle();

 private:
  /// Takes one key, or what is none, off `pending_`; false where more bytes are needed.
  bool take(std::vector<Key>& keys);
  bool take_sequence(std::vector<Key>& keys);

  std::string pending_;
  bool in_string_ = false;  ///< Within a string that ends with BEL or ESC \.
};

}  // namespace gpuvigil
