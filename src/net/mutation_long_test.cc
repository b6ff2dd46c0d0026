// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "net/mutation_kit.h"

namespace gpuvigil {
namespace {

TEST(Mutation, NothingThatIsSentHurtsTheServerForLong) {
  testing::expect_to_survive(2, 1'000'000);
}

}  // namespace
}  // namespace gpuvigil
