// SPDX-License-Identifier: Apache-2.0
#include "exporters/kernel_board.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "exporters/testing_frames.h"

namespace gpuvigil {
namespace {

using testing::add_kernel;
using testing::frame_with_devices;

const KernelBoard::Entry* entry(const KernelBoard& board, std::string_view name) {
  for (const KernelBoard::Entry& one : board.entries()) {
    if (one.name->name == name) return &one;
  }
  return nullptr;
}

std::uint64_t told_calls(const KernelBoard& board) {
  std::uint64_t sum = 0;
  for (const KernelBoard::Entry& one : board.entries()) sum += one.calls;
  for (const KernelBoard::Total& total : board.others()) sum += total.calls;
  return sum;
}

TEST(KernelBoard, ListsThoseWithTheMostTimeAndSumsUpTheOthers) {
  Frame frame = frame_with_devices(1);
  add_kernel(frame, "a", 1, 100);
  add_kernel(frame, "b", 2, 300);
  add_kernel(frame, "c", 3, 200);
  KernelBoard board(2);
  board.update(frame);
  EXPECT_EQ(entry(board, "a"), nullptr);
  ASSERT_NE(entry(board, "b"), nullptr);
  EXPECT_EQ(entry(board, "b")->calls, 2);
  EXPECT_EQ(entry(board, "c")->sum_ns, 200);
  EXPECT_EQ(board.others()[0].calls, 1);
  EXPECT_EQ(board.others()[0].sum_ns, 100);
  EXPECT_FALSE(board.others()[1].is_there);
  EXPECT_EQ(board.left_out(), 1);
}

TEST(KernelBoard, WhoJoinsLaterBeginsAtZeroAndMovesNothing) {
  Frame frame = frame_with_devices(1);
  add_kernel(frame, "a", 1, 100);
  add_kernel(frame, "b", 2, 300);
  KernelBoard board(1);
  board.update(frame);
  add_kernel(frame, "a", 4, 1000);
  board.update(frame);
  ASSERT_NE(entry(board, "a"), nullptr);
  EXPECT_EQ(entry(board, "a")->calls, 0);
  EXPECT_EQ(board.others()[0].calls, 5);  // never falls
  add_kernel(frame, "a", 2, 10);
  board.update(frame);
  EXPECT_EQ(entry(board, "a")->calls, 2);
  EXPECT_EQ(entry(board, "b")->calls, 2);  // keeps its place
  EXPECT_EQ(board.others()[0].calls, 5);
}

TEST(KernelBoard, ANewKernelIsToldFromItsFirstExecutionWhileAllAreListed) {
  Frame frame = frame_with_devices(1);
  add_kernel(frame, "a", 1, 100);
  KernelBoard board(10);
  board.update(frame);
  add_kernel(frame, "b", 7, 300);
  board.update(frame);
  EXPECT_EQ(entry(board, "b")->calls, 7);
}

TEST(KernelBoard, NamesOfOurOwnAreNeverListed) {
  Frame frame = frame_with_devices(1);
  add_kernel(frame, kOtherName, 5, 1000);
  add_kernel(frame, kRetiredName, 6, 1000);
  KernelBoard board(10);
  board.update(frame);
  EXPECT_TRUE(board.entries().empty());
  EXPECT_EQ(board.others()[0].calls, 11);
}

TEST(KernelBoard, TellsKindsApart) {
  Frame frame = frame_with_devices(1);
  add_kernel(frame, "a", 1, 100);
  add_kernel(frame, "copy", 2, 50, KernelKind::kMemcpy);
  KernelBoard board(1);
  board.update(frame);
  EXPECT_EQ(board.entries().size(), 1);
  EXPECT_EQ(board.others()[static_cast<std::size_t>(KernelKind::kMemcpy)].calls, 2);
}

TEST(KernelBoard, HasAtMostFourTimesTheTopAndForgetsWhoIsGone) {
  KernelBoard board(2);
  Frame frame = frame_with_devices(1);
  for (int i = 0; i < 50; ++i) {
    add_kernel(frame, "kernel_" + std::to_string(i), 1, 100ULL << (i / 2));
    board.update(frame);
  }
  EXPECT_EQ(board.entries().size(), 8);
  EXPECT_EQ(board.left_out(), 42);
  EXPECT_EQ(told_calls(board), 50);
  board.update(frame_with_devices(1));
  EXPECT_TRUE(board.entries().empty());
}

/// Whatever kernels do, and in whatever order they come up: nothing told ever falls, and the sum is
/// what the frame says.
RC_GTEST_PROP(KernelBoard, TellsTrueCounters,
              (std::vector<std::pair<std::uint8_t, std::uint8_t>> steps)) {
  KernelBoard board(3);
  Frame frame = frame_with_devices(1);
  std::map<std::string, std::uint64_t> last;
  std::uint64_t others = 0;
  std::uint64_t total = 0;
  for (const auto& [name, calls] : steps) {
    add_kernel(frame, "k" + std::to_string(name % 20), calls, std::uint64_t{calls} * 10);
    total += calls;
    board.update(frame);
    RC_ASSERT(told_calls(board) == total);
    RC_ASSERT(board.others()[0].calls >= others);
    others = board.others()[0].calls;
    for (const KernelBoard::Entry& one : board.entries()) {
      RC_ASSERT(one.calls >= last[one.name->name]);
      last[one.name->name] = one.calls;
    }
  }
}

}  // namespace
}  // namespace gpuvigil
