// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "net/mutation_kit.h"

namespace gpuvigil {
namespace {

TEST(Mutation, NothingThatIsSentHurtsTheServer) {
  testing::expect_to_survive(1, 100'000);
}

}  // namespace
}  // namespace gpuvigil
