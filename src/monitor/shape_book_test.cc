// SPDX-License-Identifier: Apache-2.0
#include "monitor/shape_book.h"

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

LaunchShape shape(std::uint32_t blocks, std::uint64_t calls, std::uint64_t ns) {
  LaunchShape made;
  made.grid = {blocks, 1, 1};
  made.block = {128, 1, 1};
  made.calls = calls;
  made.sum_ns = ns;
  return made;
}

TEST(ShapeBook, AddsUpWhatWasLaunchedAlike) {
  ShapeBook book;
  book.add(7, KernelKind::kCompute, shape(10, 3, 300));
  book.add(7, KernelKind::kCompute, shape(20, 1, 900));
  book.add(7, KernelKind::kCompute, shape(10, 2, 200));
  book.add(7, KernelKind::kCollective, shape(10, 9, 9));
  LaunchShape more_registers = shape(10, 1, 1);
  more_registers.registers = 32;
  book.add(7, KernelKind::kCompute, more_registers);
  const auto all = book.of(7, KernelKind::kCompute);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].grid[0], 20U);
  EXPECT_EQ(all[1].calls, 5U);
  EXPECT_EQ(all[1].sum_ns, 500U);
  EXPECT_EQ(all[2].registers, 32U);
  EXPECT_TRUE(book.of(8, KernelKind::kCompute).empty());
}

TEST(ShapeBook, IsBoundedAndKeepsCountingWhatItKnows) {
  ShapeBook book;
  for (std::uint32_t i = 0; i < ShapeBook::kMostOfKernel + 5; ++i) {
    book.add(7, KernelKind::kCompute, shape(i, 1, 1));
  }
  book.add(7, KernelKind::kCompute, shape(0, 4, 100));
  EXPECT_EQ(book.of(7, KernelKind::kCompute).size(), ShapeBook::kMostOfKernel);
  EXPECT_EQ(book.of(7, KernelKind::kCompute).front().calls, 5U);
  for (std::uint32_t i = 0; i < ShapeBook::kMost; ++i) {
    book.add(1000 + i, KernelKind::kCompute, shape(1, 1, 1));
  }
  EXPECT_EQ(book.of(1000, KernelKind::kCompute).size(), 1U);
  EXPECT_TRUE(book.of(1000 + ShapeBook::kMost - 1, KernelKind::kCompute).empty());
}

}  // namespace
}  // namespace gpuvigil
