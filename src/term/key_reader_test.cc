// SPDX-License-Identifier: Apache-2.0
#include "term/key_reader.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

Key letter(char32_t c) {
  return {KeyCode::kCharacter, c};
}

std::vector<Key> keys_of(std::string_view bytes) {
  KeyReader reader;
  auto keys = reader.feed(bytes);
  for (const Key& key : reader.settle()) keys.push_back(key);
  return keys;
}

TEST(KeyReader, KnowsTheKeysOfTerminals) {
  const auto f = [](std::string_view bytes, std::vector<Key> want) {
    EXPECT_EQ(keys_of(bytes), want) << bytes;
  };
  f("q", {letter('q')});
  f("é核", {letter(U'é'), letter(U'核')});
  f("\x1b[A\x1bOB", {{KeyCode::kUp}, {KeyCode::kDown}});
  f("\x1b[5~\x1b[6~", {{KeyCode::kPageUp}, {KeyCode::kPageDown}});
  f("\x1b[Z\t\r\x7f",
    {{KeyCode::kBackTab}, {KeyCode::kTab}, {KeyCode::kEnter}, {KeyCode::kBackspace}});
  f("\x1b", {{KeyCode::kEscape}});
  f("\x1bx", {{KeyCode::kEscape}, letter('x')});  // pressed so quickly that they came together
  f("\x1b\x1b[A", {{KeyCode::kEscape}, {KeyCode::kUp}});
  f("\x03\x1a\x0c", {{KeyCode::kInterrupt}, {KeyCode::kSuspend}, {KeyCode::kRedraw}});
}

TEST(KeyReader, PassesOverWhatIsNoKey) {
  const auto f = [](std::string bytes) {
    EXPECT_EQ(keys_of(bytes + "q"), std::vector<Key>{letter('q')}) << bytes;
  };
  f("\x1b[200~");                         // a paste begins
  f("\x1b]11;rgb:0000/0000/0000\x1b\\");  // an answer about colours
  f("\x1b]0;title\a");
  f("\x1bP1$r0m\x1b\\");
  f("\x1b[<0;10;20M");  // the mouse
  f("\x1b[M !!");
  f("\x1b[1;5A");  // Ctrl and an arrow
  f("\xFF\xC3");
  f("\xE2\x80\xAE");  // turns the direction of text
  f("\x1b[" + std::string(1000, ';') + "A");
  f("\x1b]" + std::string(100'000, 'x') + "\a");
}

TEST(KeyReader, HowTheBytesAreCutChangesNothing) {
  const std::string bytes = "a\x1b[A核\x1b[5~\x1b]x\a\x1bOHz";
  KeyReader reader;
  std::vector<Key> keys;
  for (const char byte : bytes) {
    for (const Key& key : reader.feed(std::string_view(&byte, 1))) keys.push_back(key);
  }
  EXPECT_EQ(keys, keys_of(bytes));
  EXPECT_EQ(keys.size(), 6U);
}

TEST(KeyReader, AStringThatNeverEndsIsOpenUntilItIsSettled) {
  KeyReader reader;
  EXPECT_TRUE(reader.feed("\x1b]x").empty());
  EXPECT_TRUE(reader.is_open());
  static_cast<void>(reader.settle());
  EXPECT_FALSE(reader.is_open());
  EXPECT_EQ(reader.feed("q").size(), 1U);
}

RC_GTEST_PROP(KeyReader, SurvivesAnyBytesAndHearsTheNextKey, (std::vector<std::string> pieces)) {
  KeyReader reader;
  for (const std::string& piece : pieces) static_cast<void>(reader.feed(piece));
  static_cast<void>(reader.settle());
  RC_ASSERT(!reader.is_open());
  RC_ASSERT(reader.feed("q") == std::vector<Key>{letter('q')});
}

}  // namespace
}  // namespace gpuvigil
