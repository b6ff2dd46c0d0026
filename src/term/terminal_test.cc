// SPDX-License-Identifier: Apache-2.0
#include "term/terminal.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

TerminalTraits traits(std::map<std::string, std::string> environment) {
  return terminal_traits([&](const char* name) -> const char* {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

TEST(TerminalTraits, ColoursAreWhatTheEnvironmentPromises) {
  const auto f = [](std::map<std::string, std::string> environment, ColourDepth want) {
    EXPECT_EQ(traits(environment).look.depth, want) << environment["TERM"];
  };
  f({}, ColourDepth::kMono);
  f({{"TERM", "dumb"}}, ColourDepth::kMono);
  f({{"TERM", "vt100"}}, ColourDepth::kMono);
  f({{"TERM", "xterm"}}, ColourDepth::kSixteen);
  f({{"TERM", "tmux-256color"}}, ColourDepth::k256);
  f({{"TERM", "xterm-256color"}, {"COLORTERM", "truecolor"}}, ColourDepth::kTrue);
  f({{"TERM", "xterm-256color"}, {"NO_COLOR", "1"}}, ColourDepth::kMono);
  f({{"TERM", "xterm-256color"}, {"NO_COLOR", ""}}, ColourDepth::k256);
  EXPECT_TRUE(traits({{"COLORFGBG", "0;15"}}).look.is_light);
  EXPECT_FALSE(traits({{"COLORFGBG", "15;default;0"}}).look.is_light);
}

TEST(TerminalTraits, TheFirstLocaleThatSaysSomethingDecidesAboutCharacters) {
  EXPECT_TRUE(traits({}).is_ascii);
  EXPECT_FALSE(traits({{"LANG", "C.UTF-8"}}).is_ascii);
  EXPECT_TRUE(traits({{"LC_ALL", "C"}, {"LANG", "C.UTF-8"}}).is_ascii);
  EXPECT_FALSE(traits({{"LC_ALL", ""}, {"LC_CTYPE", "de_DE.utf8"}}).is_ascii);
}

TEST(Terminal, WhatIsNoTerminalIsNotOpened) {
  if (is_interactive()) GTEST_SKIP() << "run by hand";
  const auto opened = Terminal::open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Errc::kUnavailable);
}

}  // namespace
}  // namespace gpuvigil
