// SPDX-License-Identifier: Apache-2.0
#include "exporters/otlp.h"

#include <map>

#include <gtest/gtest.h>

#include "exporters/testing_frames.h"
#include "exporters/testing_remote_write.h"

namespace gpuvigil {
namespace {

using testing::MessageReader;
using Attributes = std::map<std::string, std::string>;

struct Point {
  Attributes attributes;
  double value = 0;
  std::uint64_t start = 0;
  std::uint64_t time = 0;
};

struct Metric {
  std::string unit;
  bool is_sum = false;
  std::uint64_t temporality = 0;
  std::uint64_t monotonic = 0;
  std::vector<Point> points;
};

std::pair<std::string, std::string> attribute(std::string_view bytes) {
  std::pair<std::string, std::string> read;
  MessageReader in(bytes);
  while (in.next()) {
    if (in.field == 1) {
      read.first = in.text;
    } else {
      MessageReader any(in.text);
      while (any.next()) read.second = any.text;
    }
  }
  return read;
}

Point point(std::string_view bytes) {
  Point read;
  MessageReader in(bytes);
  while (in.next()) {
    if (in.field == 2) read.start = in.number;
    if (in.field == 3) read.time = in.number;
    if (in.field == 4) read.value = std::bit_cast<double>(in.number);
    if (in.field == 7) read.attributes.insert(attribute(in.text));
  }
  return read;
}

std::pair<std::string, Metric> metric(std::string_view bytes) {
  std::pair<std::string, Metric> read;
  MessageReader in(bytes);
  while (in.next()) {
    if (in.field == 1) read.first = in.text;
    if (in.field == 3) read.second.unit = in.text;
    if (in.field != 5 && in.field != 7) continue;
    read.second.is_sum = in.field == 7;
    MessageReader data(in.text);
    while (data.next()) {
      if (data.field == 1) read.second.points.push_back(point(data.text));
      if (data.field == 2) read.second.temporality = data.number;
      if (data.field == 3) read.second.monotonic = data.number;
    }
  }
  return read;
}

struct Read {
  Attributes resource;
  std::map<std::string, Metric> metrics;
};

Read read_otlp(std::string_view bytes) {
  Read read;
  MessageReader request(bytes);
  EXPECT_TRUE(request.next());
  MessageReader all(request.text);
  while (all.next()) {
    MessageReader part(all.text);
    while (part.next()) {
      if (all.field == 1) read.resource.insert(attribute(part.text));
      if (all.field == 2 && part.field == 2) read.metrics.insert(metric(part.text));
    }
  }
  return read;
}

TEST(OtlpFormat, SpeaksOfHardwareAsTheConventionsDo) {
  OtlpFormat format({}, "node1");
  Frame frame = testing::frame_with_devices(2);
  testing::add_kernel(frame, "gemm", 3, 1'500'000'000);
  const auto bodies = format.encode(frame);
  ASSERT_EQ(bodies.size(), 1);
  const Read read = read_otlp(bodies[0].bytes);
  EXPECT_EQ(read.resource.at("service.name"), "gpuvigil");
  EXPECT_EQ(read.resource.at("host.name"), "node1");

  const Metric& utilization = read.metrics.at("hw.gpu.utilization");
  EXPECT_EQ(utilization.unit, "1");
  EXPECT_FALSE(utilization.is_sum);
  ASSERT_EQ(utilization.points.size(), 2);  // nobody told of encoders
  EXPECT_EQ(utilization.points[0].value, 0.735);
  EXPECT_EQ(utilization.points[0].attributes.at("hw.id"), "GPU-0");
  EXPECT_EQ(utilization.points[0].attributes.at("hw.gpu.task"), "general");
  EXPECT_EQ(utilization.points[0].time, static_cast<std::uint64_t>(to_unix_ns(testing::kEdge)));

  const Metric& energy = read.metrics.at("hw.energy");
  EXPECT_TRUE(energy.is_sum);
  EXPECT_EQ(energy.temporality, 2);
  EXPECT_EQ(energy.monotonic, 1);
  EXPECT_EQ(energy.points[0].value, 1234.5);
  EXPECT_EQ(energy.points[0].start, static_cast<std::uint64_t>(to_unix_ns(frame.since)));

  EXPECT_EQ(read.metrics.at("gpuvigil_kernel_seconds").points[0].value, 1.5);
  EXPECT_EQ(read.metrics.at("gpuvigil_kernel_seconds").unit, "s");
  std::size_t points = 0;
  for (const auto& [name, one] : read.metrics) points += one.points.size();
  EXPECT_EQ(points, bodies[0].samples);
}

TEST(OtlpFormat, TriesAgainOnlyWhatTheSpecificationSays) {
  const OtlpFormat format({}, "node1");
  const auto judge = [&](long status) {
    return format.judge(OutboundAnswer{.status = status, .body = "", .retry_after = {}});
  };
  EXPECT_EQ(judge(200), SendVerdict::kDelivered);
  for (const long status : {429, 502, 503, 504}) EXPECT_EQ(judge(status), SendVerdict::kRetry);
  for (const long status : {400, 401, 404, 500, 501, 505}) {
    EXPECT_EQ(judge(status), SendVerdict::kDrop) << status;
  }
  EXPECT_EQ(format.judge(std::unexpected(
                OutboundFailure{.fault = OutboundFault::kUnreachable, .message = ""})),
            SendVerdict::kRetry);
}

}  // namespace
}  // namespace gpuvigil
