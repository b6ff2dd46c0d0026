// SPDX-License-Identifier: Apache-2.0
#include "base/glob.h"

#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

TEST(Glob, MatchesTheWholeTextWithoutCase) {
  const auto f = [](std::string_view pattern, std::string_view text, bool want) {
    EXPECT_EQ(Glob(pattern).matches(text), want) << pattern << " on " << text;
  };
  f("*gemm*", "ampere_SGEMM_128x64", true);
  f("*GEMM*", "ampere_sgemm_128x64", true);
  f("gemm", "sgemm", false);
  f("", "", true);
  f("", "a", false);
  f("*", "", true);
  f("a?c", "abc", true);
  f("a?c", "ac", false);
  f("a*b*c", "aXbYc", true);
  f("a*b*c", "aXcYb", false);
  f("*ab*ab*", "xabx", false);
  f("ab*ab", "ab", false);
  f("*?b?*", "xxabxx", true);
  f("*??*", "a", false);
  f("[x]", "[x]", true);
  f("*@*", "`", false);  // differs from it in the bit in which letters differ by case
  f(std::string(200, '*') + "b", std::string(2000, 'a'), false);
}

TEST(Glob, FindsAPieceWhereverItBegins) {
  for (std::size_t size = 3; size < 70; ++size) {
    for (std::size_t at = 0; at + 3 <= size; ++at) {
      std::string text(size, 'x');
      text.replace(at, 3, "aBc");
      EXPECT_TRUE(Glob("*abc*").matches(text)) << size << ", " << at;
      EXPECT_FALSE(Glob("*abd*").matches(text)) << size << ", " << at;
    }
  }
}

/// The textbook's way, a byte at a time.
bool plainly_matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    return plainly_matches(pattern.substr(1), text) ||
           (!text.empty() && plainly_matches(pattern, text.substr(1)));
  }
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return !text.empty() && (pattern[0] == '?' || lower(pattern[0]) == lower(text[0])) &&
         plainly_matches(pattern.substr(1), text.substr(1));
}

RC_GTEST_PROP(Glob, AgreesWithTheTextbook, ()) {
  const auto word = [](const std::string& letters, int longest) {
    return *rc::gen::resize(longest, rc::gen::container<std::string>(rc::gen::elementOf(letters)));
  };
  const std::string pattern = word("aAb_?*", 8);
  const std::string text = word("aaAbB_", 40);
  RC_ASSERT(Glob(pattern).matches(text) == plainly_matches(pattern, text));
}

}  // namespace
}  // namespace gpuvigil
