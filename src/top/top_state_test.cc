// SPDX-License-Identifier: Apache-2.0
#include "top/top_state.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "top/testing_top.h"
#include "top/top_view.h"

namespace gpuvigil {
namespace {

class Keys {
 public:
  TopAction press(std::string_view letters) {
    TopAction last = TopAction::kNone;
    for (const char c : letters) {
      last = press(Key{KeyCode::kCharacter, static_cast<char32_t>(c)});
    }
    return last;
  }
  TopAction press(Key key) { return gpuvigil::press(state, key, data, 5); }
  TopAction press(KeyCode code) { return press(Key{code}); }

  [[nodiscard]] std::string parameter(std::string_view name) const {
    for (const auto& [key, value] : query_of(state, false).kernels) {
      if (key == name) return value;
    }
    return "(none)";
  }

  TopState state;
  std::shared_ptr<const TopData> data = testing::machine();
};

TEST(TopState, SortWindowAndFilterAreParametersOfTheApi) {
  Keys keys;
  EXPECT_EQ(keys.parameter("sort_by"), "total_time");
  EXPECT_EQ(keys.parameter("since"), "10s");
  EXPECT_EQ(keys.press("sssr"), TopAction::kAsk);
  EXPECT_EQ(keys.parameter("sort_by"), "p95_time");
  EXPECT_EQ(keys.parameter("order"), "asc");
  EXPECT_EQ(keys.press("rSSSS"), TopAction::kAsk);
  EXPECT_EQ(keys.parameter("sort_by"), "name");
  EXPECT_EQ(keys.parameter("order"), "asc");
  keys.press("www");
  EXPECT_EQ(keys.parameter("since"), "(none)");
  EXPECT_EQ(query_of(TopState{}, true).kernels,
            (TopParameters{{"sort_by", "total_time"}, {"order", "desc"}, {"limit", "100"}}));
}

TEST(TopState, AFilterIsTypedThenKeptOrLeft) {
  Keys keys;
  EXPECT_EQ(keys.press("/gemq"), TopAction::kNone);  // a q that is typed does not quit
  keys.press(KeyCode::kBackspace);
  keys.press("m");
  EXPECT_EQ(keys.press(KeyCode::kEnter), TopAction::kAsk);
  EXPECT_EQ(keys.parameter("name"), "*gemm*");
  keys.press("/x");
  keys.press(KeyCode::kEscape);
  EXPECT_EQ(keys.parameter("name"), "*gemm*");
  keys.press("/");
  for (int i = 0; i < 500; ++i) keys.press("*");
  EXPECT_LE(keys.state.draft.size(), 100U);
  keys.press(KeyCode::kEnter);
  EXPECT_TRUE(keys.parameter("name").starts_with("gemm**"));
  keys.press(KeyCode::kEscape);
  EXPECT_EQ(keys.parameter("name"), "(none)");
}

TEST(TopState, DevicesAreChosenByTheirNumberIfThereAreSome) {
  Keys keys;
  EXPECT_EQ(keys.press("2"), TopAction::kAsk);
  EXPECT_EQ(keys.parameter("device"), "2");
  EXPECT_EQ(query_of(keys.state, false).processes.back().second, "2");
  EXPECT_EQ(keys.press("9"), TopAction::kNone);  // the machine has four
  keys.press("2");
  EXPECT_EQ(keys.parameter("device"), "(none)");
}

TEST(TopState, TheCursorStaysWithItsRowHoweverRowsAreSorted) {
  Keys keys;
  keys.press("jj");
  EXPECT_EQ(keys.state.cursors[1].id, keys.data->kernels[2].id);
  auto other = std::make_shared<TopData>(*keys.data);
  std::ranges::reverse(other->kernels);
  EXPECT_EQ(cursor_row(keys.state, TopPane::kKernels, *other), 2U);
  other->kernels.erase(other->kernels.begin() + 2);
  EXPECT_EQ(cursor_row(keys.state, TopPane::kKernels, *other), 2U);  // gone: the same place
  other->kernels.clear();
  EXPECT_EQ(cursor_row(keys.state, TopPane::kKernels, *other), 0U);
  keys.press("G");
  EXPECT_EQ(cursor_row(keys.state, TopPane::kKernels, *keys.data), 4U);
  keys.press(KeyCode::kPageUp);
  EXPECT_EQ(cursor_row(keys.state, TopPane::kKernels, *keys.data), 0U);
}

TEST(TopState, DetailAsksForTheKernelUnderTheCursor) {
  Keys keys;
  keys.press("j");
  EXPECT_EQ(keys.press(KeyCode::kEnter), TopAction::kAsk);
  EXPECT_EQ(query_of(keys.state, false).kernel_id, keys.data->kernels[1].id);
  keys.press(KeyCode::kEscape);
  EXPECT_EQ(query_of(keys.state, false).kernel_id, "");
}

TEST(TopState, PauseAndFreezeKeepWhatWasShown) {
  Keys keys;
  keys.press(" f");
  EXPECT_EQ(keys.state.paused, keys.data);
  EXPECT_EQ(keys.state.baseline, keys.data);
  keys.press(" f");
  EXPECT_EQ(keys.state.paused, nullptr);
  EXPECT_EQ(keys.state.baseline, nullptr);
}

TEST(TopState, KeysThatEndIt) {
  Keys keys;
  EXPECT_EQ(keys.press("q"), TopAction::kQuit);
  EXPECT_EQ(keys.press(KeyCode::kInterrupt), TopAction::kQuit);
  EXPECT_EQ(keys.press(KeyCode::kSuspend), TopAction::kSuspend);
  keys.press("/");
  EXPECT_EQ(keys.press(KeyCode::kInterrupt), TopAction::kQuit);
}

RC_GTEST_PROP(TopState, AnyKeysLeaveAScreenThatCanBeDrawn,
              (std::vector<std::pair<std::uint8_t, std::uint8_t>> presses)) {
  static const auto kFull = testing::machine();
  static const auto kEmpty = std::make_shared<const TopData>();
  TopState state;
  for (const auto& [code, letter] : presses) {
    const auto& data = letter % 5 == 0 ? kEmpty : kFull;
    const Key key{static_cast<KeyCode>(code % 17), static_cast<char32_t>(letter % 0x60 + 0x20)};
    static_cast<void>(press(state, key, data, code));
    const ScreenSize size{.columns = 40U + letter % 90, .rows = 8U + code % 30};
    static_cast<void>(draw_top(*data, state, {.size = size}));
    RC_ASSERT(query_of(state, false).kernels.size() < 30U);
  }
}

}  // namespace
}  // namespace gpuvigil
