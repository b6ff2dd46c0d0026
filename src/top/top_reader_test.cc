// SPDX-License-Identifier: Apache-2.0
#include "top/top_reader.h"

#include <cmath>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "term/canvas.h"
#include "top/testing_top.h"
#include "top/top_text.h"

namespace gpuvigil {
namespace {

TEST(ReadTop, TakesWhatIsKnownAndLeavesTheRestUnknown) {
  const TopData data = read_top(testing::answers());
  EXPECT_EQ(data.at, "03:04:05");
  EXPECT_EQ(data.window_seconds, 10);
  EXPECT_EQ(data.kernels.at(0).devices, "0-3,5");
  EXPECT_EQ(data.devices.at(0).busy, 92);
  EXPECT_EQ(data.devices.at(1).busy, std::nullopt);
  EXPECT_EQ(data.devices.at(3).xid, "79");
  EXPECT_EQ(data.devices.at(3).state, "gone");
  ASSERT_EQ(data.processes.size(), 3U);
  EXPECT_EQ(data.processes[0].where, "ml/trainer-0");
  EXPECT_EQ(data.processes[2].command, "ollama");
}

TEST(ReadTop, AnythingMayBeAnything) {
  for (const char* const odd :
       {"null", "[]", "{}", "7", R"({"devices":7,"kernels":"x","processes":[7],"alerts":{}})",
        R"({"devices":[[],{"index":-5,"findings":[7],"memory":[]}],"timestamp":"2026-99-99"})",
        R"({"kernels":[{"devices":["x",1e300]}],"window":{"from":7,"to":"2026-01-02Tno time..Z"}})",
        R"({"processes":[{"pid":1e300,"devices":[{"device":-7e300}],"captures":[{}]}]})"}) {
    const JsonValue value = testing::parsed(odd);
    TopData data = read_top({value, value, value, value, value, value});
    TopHistory().add(data);
    EXPECT_GE(data.window_seconds, 0) << odd;
  }
}

TEST(SecondsOf, ReadsTheTimesOfTheApiAndNothingElse) {
  EXPECT_EQ(seconds_of("1970-01-02T00:00:01.5Z"), 86401.5);
  for (const char* const wrong : {"", "1970-01-02", "1970-13-02T00:00:01Z", "yyyy-mm-ddThh:mm:ssZ"})
    EXPECT_EQ(seconds_of(wrong), 0) << wrong;
}

RC_GTEST_PROP(SecondsOf, NeverReadsBeyondItsText, (std::string text)) {
  static_cast<void>(seconds_of("2026-01-02T03:04:05." + text));
  static_cast<void>(seconds_of(text + "Z"));
}

TEST(TopHistory, RatesAreOfTheTimeBetweenTwoAnswers) {
  const auto data = testing::machine();
  EXPECT_EQ(data->devices[0].pcie_rate_out, 310);
  EXPECT_EQ(data->devices[0].pcie_rate_in, 0);
  EXPECT_EQ(data->devices[0].nvlink_rate, 150'000);
  EXPECT_EQ(data->processes[0].call_rate, 980);
  EXPECT_EQ(data->processes[1].call_rate, std::nullopt);
  EXPECT_EQ(data->devices[0].trend.size(), 40U);
}

TEST(TopHistory, KeepsAMinuteAndForgetsWhoIsGone) {
  TopHistory history;
  TopData data;
  for (int second = 0; second < 200; ++second) {
    data = read_top(testing::answers());
    data.at_seconds += second;
    history.add(data);
    history.add(data);  // the same frame once more adds no point
  }
  EXPECT_EQ(data.devices[0].trend.size(), TopHistory::kPoints);
  for (int second = 200; second < 300; ++second) {
    TopData other = read_top(testing::answers(0));
    other.at_seconds += second;
    history.add(other);
  }
  data.at_seconds += 300;
  history.add(data);
  EXPECT_EQ(data.devices[0].trend.size(), 1U);
}

TEST(TopHistory, ACounterThatFellHasNoRate) {
  TopHistory history;
  TopData data = read_top(testing::answers());
  data.devices[0].pcie_sent = 5000;
  history.add(data);
  TopData later = read_top(testing::answers());
  later.at_seconds += 1;
  later.devices[0].pcie_sent = 5;
  history.add(later);
  EXPECT_EQ(later.devices[0].pcie_rate_out, std::nullopt);
}

TEST(TopText, IsAsShortAsItsColumn) {
  EXPECT_EQ(short_time(0.000318), "318ns");
  EXPECT_EQ(short_time(0.318), "318µs");
  EXPECT_EQ(short_time(9.9999), "10.0ms");
  EXPECT_EQ(short_time(999.9999), "1.00s");
  EXPECT_EQ(short_time(200'000), "3m20s");
  EXPECT_EQ(short_time(std::nullopt), "-");
  EXPECT_EQ(short_count(980), "980");
  EXPECT_EQ(short_count(0.4), "0.4");
  EXPECT_EQ(short_count(12'345), "12.3k");
  EXPECT_EQ(short_count(999'999'999.0), "1.00G");
  EXPECT_EQ(short_use(54062, 81920), "52.8/80.0G");
  EXPECT_EQ(short_change(100, 112), "+12%");
  EXPECT_EQ(short_change(std::nullopt, 112), "new");
  EXPECT_EQ(bar(0.5, 4), "██");
  EXPECT_EQ(bar(2, 2), "██");
  EXPECT_EQ(trend(std::vector<double>{NAN, 50}, 100, 2), " ▅");
  EXPECT_EQ(trend(std::vector<double>{0, 50, 100}, 100, 2), "▅█");
}

RC_GTEST_PROP(TopText, AnyNumberIsShort, (double value)) {
  RC_ASSERT(text_width(short_time(value)) <= 6U);
  RC_ASSERT(text_width(short_count(value)) <= 5U);
  RC_ASSERT(text_width(bar(value, 8)) <= 8U);
  RC_ASSERT(text_width(short_change(1.0, value)) <= 6U);
}

}  // namespace
}  // namespace gpuvigil
