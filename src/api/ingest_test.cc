// SPDX-License-Identifier: Apache-2.0
#include "api/ingest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr Timestamp kNow = Timestamp(1'800'000'000s);  // 2027-01-15T08:00:00Z

class IngestTest : public ::testing::Test {
 protected:
  IngestTest() {
    for (const auto& [uuid, source] : {std::pair{"GPU-a", "nvml"}, {"API-7", "api"}}) {
      DeviceRow row;
      row.info = std::make_shared<const DeviceInfo>(
          DeviceInfo{.uuid = uuid, .name = "", .pci_bus_id = "", .source = source});
      row.index = static_cast<std::uint32_t>(frame_.devices.size());
      frame_.devices.push_back(row);
    }
  }
  /// Reads one execution; the first thing that is wrong, or "ok".
  std::string execution(const std::string& element) {
    const auto read = read_executions(R"({"executions":[)" + element + "]}", context_);
    return told(read ? IngestRefusal{} : read.error(), read.has_value());
  }
  std::string sample(const std::string& element) {
    const auto read = read_samples(R"({"samples":[)" + element + "]}", context_);
    return told(read ? IngestRefusal{} : read.error(), read.has_value());
  }
  static std::string told(const IngestRefusal& refusal, bool taken) {
    if (taken) return "ok";
    if (refusal.errors.empty()) return refusal.detail;
    return refusal.errors.front().parameter + " " + refusal.errors.front().reason;
  }

  Frame frame_;
  IngestContext context_{.frame = frame_, .now = kNow};
};

TEST_F(IngestTest, AnExecutionIsReadToTheNanosecond) {
  const auto read = read_executions(
      R"({"executions":[{"name":"conv2d","duration_ms":0.145001,"memory_mb":1.5,
          "timestamp":"2027-01-15T07:59:59.5Z","device":7,"kind":"memcpy"},
          {"name":"ncclAllReduce","duration_ms":0}]})",
      context_);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->executions.size(), 2U);
  const auto& full = read->executions[0];
  EXPECT_EQ(full.name, "conv2d");
  EXPECT_EQ(full.kind, KernelKind::kMemcpy);
  EXPECT_EQ(full.device, "API-7");
  EXPECT_EQ(full.execution.duration, 145'001ns);
  EXPECT_EQ(full.execution.end, kNow - 500ms);
  EXPECT_EQ(full.execution.start, kNow - 500ms - 145'001ns);
  EXPECT_EQ(full.execution.memory, Bytes(1'572'864));
  const auto& least = read->executions[1];
  EXPECT_EQ(least.kind, KernelKind::kCollective);  // told by its name
  EXPECT_EQ(least.device, "GPU-a");
  EXPECT_EQ(least.execution.end, kNow);
  EXPECT_FALSE(least.execution.start);
  EXPECT_FALSE(least.execution.memory);
}

TEST_F(IngestTest, WhatIsWrongWithAnExecutionIsNamed) {
  const auto f = [&](const std::string& element, std::string_view want) {
    EXPECT_THAT(execution(element), HasSubstr(want)) << element;
  };
  f(R"({"duration_ms":1})", "executions[0].name is missing");
  f(R"({"name":"k"})", "executions[0].duration_ms is missing");
  f(R"({"name":"","duration_ms":1})", "executions[0].name must be a text");
  f(R"({"name":5,"duration_ms":1})", "executions[0].name must be a text");
  f(R"({"name":"k","duration_ms":-1})", "executions[0].duration_ms must be a number from 0");
  f(R"({"name":"k","duration_ms":"1"})", "executions[0].duration_ms must be a number");
  f(R"({"name":"k","duration_ms":1e13})", "executions[0].duration_ms must be a number");
  f(R"({"name":"k","duration_ms":null})", "executions[0].duration_ms is missing");
  f(R"({"name":"k","duration_ms":1,"memory_mb":-1})", "executions[0].memory_mb");
  f(R"({"name":"k","duration_ms":1,"timestamp":"yesterday"})", "executions[0].timestamp must be");
  f(R"({"name":"k","duration_ms":1,"timestamp":1800000000})", "executions[0].timestamp must be");
  f(R"({"name":"k","duration_ms":1,"timestamp":"2027-01-15T08:01:00Z"})", "in the future");
  f(R"({"name":"k","duration_ms":1,"timestamp":"2027-01-15T06:00:00Z"})", "older than an hour");
  f(R"({"name":"k","duration_ms":1,"device":64})", "executions[0].device must be");
  f(R"({"name":"k","duration_ms":1,"device":-1})", "executions[0].device must be");
  f(R"({"name":"k","duration_ms":1,"device":0.5})", "executions[0].device must be");
  f(R"({"name":"k","duration_ms":1,"device":"GPU-none"})", "executions[0].device must be");
  f(R"({"name":"k","duration_ms":1,"kind":"kernel"})", "executions[0].kind must be compute");
  f(R"({"name":"k","duration_ms":1,"stream":3})", "executions[0].stream is not known here");
  f("5", "executions[0] must be an object");
  f(R"({"name":"k","duration_ms":1,"device":"GPU-a","kind":"compute"})", "ok");
}

TEST_F(IngestTest, ABodyThatIsNoListIsRefused) {
  const auto f = [&](const std::string& body, unsigned status, std::string_view want) {
    const auto read = read_executions(body, context_);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().status, status);
    EXPECT_THAT(read.error().detail, HasSubstr(want));
  };
  f("", 400, "not JSON");
  f("{", 400, "not JSON");
  f("[]", 400, "the body must be");
  f(R"({"execution":[]})", 400, "the body must be");
  f(R"({"executions":{}})", 400, "the body must be");
  f(R"({"executions":[],"more":1})", 400, "the body must be");
  f(std::string(kMaxIngestBytes + 1, ' '), 413, "bytes of JSON");
  std::string many = R"({"executions":[)";
  for (std::size_t i = 0; i <= kMaxSubmittedItems; ++i) many += i == 0 ? "1" : ",1";
  f(many + "]}", 413, "at most 10000");
  std::string deep(100, '[');
  f(deep, 400, "not JSON");
  EXPECT_TRUE(read_executions(R"({"executions":[]})", context_));
}

TEST_F(IngestTest, ErrorsNameTheirElementAndAreBounded) {
  std::string body = R"({"executions":[{"name":"k","duration_ms":1})";
  for (int i = 0; i < 100; ++i) body += R"(,{"name":"k","duration_ms":-1})";
  const auto read = read_executions(body + "]}", context_);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().errors.size(), 20U);
  EXPECT_EQ(read.error().errors.front().parameter, "executions[1].duration_ms");
  EXPECT_THAT(read.error().detail, HasSubstr("nothing was taken"));
}

TEST_F(IngestTest, ASampleIsReadAndWhatItLacksIsMissing) {
  const auto read = read_samples(
      R"({"samples":[{"device":7,"gpu_utilization":50.5,"memory_used_mb":1,"memory_total_mb":2,
          "temperature_celsius":61,"power_watts":250.5,"power_limit_watts":400,
          "sm_clock_mhz":1410,"memory_clock_mhz":1593},{"device":7,"power_watts":0}]})",
      context_);
  ASSERT_TRUE(read);
  const DeviceSample& full = read->samples[0].sample;
  EXPECT_EQ(read->samples[0].device, "API-7");
  EXPECT_EQ(full.gpu_utilization, Percent(50.5));
  EXPECT_EQ(full.memory_used, Bytes(1'048'576));
  EXPECT_EQ(full.memory_total, Bytes(2'097'152));
  EXPECT_EQ(full.temperature, Celsius(61));
  EXPECT_EQ(full.power, Watts(250.5));
  EXPECT_EQ(full.power_limit, Watts(400));
  EXPECT_EQ(full.sm_clock, Megahertz(1410));
  EXPECT_EQ(full.memory_clock, Megahertz(1593));
  EXPECT_EQ(full.at, kNow);
  const DeviceSample& least = read->samples[1].sample;
  EXPECT_EQ(least.power, Watts(0));
  EXPECT_EQ(least.gpu_utilization, missing(Missing::kNotSampled));
}

TEST_F(IngestTest, WhatIsWrongWithASampleIsNamed) {
  const auto f = [&](const std::string& element, std::string_view want) {
    EXPECT_THAT(sample(element), HasSubstr(want)) << element;
  };
  f(R"({"device":7})", "samples[0].gpu_utilization or another reading is needed");
  f(R"({"device":7,"gpu_utilization":101})", "samples[0].gpu_utilization must be a number from 0");
  f(R"({"device":7,"gpu_utilization":-0.1})", "samples[0].gpu_utilization must be a number");
  f(R"({"device":7,"memory_used_mb":3,"memory_total_mb":2})", "must not be more than");
  f(R"({"device":7,"fan":3,"power_watts":1})", "samples[0].fan is not known here");
  f(R"({"device":0,"gpu_utilization":5})", "is measured by this server itself");
  f(R"({"gpu_utilization":5})", "is measured by this server itself");
  f(R"({"device":3,"gpu_utilization":5})", "ok");
}

}  // namespace
}  // namespace gpuvigil
