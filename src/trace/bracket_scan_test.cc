// SPDX-License-Identifier: Apache-2.0
#include "trace/bracket_scan.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

/// One byte after the other, as the grammar has it.
std::size_t plain_scan(std::string_view text) {
  bool in_string = false;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      // Outside of strings only a quote, or another backslash, notices.
      const char next = i + 1 < text.size() ? text[i + 1] : ' ';
      if (next == '"' || next == '\\') ++i;
    } else if (in_string) {
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return kNoBracket;
}

/// In two pieces, so that what is carried between blocks is carried between calls too.
std::size_t scan_in_pieces(BracketScan scan, std::string text, std::size_t blocks_first) {
  text.resize((text.size() + kScanBlock - 1) / kScanBlock * kScanBlock, ' ');
  const std::size_t blocks = text.size() / kScanBlock;
  blocks_first = std::min(blocks_first, blocks);
  BracketState state;
  const std::size_t found = scan(text.data(), blocks_first, state);
  if (found != kNoBracket) return found;
  const std::size_t behind =
      scan(text.data() + blocks_first * kScanBlock, blocks - blocks_first, state);
  return behind == kNoBracket ? kNoBracket : blocks_first * kScanBlock + behind;
}

void expect_end(const std::string& text, std::size_t want) {
  for (const BracketScanner& scanner : bracket_scanners()) {
    for (const std::size_t first : {0U, 1U, 2U, 100U}) {
      EXPECT_EQ(scan_in_pieces(scanner.scan, text, first), want)
          << scanner.name << " " << text.substr(0, 200);
    }
  }
}

TEST(BracketScan, PortableIsAlwaysThereAndComesLast) {
  EXPECT_EQ(bracket_scanners().back().name, "portable");
#if defined(__SSE2__)
  EXPECT_GE(bracket_scanners().size(), 2U);
#endif
}

TEST(BracketScan, FindsTheBracketThatClosesTheFirst) {
  const auto f = [](const std::string& text) { expect_end(text, text.size()); };
  f("{}");
  f("[]");
  f(R"({"a":[1,2,{"b":3}]})");
  f(R"({"a":"}"})");
  f(R"({"a":"\"}"})");
  f(R"({"a":"\\"})");
  f(R"({"a":"\\\"}"})");
  for (std::size_t i = 0; i < 200; ++i) {
    const std::string fill(i, 'x');
    f("{\"" + fill + "}\":[" + std::string(i, ' ') + "]}");
    f("{\"" + std::string(i, '\\') + (i % 2 == 1 ? "\"}" : "") + "\":1}");
    f("{\"" + fill + "\\\"}]\\\\\":{}}");
  }
}

TEST(BracketScan, NotesTheQuotesOfTheBlocksItLooksAt) {
  const std::string text = R"({"a\"b":"\\","c)" + std::string(60, 'x') + "\"}";
  std::string padded = text;
  padded.resize(3 * kScanBlock, '"');
  for (const BracketScanner& scanner : bracket_scanners()) {
    std::array<std::uint64_t, 3> quotes{};
    BracketState state;
    state.quotes = quotes.data();
    EXPECT_EQ(scanner.scan(padded.data(), 3, state), text.size());
    EXPECT_EQ(state.quotes, quotes.data() + 2) << scanner.name;
    std::string found;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if ((quotes[i / kScanBlock] >> i % kScanBlock & 1U) != 0) found += std::to_string(i) + " ";
    }
    EXPECT_EQ(found, "1 6 8 11 13 75 ") << scanner.name;
  }
}

TEST(BracketScan, FollowsAnyDepth) {
  constexpr std::size_t kDepth = 100'000;
  const std::string text = std::string(kDepth, '[') + std::string(kDepth, ']');
  expect_end(text + "]", text.size());
}

TEST(BracketScan, WhatIsNotClosedHasNoEnd) {
  expect_end("{", kNoBracket);
  expect_end(R"({"a)", kNoBracket);
  expect_end(R"({"a":"}\")", kNoBracket);
  expect_end(R"({"a":[})", kNoBracket);
}

RC_GTEST_PROP(BracketScan, AllScannersAgreeWithAPlainOne, ()) {
  const auto piece = rc::gen::element<std::string>("{", "}", "[", "]", "\"", "\\", "\\\\", "\\\"",
                                                   "x", " ", "\xff", ":", std::string(61, 'y'));
  const auto pieces = *rc::gen::container<std::vector<std::string>>(piece);
  std::string text = "{";
  for (const auto& p : pieces) text += p;
  const auto first = *rc::gen::inRange<std::size_t>(0, 5);
  const std::size_t want = plain_scan(text);
  for (const BracketScanner& scanner : bracket_scanners()) {
    RC_ASSERT(scan_in_pieces(scanner.scan, text, first) == want);
  }
}

}  // namespace
}  // namespace gpuvigil
