// SPDX-License-Identifier: Apache-2.0
#include "term/canvas.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"

namespace gpuvigil {
namespace {

std::string shown(std::string_view text, std::size_t columns = 40, bool is_ascii = false) {
  Canvas canvas({.columns = columns, .rows = 1}, is_ascii);
  canvas.put(0, 0, text);
  std::string out = canvas.text();
  out.pop_back();
  return out;
}

TEST(Canvas, WhatActsOnATerminalIsNeverDrawn) {
  EXPECT_EQ(shown("\x1b[31mred\x1b[0m\r\n"), "\uFFFD[31mred\uFFFD[0m\uFFFD\uFFFD");
  EXPECT_EQ(shown("a\u0301b"), "a\uFFFDb");              // a mark that joins the letter before
  EXPECT_EQ(shown("a\u200Db"), "a\uFFFDb");              // a joiner
  EXPECT_EQ(shown("a\u202Egnp.exe"), "a\uFFFDgnp.exe");  // turns the direction
  EXPECT_EQ(shown("a\xC2\x9B"
                  "31m"),
            "a\uFFFD31m");  // CSI in one character
  EXPECT_EQ(shown("a\xFF\xC3"), "a\uFFFD\uFFFD");
  EXPECT_EQ(shown("🚀x"), "\uFFFDx");  // terminals disagree about its width
}

TEST(Canvas, WideCharactersTakeTwoCellsAndAreNeverHalved) {
  Canvas canvas({.columns = 5, .rows = 1});
  EXPECT_EQ(canvas.put(0, 0, "核核核"), 4U);  // the third would reach beyond the edge
  EXPECT_EQ(canvas.text(), "核核\n");
  canvas.put(0, 1, "x");
  EXPECT_EQ(canvas.text(), " x核\n");
  canvas.put(0, 2, "y");
  EXPECT_EQ(canvas.text(), " xy\n");
  EXPECT_EQ(shown("核", 1), "");
}

TEST(Canvas, AsciiHasNothingElse) {
  EXPECT_EQ(shown("●318µs ▁▃█ Δp95 …", 40, true), "*318us _.# dp95 ~");
  EXPECT_EQ(shown("核é", 40, true), "??");
}

TEST(Canvas, NothingIsPutOutside) {
  Canvas canvas({.columns = 4, .rows = 2});
  EXPECT_EQ(canvas.put(2, 0, "x"), 0U);
  EXPECT_EQ(canvas.put(0, 4, "x"), 4U);
  EXPECT_EQ(canvas.put(0, 2, "abc"), 4U);
  EXPECT_EQ(canvas.put(1, 0, "abc", Ink::kPlain, 2), 2U);
  canvas.put_right(1, 4, "z");
  canvas.put_right(1, 2, "too long");
  canvas.paint_row(7, Ink::kSelected);
  EXPECT_EQ(canvas.text(), "  ab\nab z\n");
  EXPECT_EQ(Canvas({.columns = 100000, .rows = 100000}).size(), kLargestScreen);
  EXPECT_EQ(Canvas({.columns = 0, .rows = 0}).text(), "");
}

TEST(FoldText, KeepsBothEndsAndCountsColumns) {
  EXPECT_EQ(fold_text("abcdefghij", 10), "abcdefghij");
  EXPECT_EQ(fold_text("abcdefghij", 7), "abcd…ij");
  EXPECT_EQ(fold_text("abcdefghij", 1), "…");
  EXPECT_EQ(fold_text("abcdefghij", 0), "");
  EXPECT_EQ(fold_text("核核核核", 6), "核核…");
}

RC_GTEST_PROP(FoldText, IsNeverWiderThanAsked, (std::string bytes, std::size_t width)) {
  width %= 50;
  RC_ASSERT(text_width(fold_text(bytes, width)) <= width);
}

RC_GTEST_PROP(Canvas, AnyBytesLeaveOnlyDrawableCells, (std::string bytes, bool is_ascii)) {
  Canvas canvas({.columns = 30, .rows = 1}, is_ascii);
  canvas.put(0, 3, bytes);
  for (std::size_t column = 0; column < 30; ++column) {
    const char32_t c = canvas.at(0, column).character;
    if (c == 0) {
      RC_ASSERT(column > 0 && cell_width(canvas.at(0, column - 1).character) == 2);
    } else {
      RC_ASSERT(cell_width(c) > 0);
      RC_ASSERT(!is_ascii || c < 0x80);
    }
  }
}

TEST(AppendUtf8, IsWhatIsReadBack) {
  for (const char32_t c : {U'a', U'é', U'核', U'\U00020000', U'\uFFFD'}) {
    std::string bytes;
    append_utf8(bytes, c);
    EXPECT_EQ(first_char(bytes).value, c);
    EXPECT_EQ(first_char(bytes).length, bytes.size());
  }
}

}  // namespace
}  // namespace gpuvigil
