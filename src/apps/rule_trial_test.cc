// SPDX-License-Identifier: Apache-2.0
#include "apps/rule_trial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_reader.h"

namespace gpuvigil {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Rule rule_of(std::string when) {
  auto rule = compile_rule({.name = "r", .when = std::move(when)}, RuleOrigin::kFile);
  EXPECT_TRUE(rule.has_value());
  return *std::move(rule);
}

/// What is raised where a device gave these values, a second apart.
std::string tried(const std::string& when, const std::string& metric, const std::string& values) {
  const std::string history = R"({"step_ms":1000,"series":[{"metric":")" + metric +
                              R"(","uuid":"GPU-1","times":["2026-01-02T03:04:05Z")" +
                              R"(,"","","","","","",""],"values":[)" + values + "]}]}";
  const auto read = parse_json(history, 1 << 20);
  EXPECT_TRUE(read.has_value());
  const auto raised = try_on_series({rule_of(when)}, *read);
  return raised ? *raised : raised.error().message;
}

TEST(RuleTrial, TellsWhatHistoryWouldHaveRaised) {
  EXPECT_THAT(tried("temperature above 80 C", "temperature", "70,90,90,70,70,70,70,70"),
              AllOf(StartsWith("2026-01-02 03:04:06Z  firing    warning   r  "),
                    HasSubstr("\n2026-01-02 03:04:08Z  resolved  warning   r  ")));
  EXPECT_THAT(tried("temperature above 80 C for 3 s", "temperature", "90,90,null,90,90,90,90,90"),
              StartsWith("2026-01-02 03:04:10Z  firing"))
      << "a gap is no evidence";
  EXPECT_EQ(tried("temperature above 80 C", "temperature", "1,2,3,4,5,6,7,8"),
            "nothing would have been raised\n");
}

TEST(RuleTrial, ReadsEachMetricAsItWasRead) {
  const auto f = [](const std::string& metric, const std::string& when, const std::string& value) {
    const std::string values = "null," + value + "," + value + ",null,null,null,null,null";
    EXPECT_THAT(tried(when, metric, values), HasSubstr("firing")) << when;
  };
  f("gpu_utilization", "gpu_utilization above 90 %", "95");
  f("kernel_busy", "kernel_busy above 90 %", "95");
  f("memory_usage", "memory_usage above 90 %", "95");
  f("memory_used", "memory_used above 1 GiB", "2e9");
  f("power", "power above 300 W", "301.5");
  f("sm_clock", "sm_clock below 500 MHz", "400");
  f("memory_clock", "memory_clock below 500 MHz", "400");
  f("device_lost", "device_lost above 0", "1");
  f("device_healthy", "device_healthy below 1", "0");
  f("pcie_width", "pcie_width below 16", "8");
  f("ecc_corrected", "ecc_corrected above 3", "4");
}

TEST(RuleTrial, NamesWhatHistoryCannotTell) {
  const auto f = [](const std::string& when, bool want) {
    EXPECT_EQ(is_in_history(rule_of(when)), want) << when;
  };
  f("temperature above slowdown_temperature - 1 C", true);
  f("no data for 20 s", true);
  f("p95 of kernel \"gemm*\" above 2 ms", false);
  f("count of xid over 10 min above 0", false);
  f("held_idle above 0", false);
  f("power above 98 % of power_limit", false);
}

TEST(RuleTrial, WhatIsNoHistoryIsAnError) {
  const auto f = [](const char* answer, const char* want) {
    const auto read = parse_json(answer, 1 << 20);
    ASSERT_TRUE(read.has_value());
    const auto raised = try_on_series({rule_of("power above 1 W")}, *read);
    EXPECT_THAT(raised ? *raised : raised.error().message, HasSubstr(want)) << answer;
  };
  f("{}", "history has nothing of that time");
  f("[]", "history has nothing of that time");
  f(R"({"series":[{"metric":"power"}]})", "no history");
  f(R"({"step_ms":0,"series":[{"metric":"power","uuid":"u","times":["2026-01-02T03:04:05Z"],)"
    R"("values":[1]}]})",
    "no history");
  f(R"({"step_ms":1000,"series":[{"metric":"power","uuid":"u","times":["soon"],"values":[1]}]})",
    "no history");
}

}  // namespace
}  // namespace gpuvigil
