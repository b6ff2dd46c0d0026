// SPDX-License-Identifier: Apache-2.0
#include "alert/silencing.h"

#include <string>

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

TEST(Silencing, MatchersAreReadAndRefused) {
  const auto f = [](std::string_view text) {
    const auto read = parse_matcher(text);
    return read ? to_string(*read) : "-";
  };
  EXPECT_EQ(f("rule=xid*"), "rule=xid*");
  EXPECT_EQ(f("severity!=critical"), "severity!=critical");
  EXPECT_EQ(f("team="), "team=");
  EXPECT_EQ(f("rule"), "-");
  EXPECT_EQ(f("=x"), "-");
  EXPECT_EQ(f("a b=x"), "-");
  EXPECT_EQ(f("a=\x1b"), "-");
  EXPECT_EQ(f("a=" + std::string(300, 'x')), "-");
}

TEST(Silencing, MatchersLookAtWhatAnAlertIs) {
  Alert alert;
  alert.rule = "xid";
  alert.severity = Severity::kCritical;
  alert.uuid = "GPU-1";
  alert.device = 3;
  alert.labels = {{"team", "ml"}};
  const auto f = [&](std::string_view text) {
    const Matcher matcher = *parse_matcher(text);
    return matches(std::span(&matcher, 1), alert);
  };
  EXPECT_TRUE(f("rule=x*"));
  EXPECT_TRUE(f("severity=critical"));
  EXPECT_TRUE(f("device=3"));
  EXPECT_TRUE(f("team=ml"));
  EXPECT_TRUE(f("team!=web"));
  EXPECT_TRUE(f("nobody=")) << "what is not there is empty";
  EXPECT_FALSE(f("uuid=GPU-2"));
  EXPECT_FALSE(f("team!=m?"));
}

}  // namespace
}  // namespace gpuvigil
