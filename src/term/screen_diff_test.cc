// SPDX-License-Identifier: Apache-2.0
#include "term/screen_diff.h"

#include <charconv>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"

namespace gpuvigil {
namespace {

/// A terminal that knows what we write and nothing else: whatever else comes is a failure.
class FakeTerminal {
 public:
  explicit FakeTerminal(ScreenSize size) : size_(size), cells_(size.rows * size.columns, U'?') {}

  void show(std::string_view bytes) {
    while (!bytes.empty()) {
      const Utf8Char c = first_char(bytes);
      ASSERT_GT(c.length, 0U);
      bytes.remove_prefix(c.length);
      if (c.value == 0x1b) {
        sequence(bytes);
      } else {
        ASSERT_GT(cell_width(c.value), 0U);
        ASSERT_LE(column_ + cell_width(c.value), size_.columns);
        cells_[row_ * size_.columns + column_] = c.value;
        if (cell_width(c.value) == 2) cells_[row_ * size_.columns + column_ + 1] = 0;
        column_ += cell_width(c.value);
      }
    }
  }

  [[nodiscard]] bool shows(const Canvas& canvas) const {
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      const Cell& cell = canvas.at(i / size_.columns, i % size_.columns);
      if (cell.character != cells_[i]) return false;
    }
    return true;
  }

 private:
  void sequence(std::string_view& bytes) {
    const std::size_t end = bytes.find_first_of("HJm");
    ASSERT_EQ(bytes.front(), '[');
    ASSERT_NE(end, std::string_view::npos);
    const std::string_view parameters = bytes.substr(1, end - 1);
    if (bytes[end] == 'H') {
      const std::size_t split = parameters.find(';');
      std::from_chars(parameters.data(), parameters.data() + split, row_);
      std::from_chars(parameters.data() + split + 1, parameters.data() + parameters.size(),
                      column_);
      --row_, --column_;
      ASSERT_LT(row_, size_.rows);
    } else if (bytes[end] == 'J') {
      ASSERT_EQ(parameters, "2");
      std::ranges::fill(cells_, U' ');
    }
    bytes.remove_prefix(end + 1);
  }

  ScreenSize size_;
  std::vector<char32_t> cells_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
};

Canvas drawn(std::string_view text, Ink ink = Ink::kPlain) {
  Canvas canvas({.columns = 12, .rows = 2});
  canvas.put(0, 0, text, ink);
  return canvas;
}

TEST(ScreenDiff, OnlyWhatChangedIsWritten) {
  const Canvas before = drawn("util 71%");
  EXPECT_EQ(screen_diff(&before, drawn("util 71%"), {}), "");
  EXPECT_EQ(screen_diff(&before, drawn("util 72%"), {}), "\x1b[1;7H\x1b[0m2");
  EXPECT_EQ(screen_diff(nullptr, drawn("x"), {}), "\x1b[0m\x1b[2J\x1b[1;1H\x1b[0mx");
}

TEST(ScreenDiff, InksAreColoursWhereThereAreSomeAndMarksWhereNot) {
  const Canvas before = drawn("");
  const auto f = [&](ColourDepth depth, bool is_light, std::string_view want) {
    EXPECT_EQ(screen_diff(&before, drawn("x", Ink::kCritical), {depth, is_light}), want);
  };
  f(ColourDepth::kMono, false, "\x1b[1;1H\x1b[0;1;4mx\x1b[0m");
  f(ColourDepth::kSixteen, false, "\x1b[1;1H\x1b[0;1;31;1mx\x1b[0m");
  f(ColourDepth::k256, false, "\x1b[1;1H\x1b[0;38;5;167;1mx\x1b[0m");
  f(ColourDepth::kTrue, true, "\x1b[1;1H\x1b[0;38;2;155;44;42;1mx\x1b[0m");
}

RC_GTEST_PROP(ScreenDiff, ATerminalShowsTheCanvasAfterEachStep,
              (std::vector<std::pair<std::uint8_t, std::string>> steps)) {
  const ScreenSize size{.columns = 17, .rows = 3};
  FakeTerminal terminal(size);
  Canvas shown(size);
  terminal.show(screen_diff(nullptr, shown, {}));
  for (const auto& [place, text] : steps) {
    Canvas next = shown;
    next.put(place % 3, place % 17, place % 2 == 0 ? "核" + text : text, Ink::kBar);
    terminal.show(screen_diff(&shown, next, {ColourDepth::k256, false}));
    RC_ASSERT(!::testing::Test::HasFailure());
    RC_ASSERT(terminal.shows(next));
    shown = next;
  }
}

}  // namespace
}  // namespace gpuvigil
