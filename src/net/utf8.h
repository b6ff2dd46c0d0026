// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace gpuvigil {

/// Checks UTF-8 that arrives in pieces: a wrong byte is noticed when it comes, not at the end.
class Utf8Validator {
 public:
  /// False as soon as no continuation could make the text so far well-formed (overlong forms,
  /// surrogates and values above U+10FFFF are not). After that the validator must not be fed.
  [[nodiscard]] bool feed(std::string_view bytes);

  /// True between two characters: the text so far is whole.
  [[nodiscard]] bool complete() const { return missing_ == 0; }

 private:
  std::uint8_t missing_ = 0;  ///< Continuation bytes that the open character still needs.
  std::uint8_t low_ = 0x80;   ///< What the next of them may be at least ...
  std::uint8_t high_ = 0xBF;  ///< ... and at most.
};

[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace gpuvigil
