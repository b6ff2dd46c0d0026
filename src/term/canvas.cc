// SPDX-License-Identifier: Apache-2.0
#include "term/canvas.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr char32_t kTail = 0;  ///< In the cell behind a character of two columns.

struct Range {
  char32_t first;
  char32_t last;
};

/// What every terminal draws in one column, and in no other way than we count.
constexpr std::array<Range, 17> kNarrow = {{
    {0x20, 0x7E},      // ASCII
    {0xA0, 0xAC},      // Latin-1 without the soft hyphen
    {0xAE, 0x2FF},     // Latin, phonetic
    {0x370, 0x377},    // Greek
    {0x37A, 0x37F},    //
    {0x384, 0x482},    // Greek, Cyrillic
    {0x48A, 0x52F},    // Cyrillic
    {0x1E00, 0x1FFE},  // Latin and Greek with marks
    {0x2010, 0x2027},  // dashes, quotes, bullets, the ellipsis
    {0x2030, 0x205E},  // primes, daggers
    {0x20A0, 0x20BF},  // currencies
    {0x2190, 0x21FF},  // arrows
    {0x2200, 0x22FF},  // mathematics
    {0x2500, 0x257F},  // lines
    {0x2580, 0x259F},  // blocks
    {0x25A0, 0x25CF},  // shapes
    {0xFFFD, 0xFFFD},  // what stands for all the others
}};

/// What every terminal draws in two columns.
constexpr std::array<Range, 9> kWide = {{
    {0x3001, 0x3029},  // punctuation of CJK
    {0x3041, 0x3096},  // Hiragana
    {0x30A0, 0x30FF},  // Katakana
    {0x3400, 0x4DBF},  // Han
    {0x4E00, 0x9FFF},  //
    {0xAC00, 0xD7A3},  // Hangul
    {0xF900, 0xFAFF},  // Han
    {0xFF01, 0xFF60},  // full width
    {0x20000, 0x2FFFD},
}};

template <std::size_t kCount>
bool is_in(const std::array<Range, kCount>& ranges, char32_t c) {
  return std::ranges::any_of(ranges,
                             [c](const Range& one) { return c >= one.first && c <= one.last; });
}

struct Plainer {
  char32_t from;
  char to;
};

/// Our own signs in ASCII; each is one column.
constexpr std::array<Plainer, 25> kPlainer = {{
    {U'µ', 'u'}, {U'°', ' '}, {U'…', '~'}, {U'·', '.'}, {U'●', '*'}, {U'▲', '^'}, {U'✖', 'x'},
    {U'‖', '='}, {U'×', 'x'}, {U'Δ', 'd'}, {U'Σ', 'S'}, {U'─', '-'}, {U'▏', '.'}, {U'▎', '.'},
    {U'▍', '-'}, {U'▌', '-'}, {U'▋', '='}, {U'▊', '='}, {U'▉', '='}, {U'█', '#'}, {U'▾', 'v'},
    {U'▴', '^'}, {U'◀', '<'}, {U'▸', '>'}, {U'○', 'o'},
}};

/// Trends in ASCII: eight heights in five signs.
constexpr std::string_view kAsciiLevels = "__..--==";

}  // namespace

std::size_t cell_width(char32_t c) {
  if (is_in(kNarrow, c) || c == U'✖') return is_harmless(c) ? 1 : 0;
  return is_in(kWide, c) ? 2 : 0;
}

std::size_t text_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Utf8Char c = first_char(text);
    text.remove_prefix(c.length == 0 ? 1 : c.length);
    width += c.length == 0 ? 1 : std::max<std::size_t>(cell_width(c.value), 1);
  }
  return width;
}

void append_utf8(std::string& out, char32_t c) {
  const auto byte = [&out](char32_t bits) { out += static_cast<char>(bits); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | (c >> 6U));
    byte(0x80 | (c & 0x3FU));
  } else if (c < 0x10000) {
    byte(0xE0 | (c >> 12U));
    byte(0x80 | ((c >> 6U) & 0x3FU));
    byte(0x80 | (c & 0x3FU));
  } else {
    byte(0xF0 | (c >> 18U));
    byte(0x80 | ((c >> 12U) & 0x3FU));
    byte(0x80 | ((c >> 6U) & 0x3FU));
    byte(0x80 | (c & 0x3FU));
  }
}

std::string fold_text(std::string_view text, std::size_t width) {
  // Character by character, since one may take two columns.
  std::vector<char32_t> characters;
  std::size_t columns = 0;
  while (!text.empty()) {
    const Utf8Char c = first_char(text);
    text.remove_prefix(c.length == 0 ? 1 : c.length);
    const bool draws = c.length > 0 && cell_width(c.value) > 0;
    characters.push_back(draws ? c.value : kReplacement);
    columns += cell_width(characters.back());
  }
  std::string out;
  if (columns > width && width == 0) return out;
  std::size_t head = characters.size();
  std::size_t tail = characters.size();
  if (columns > width) {
    const std::size_t kept_behind = (width - 1) / 3;
    std::size_t used = 0;
    while (used + cell_width(characters[tail - 1]) <= kept_behind) {
      used += cell_width(characters[--tail]);
    }
    head = 0;
    std::size_t before = 0;
    while (before + cell_width(characters[head]) <= width - 1 - used) {
      before += cell_width(characters[head++]);
    }
  }
  for (std::size_t i = 0; i < head; ++i) append_utf8(out, characters[i]);
  if (columns > width) out += "…";
  for (std::size_t i = tail; i < characters.size(); ++i) append_utf8(out, characters[i]);
  return out;
}

Canvas::Canvas(ScreenSize size, bool is_ascii)
    : size_{std::min(size.columns, kLargestScreen.columns),
            std::min(size.rows, kLargestScreen.rows)},
      is_ascii_(is_ascii),
      cells_(size_.columns * size_.rows) {}

char32_t Canvas::drawn(char32_t c) const {
  if (cell_width(c) == 0) c = kReplacement;
  if (!is_ascii_ || c < 0x80) return c;
  if (c >= U'▁' && c <= U'▇') return static_cast<char32_t>(kAsciiLevels[c - U'▁']);
  const auto* const found = std::ranges::find(kPlainer, c, &Plainer::from);
  return found == kPlainer.end() ? U'?' : static_cast<char32_t>(found->to);
}

std::size_t Canvas::put(std::size_t row, std::size_t column, std::string_view text, Ink ink,
                        std::size_t width) {
  if (row >= size_.rows || column >= size_.columns) return column;
  const std::size_t end = column + std::min(width, size_.columns - column);
  Cell* const cells = &cells_[row * size_.columns];
  // Half of a character is none.
  if (column > 0 && cells[column].character == kTail) cells[column - 1].character = U' ';
  while (!text.empty()) {
    const Utf8Char c = first_char(text);
    text.remove_prefix(c.length == 0 ? 1 : c.length);
    const char32_t shown = drawn(c.length == 0 ? kReplacement : c.value);
    const std::size_t columns = cell_width(shown);
    if (column + columns > end) break;
    cells[column] = {shown, ink};
    if (columns == 2) cells[column + 1] = {kTail, ink};
    column += columns;
  }
  if (column < size_.columns && cells[column].character == kTail) cells[column].character = U' ';
  return column;
}

void Canvas::put_right(std::size_t row, std::size_t end, std::string_view text, Ink ink) {
  const std::size_t width = text_width(text);
  if (width <= end) put(row, end - width, text, ink);
}

void Canvas::paint_row(std::size_t row, Ink ink) {
  if (row >= size_.rows) return;
  for (std::size_t i = 0; i < size_.columns; ++i) cells_[row * size_.columns + i].ink = ink;
}

std::string Canvas::text() const {
  std::string out;
  for (std::size_t row = 0; row < size_.rows; ++row) {
    const std::size_t begin = out.size();
    for (std::size_t column = 0; column < size_.columns; ++column) {
      if (at(row, column).character != kTail) append_utf8(out, at(row, column).character);
    }
    out.resize(std::max(out.find_last_not_of(' ') + 1, begin));
    out += '\n';
  }
  return out;
}

}  // namespace gpuvigil
