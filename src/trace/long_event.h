// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "trace/json_text.h"

namespace gpuvigil {

/// Shortens one JSON object that is too long to be held: of each string the first MiB stays, of
/// what is nested deeper than its members' members nothing but the brackets. What is left reads
/// like the whole for whoever wants names and numbers.
///
/// Takes the text in any pieces, one byte at a time; slow, and rarely needed.
class LongEvent {
 public:
  static constexpr std::size_t kMaxStringBytes = std::size_t{1} << 20U;
  static constexpr std::size_t kMaxBytes = std::size_t{2} << 20U;

  /// Takes the next piece and returns how much of it belongs to the object: all, until it ends.
  [[nodiscard]] std::size_t take(std::string_view text);

  [[nodiscard]] bool ended() const { return started_ && depth_ == 0; }
  /// True when even the shortened text has no room: its members are too many.
  [[nodiscard]] bool overflowed() const { return overflowed_; }
  /// The shortened object, once it has ended; followed by kJsonPadding readable bytes.
  [[nodiscard]] std::string_view text() const {
    return std::string_view(out_).substr(0, out_.size() - kJsonPadding);
  }

 private:
  void take_in_string(char c);
  void take_outside(char c);
  void keep(char c);

  std::string out_;
  std::int64_t depth_ = 0;
  std::size_t string_bytes_ = 0;
  bool started_ = false;
  bool in_string_ = false;
  bool escaped_ = false;
  bool drops_rest_ = false;  ///< Of the string at hand.
  bool overflowed_ = false;
};

}  // namespace gpuvigil
