// SPDX-License-Identifier: Apache-2.0
#include "top/top_view.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "term/screen_diff.h"
#include "top/testing_top.h"

namespace gpuvigil {
namespace {

/// Compares with src/top/golden/NAME.txt; GPUVIGIL_UPDATE_GOLDEN=1 writes it instead.
void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = fmt::format("{}/src/top/golden/{}.txt", GPUVIGIL_SOURCE_DIR, name);
  if (std::getenv("GPUVIGIL_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path) << text;
    return;
  }
  std::ostringstream want;
  want << std::ifstream(path).rdbuf();
  EXPECT_EQ(text, want.str()) << path;
}

std::string screen(const TopData& data, const TopState& state, ScreenSize size,
                   bool is_ascii = false) {
  return draw_top(data, state, {.size = size, .is_ascii = is_ascii, .age_seconds = 3}).text();
}

constexpr ScreenSize kSizes[] = {{80, 24}, {120, 40}, {200, 60}};

std::string name_of(std::string_view what, ScreenSize size) {
  return fmt::format("{}-{}x{}", what, size.columns, size.rows);
}

TEST(TopView, TheScreenAtThreeSizes) {
  const auto data = testing::machine();
  for (const ScreenSize size : kSizes) {
    expect_golden(name_of("mono", size), screen(*data, {}, size));
    expect_golden(name_of("ascii", size), screen(*data, {}, size, true));
  }
}

TEST(TopView, FrozenFilteredAndWithACursor) {
  TopState state;
  state.baseline = testing::machine(4, 0.8);
  state.filter = "gemm";
  state.devices = {0, 2};
  state.cursors[1] = {.id = "0000000000000002", .index = 1};
  expect_golden("frozen-80x24", screen(*testing::machine(), state, kSizes[0]));
  expect_golden("frozen-120x40", screen(*testing::machine(), state, kSizes[1]));
}

TEST(TopView, Overlays) {
  auto data = std::make_shared<TopData>(*testing::machine());
  data->kernel_answer = std::make_shared<const JsonValue>(testing::kernel_json());
  TopState state;
  state.cursors[1].id = "0000000000000001";
  state.overlay = TopOverlay::kDetail;
  expect_golden("detail-kernel-80x24", screen(*data, state, kSizes[0]));
  state.pane = TopPane::kDevices;
  state.cursors[0].index = 3;
  expect_golden("detail-device-80x24", screen(*data, state, kSizes[0]));
  state.pane = TopPane::kProcesses;
  expect_golden("detail-process-80x24", screen(*data, state, kSizes[0]));
  state.overlay = TopOverlay::kAlerts;
  expect_golden("alerts-80x24", screen(*data, state, kSizes[0]));
  state.overlay = TopOverlay::kHelp;
  expect_golden("help-80x24", screen(*data, state, kSizes[0]));
}

TEST(TopView, ManyDevicesLeaveRoomForTheRest) {
  const auto data = testing::machine(64);
  expect_golden("many-80x24", screen(*data, {}, kSizes[0]));
  TopState state;
  state.is_collapsed = true;
  const std::string text = screen(*data, state, kSizes[0]);
  EXPECT_NE(text.find(" 64 devices  busy"), std::string::npos) << text;
}

TEST(TopView, OnceIsTheSameWithoutKeys) {
  expect_golden("once-120", top_text(*testing::machine(), {}, 120, false));
}

TEST(TopView, WhatIsNotThePresentSaysSo) {
  TopData data = *testing::machine();
  const auto f = [&](const TopState& state, std::string_view want) {
    const std::string text = screen(data, state, kSizes[0]);
    EXPECT_NE(text.find(want), std::string::npos) << want << "\n" << text;
  };
  f({}, "● live");
  TopState paused;
  paused.paused = testing::machine();
  f(paused, "‖ paused 3s");
  data.complaint = "cannot connect to gpu-07:8080\x1b[2J";
  f({}, "▲ stale 3s");
  f({}, "▲ cannot connect to gpu-07:8080\uFFFD[2J");
  data.complaint.clear();
  data.is_over = true;
  f({}, "○ recording ended");
  data.is_over = false;
  data.is_demo = true;
  f({}, "DEMO: simulated machine");
  TopData nothing;
  nothing.reason = "no GPU was found";
  EXPECT_NE(screen(nothing, {}, kSizes[0]).find("no GPU was found"), std::string::npos);
}

TEST(TopView, ATinyScreenSaysWhatItNeeds) {
  const auto data = testing::machine();
  EXPECT_EQ(screen(*data, {}, {39, 24}).substr(0, 12), "needs 40x8; ");
  EXPECT_EQ(screen(*data, {}, {5, 1}), "needs\n");
  EXPECT_EQ(screen(*data, {}, {0, 0}), "");
  for (const TopPane pane : {TopPane::kDevices, TopPane::kKernels, TopPane::kProcesses}) {
    TopState state;
    state.pane = pane;
    EXPECT_NE(screen(*data, state, {40, 8}).find("▸"), std::string::npos);
  }
}

/// What may be in the bytes for a terminal: text, and the three sequences that we write.
std::string_view first_wrong(std::string_view bytes) {
  while (!bytes.empty()) {
    if (bytes.front() == '\x1b') {
      const std::size_t end = bytes.find_first_not_of("0123456789;", 2);
      if (bytes.size() < 3 || bytes[1] != '[' || end == std::string_view::npos) return bytes;
      if (std::string_view("HJm").find(bytes[end]) == std::string_view::npos) return bytes;
      bytes.remove_prefix(end + 1);
    } else if (static_cast<unsigned char>(bytes.front()) < 0x20 || bytes.front() == '\x7f') {
      return bytes;
    } else {
      bytes.remove_prefix(1);
    }
  }
  return {};
}

TEST(TopView, HostileNamesNeverReachTheTerminalRaw) {
  auto data = std::make_shared<TopData>(*testing::machine());
  data->kernel_answer = std::make_shared<const JsonValue>(testing::kernel_json());
  ASSERT_NE(data->kernels[3].name.find('\x1b'), std::string::npos) << "the test tests something";
  for (const TopOverlay overlay : {TopOverlay::kNone, TopOverlay::kDetail, TopOverlay::kAlerts}) {
    TopState state;
    state.overlay = overlay;
    state.cursors[1].id = "0000000000000001";
    const Canvas canvas = draw_top(*data, state, {.size = {200, 60}});
    for (const ColourDepth depth : {ColourDepth::kMono, ColourDepth::kTrue}) {
      const std::string bytes = screen_diff(nullptr, canvas, {depth, false});
      EXPECT_EQ(first_wrong(bytes), "");
      for (const std::string_view bad : {"\u202e", "\u0301", "\u200d", "🚀", "]0;owned\a"}) {
        EXPECT_EQ(bytes.find(bad), std::string::npos) << bad;
      }
    }
  }
}

RC_GTEST_PROP(TopView, AnyBytesAsNamesAreHarmless, (std::string name, std::string other)) {
  static const auto kMachine = testing::machine(1);
  TopData data = *kMachine;
  data.kernels[0].name = name;
  data.devices[0].name = other;
  data.devices[0].state = name;
  data.processes[0].command = other;
  data.processes[0].user = name;
  data.complaint = other;
  RC_ASSERT(first_wrong(screen_diff(nullptr, draw_top(data, {}, {.size = {121, 30}}), {})) == "");
}

}  // namespace
}  // namespace gpuvigil
