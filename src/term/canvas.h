// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gpuvigil {

/// What a piece of text means; what it looks like is decided by who paints it (screen_diff.h).
enum class Ink : unsigned char {
  kPlain,
  kSoft,   ///< Beside the point: units, frames, hints.
  kTitle,  ///< Names of columns and panes.
  kBar,    ///< Bars and trends.
  kOk,
  kWarning,
  kCritical,
  kSelected,  ///< The row that the keys act on.
};

struct ScreenSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
  bool operator==(const ScreenSize&) const = default;
};

/// What a terminal of that size is taken for, so that nobody can ask for gigabytes of cells.
inline constexpr ScreenSize kLargestScreen{.columns = 500, .rows = 200};

/// One place on the screen. A character of two columns has an empty cell behind it.
struct Cell {
  char32_t character = U' ';
  Ink ink = Ink::kPlain;
  bool operator==(const Cell&) const = default;
};

/// Columns that a terminal takes for `c`: 1 or 2; 0 for what is not drawn: control characters,
/// characters that join others, and all that terminals disagree about.
[[nodiscard]] std::size_t cell_width(char32_t c);

/// Columns that a canvas takes for `text`.
[[nodiscard]] std::size_t text_width(std::string_view text);

/// `text` in at most `width` columns, its middle folded where it is longer: the ends of a kernel's
/// name tell more than its middle.
[[nodiscard]] std::string fold_text(std::string_view text, std::size_t width);

/// A screen as cells. Whatever text is put on it, each cell holds one harmless character: what
/// cell_width() does not draw becomes U+FFFD, and so do bytes that are no UTF-8. Nothing can be
/// put outside of it.
///
/// Threading: one thread at a time.
class Canvas {
 public:
  /// `is_ascii`: every other character becomes the nearest that ASCII has, or "?".
  /// A size beyond kLargestScreen is cut to that.
  explicit Canvas(ScreenSize size, bool is_ascii = false);

  [[nodiscard]] ScreenSize size() const { return size_; }
  [[nodiscard]] const Cell& at(std::size_t row, std::size_t column) const {
    return cells_[row * size_.columns + column];
  }

  /// Puts `text` there, in at most `width` columns; gives the column behind it.
  std::size_t put(std::size_t row, std::size_t column, std::string_view text, Ink ink = Ink::kPlain,
                  std::size_t width = SIZE_MAX);

  /// The same so that it ends before `end`.
  void put_right(std::size_t row, std::size_t end, std::string_view text, Ink ink = Ink::kPlain);

  /// Gives a whole row one ink.
  void paint_row(std::size_t row, Ink ink);

  /// The rows as UTF-8, a line each, without spaces at the ends of lines.
  [[nodiscard]] std::string text() const;

 private:
  [[nodiscard]] char32_t drawn(char32_t c) const;

  ScreenSize size_;
  bool is_ascii_;
  std::vector<Cell> cells_;
};

/// Appends a character as UTF-8. Requires a scalar value.
void append_utf8(std::string& out, char32_t c);

}  // namespace gpuvigil
