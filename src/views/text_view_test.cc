// SPDX-License-Identifier: Apache-2.0
#include "views/text_view.h"

#include <algorithm>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"
#include "views/human.h"
#include "views/testing_frame.h"
#include "views/text_table.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using testing::absent_device;
using testing::add_kernel;
using testing::alert;
using testing::empty_frame;
using testing::full_device;
using testing::kEdge;
using testing::kernel;

std::size_t widest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t widest = 0;
  for (std::string line; std::getline(lines, line);) {
    widest = std::max(widest, display_width(line));
  }
  return widest;
}

TEST(Human, TimesHaveThreeDigitsAndAUnit) {
  const auto f = [](std::uint64_t ns, std::string_view want) { EXPECT_EQ(human_time(ns), want); };
  f(0, "0 ns");
  f(999, "999 ns");
  f(1'000, "1.00 µs");
  f(12'340, "12.3 µs");
  f(145'000, "145 µs");
  f(999'499, "999 µs");
  f(999'500, "1.00 ms");
  f(220'835'000, "221 ms");
  f(1'200'000'000, "1.20 s");
  f(99'940'000'000, "99.9 s");
  f(100'000'000'000, "1 min 40 s");
  f(7'500'000'000'000, "2 h 05 min");
}

TEST(Human, CountsBytesAndTimesOfDay) {
  EXPECT_EQ(human_count(0), "0");
  EXPECT_EQ(human_count(999), "999");
  EXPECT_EQ(human_count(1'234'567), "1,234,567");
  EXPECT_EQ(human_bytes(Bytes(512ULL << 20U)), "512 MiB");
  EXPECT_EQ(human_bytes(Bytes(80ULL << 30U)), "80.0 GiB");
  EXPECT_EQ(human_uptime(59), "59 s");
  EXPECT_EQ(human_uptime(200), "3 min 20 s");
  EXPECT_EQ(human_uptime(100'000), "1 d 3 h");
  EXPECT_EQ(human_timestamp(kEdge), "2026-01-02 03:04:05 UTC");
  EXPECT_EQ(human_clock(kEdge), "03:04:05");
}

TEST(Human, LongNamesKeepBothEnds) {
  const auto f = [](std::string_view text, std::size_t width, std::string_view want) {
    EXPECT_EQ(fold_middle(text, width), want);
  };
  f("short", 5, "short");
  f("abcdefghijkl", 9, "abcd...kl");
  f("ääääääääää", 6, "ää...ä");
  f("abcdef", 2, "ab");
  f("abcdef", 0, "");
}

RC_GTEST_PROP(Human, FoldedTextFitsAndIsWhole, (std::string bytes, std::uint8_t width)) {
  const std::string text = clean_text(bytes);
  const std::string folded = fold_middle(text, width);
  RC_ASSERT(display_width(folded) <= width);
  RC_ASSERT(is_clean_text(folded));
  RC_ASSERT((folded == text) == (display_width(text) <= width));
}

TEST(TextTable, FoldsOneColumnToFit) {
  TextTable table({{.title = "A", .align = Align::kLeft, .folds = true}, {.title = "B"}});
  table.add_row({std::string(150, 'x'), "12345"});
  std::string out;
  table.append_to(out);
  EXPECT_EQ(widest_line(out), kTextColumns);
  EXPECT_NE(out.find("x...x"), std::string::npos);
}

TEST(ReportText, LooksLikeThis) {
  Frame frame = empty_frame();
  frame.devices = {full_device(0, "nvml"), absent_device(1, Missing::kNoPermission)};
  auto gemm = kernel("void at::native::gemm<float>(float*)", 1523, 220'835'000);
  add_kernel(frame, gemm);
  KernelList top;
  top.rows = {gemm};
  top.total_kernels = 34;
  frame.alerts = {alert("a", AlertState::kFiring), alert("b", AlertState::kResolved)};
  frame.losses.add(Loss::kBytesUnreadable, 4096);
  EXPECT_EQ(report_text(frame, top), R"(gpuvigil report   2026-01-02 03:04:05 UTC   up 1 h 00 min

DEVICES
  GPU  NAME                  UTIL   BUSY  MEM USED        OF  POWER   TEMP  SM CLOCK  SOURCE  HEALTH
    0  NVIDIA H100... HBM3  73.5%  71.9%  2048 MiB  8192 MiB  251 W  61 °C  1410 MHz  nvml    ok
    1  NVIDIA H100... HBM3      -      -         -         -      -      -         -  nvml    ok
  - UTIL, BUSY, MEM USED, OF, POWER, TEMP, SM CLOCK: permission
  GPU 0 throttled: sw_power_cap, sw_thermal_slowdown
  all: utilization 73.5%, memory 2048 MiB of 8192 MiB

GPU TIME
  GPU  KERNEL BUSY  WITH COPIES  FIRST START TO LAST END  KERNEL BUSY OF IT  WATCHED FOR
    0       750 ms       800 ms                   1.00 s              75.0%       2.00 s

TOP KERNELS BY TIME
  KERNEL                 CALLS   TOTAL  SHARE     AVG     P50      P99      MAX
  at::native::gemm<...>  1,523  221 ms  62.5%  145 µs  145 µs  2.40 ms  2.50 ms
  and 33 more
  1,523 calls, 221 ms of GPU time, 145 µs on average; memory: n/a

ACTIVE ALERTS (1)
  SEVERITY  STATE   SINCE                    GPU  MESSAGE                                     WORST
  warning   firing  2026-01-02 03:02:50 UTC    0  GPU 0 utilization above 90% for 30 seconds   92.3

LOST OR INEXACT
         4,096  bytes_unreadable: Bytes of files not readable or cut off.
)");
}

TEST(ReportText, UnknownIsADashAndAFootnoteSaysWhy) {
  Frame frame = empty_frame();
  frame.devices = {full_device(0, "nvml"), absent_device(1, Missing::kNoPermission)};
  const std::string text = report_text(frame, {});
  EXPECT_NE(text.find("- UTIL, BUSY, MEM USED, OF, POWER, TEMP, SM CLOCK: permission\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("73.5%  71.9%"), std::string::npos) << text;
  EXPECT_NE(text.find("sw_power_cap"), std::string::npos) << text;
  EXPECT_NE(text.find("all: utilization 73.5%, memory 2048 MiB of 8192 MiB\n"), std::string::npos);
  EXPECT_LE(widest_line(text), kTextColumns) << text;
  EXPECT_EQ(text.find(" 0.0%"), std::string::npos) << "unknown is never zero";
}

TEST(ReportText, WithoutADeviceItSaysHowToGetOne) {
  Frame frame = empty_frame();
  frame.no_device_reason = "try \x1b[1m--demo";
  const std::string text = report_text(frame, {});
  EXPECT_NE(text.find("no device: try \xEF\xBF\xBD[1m--demo\n"), std::string::npos) << text;
}

TEST(TextViews, ADemoIsLabelled) {
  Frame frame = empty_frame();
  frame.devices = {full_device(0, "demo")};
  EXPECT_NE(report_text(frame, {}).find("DEMO: simulated machine\n"), std::string::npos);
  frame.devices = {full_device(0, "nvml")};
  EXPECT_EQ(report_text(frame, {}).find("DEMO"), std::string::npos);
}

TEST(TextViews, HostileNamesCannotMoveACursorOrWidenALine) {
  for (const std::string_view name : testing::kHostileNames) {
    Frame frame = empty_frame();
    frame.devices = {full_device(0, "nvml")};
    auto info = std::make_shared<DeviceInfo>(*frame.devices[0].info);
    info->name = std::string(name) + std::string(200, 'x');
    frame.devices[0].info = info;
    frame.alerts = {alert("a", AlertState::kFiring)};
    frame.alerts[0].message = std::string(name) + std::string(200, 'y');
    KernelList top;
    top.rows = {kernel(std::string(name) + std::string(200, 'z'), 1, 1)};
    const std::string text = report_text(frame, top);
    EXPECT_LE(widest_line(text), kTextColumns) << text;
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find('\r'), std::string::npos);
  }
}

}  // namespace
}  // namespace gpuvigil
