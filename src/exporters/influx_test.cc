// SPDX-License-Identifier: Apache-2.0
#include "exporters/influx.h"

#include <algorithm>
#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporters/testing_frames.h"

namespace gpuvigil {
namespace {

TEST(InfluxFormat, WritesALineForEachSample) {
  InfluxFormat format({}, "node 1");
  const auto bodies = format.encode(testing::frame_with_devices(1));
  ASSERT_EQ(bodies.size(), 1);
  EXPECT_EQ(bodies[0].samples, std::ranges::count(bodies[0].bytes, '\n'));
  EXPECT_THAT(bodies[0].bytes,
              ::testing::HasSubstr("\ngpuvigil_gpu_power_watts,gpu=0,uuid=GPU-0,"
                                   "name=NVIDIA\\ H100\\ 80GB\\ HBM3,host=node\\ 1 "
                                   "value=251.3 1767323045678000000\n"));
  EXPECT_THAT(bodies[0].bytes, ::testing::HasSubstr("\ngpuvigil_gpu_energy_joules_total,"));
}

TEST(InfluxFormat, NoTagEndsItsLineOrEscapesWhatFollows) {
  const auto line = [](const std::string& value) {
    const Labels labels = {{"l", value}, {"empty", ""}};
    const MetricFamily family{.head = {.name = "x"},
                              .series = {{.labels = &labels, .own_name = "o", .own_value = "1"}},
                              .values = {MetricValue::count(1)}};
    const std::array<const MetricFamily*, 1> all = {&family};
    return InfluxFormat::encode(all, from_unix_ns(5)).at(0).bytes;
  };
  EXPECT_EQ(line("a,b=c d"), "x,l=a\\,b\\=c\\ d,o=1 value=1 5\n");
  EXPECT_EQ(line("a\\"), "x,l=a/,o=1 value=1 5\n");
  EXPECT_EQ(line("a\nb"), "x,l=a\uFFFDb,o=1 value=1 5\n");
  EXPECT_EQ(line("\xFF"), "x,l=\uFFFD,o=1 value=1 5\n");
}

TEST(InfluxFormat, SplitsWhatIsTooMuchForOneRequest) {
  InfluxFormat format({}, "node1");
  const auto bodies = format.encode(testing::frame_with_devices(300));
  ASSERT_GT(bodies.size(), 1);
  EXPECT_EQ(bodies[0].samples, InfluxFormat::kMaxSamples);
}

}  // namespace
}  // namespace gpuvigil
