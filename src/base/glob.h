// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gpuvigil {

/// A shell-like pattern for whole texts: `*` any run, `?` one byte, everything else itself, ASCII
/// letters without regard to case. Made once, matched against many texts.
///
/// The cost is at most text times pattern, without recursion; nearly always it is that of looking
/// for two bytes of each piece between stars, sixteen places at a time.
class Glob {
 public:
  explicit Glob(std::string_view pattern);

  [[nodiscard]] bool matches(std::string_view text) const;

 private:
  /// What stands between two stars, in lower case. `first` and `last` are its outermost bytes that
  /// are not `?`; it has such bytes if first < text.size().
  struct Piece {
    explicit Piece(std::string_view pattern);
    [[nodiscard]] std::size_t size() const { return text.size(); }
    /// Requires size() bytes at `at`.
    [[nodiscard]] bool is_at(const char* at) const;
    /// Where it begins in `in` first; npos: nowhere.
    [[nodiscard]] std::size_t find(std::string_view in) const;

    using Block = std::uint8_t __attribute__((vector_size(16)));
    using Words = std::uint64_t __attribute__((vector_size(16)));
    [[nodiscard]] std::size_t confirm(const char* in, std::size_t at, Words hits) const;

    std::string text;
    std::size_t first = 0;
    std::size_t last = 0;
    Block first_byte{};  ///< The byte at `first`, with its case bit, in every place.
    Block last_byte{};
  };

  std::vector<Piece> pieces_;  ///< Never empty; the first begins the text, the last ends it.
};

}  // namespace gpuvigil
