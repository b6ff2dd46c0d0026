// SPDX-License-Identifier: Apache-2.0
#include "procs/user_names.h"

#include <vector>

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

constexpr Timestamp kNoon = Timestamp(std::chrono::seconds(1'800'000'000));

TEST(UserNames, AreAskedForOnceAndApartFromReading) {
  std::vector<std::uint32_t> asked;
  UserNames names([&](std::uint32_t uid) {
    asked.push_back(uid);
    return uid == 7 ? "" : "user" + std::to_string(uid);
  });
  EXPECT_FALSE(names.find(5));
  EXPECT_FALSE(names.find(7));
  EXPECT_TRUE(asked.empty());
  EXPECT_TRUE(names.ask_for_missing(kNoon));
  EXPECT_FALSE(names.ask_for_missing(kNoon));
  EXPECT_EQ(names.find(5), "user5");
  EXPECT_EQ(names.find(7), "");  // has no name, and that is known
  EXPECT_EQ(asked.size(), 2U);
}

TEST(UserNames, AreForgottenAfterAWhile) {
  int asked = 0;
  UserNames names([&](std::uint32_t) { return "name" + std::to_string(++asked); });
  EXPECT_FALSE(names.find(5));
  names.ask_for_missing(kNoon);
  names.ask_for_missing(kNoon + UserNames::kRemembered);
  EXPECT_EQ(names.find(5), "name1");
  names.ask_for_missing(kNoon + UserNames::kRemembered + Duration(1));
  EXPECT_FALSE(names.find(5));
}

TEST(UserNames, AreBounded) {
  std::size_t asked = 0;
  UserNames names([&](std::uint32_t) {
    ++asked;
    return "x";
  });
  for (std::uint32_t uid = 0; uid < 3 * UserNames::kMaxNames; ++uid) {
    EXPECT_FALSE(names.find(uid));
  }
  names.ask_for_missing(kNoon);
  EXPECT_EQ(asked, UserNames::kMaxNames);
}

TEST(UserNameOf, RootIsRoot) {
  EXPECT_EQ(user_name_of(0), "root");
  EXPECT_EQ(user_name_of(4'000'000'123U), "");
}

}  // namespace
}  // namespace gpuvigil
