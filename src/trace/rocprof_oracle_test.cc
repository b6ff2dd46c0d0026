// SPDX-License-Identifier: Apache-2.0
// Tables of AMD's profilers against an independent reckoning of the same rows.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/json_reader.h"
#include "trace/kineto_test_support.h"
#include "trace/trace_reader.h"

namespace gpuvigil {
namespace {

using testing_support::CollectingVisitor;

constexpr std::size_t kMaxOracleBytes = std::size_t{16} << 20U;

std::int64_t number(const JsonValue& value) {
  const auto* n = value.as_int();
  EXPECT_NE(n, nullptr);
  return n != nullptr ? *n : -1;
}

struct Sum {
  std::int64_t calls = 0;
  std::int64_t total = 0;
  std::int64_t min = INT64_MAX;
  std::int64_t max = 0;
};

void expect_device(const JsonValue& want, const CollectingVisitor::Recording& got,
                   std::uint32_t device) {
  std::map<std::string, Sum> sums;
  std::vector<std::pair<std::int64_t, std::int64_t>> intervals;
  for (const auto& e : got.sink.executions) {
    if (e.device != device) continue;
    Sum& sum = sums[e.name];
    ++sum.calls;
    sum.total += e.duration_ns;
    sum.min = std::min(sum.min, e.duration_ns);
    sum.max = std::max(sum.max, e.duration_ns);
    intervals.emplace_back(e.start_ns, e.start_ns + e.duration_ns);
  }
  EXPECT_EQ(std::ssize(intervals), number(want["kernels"]));
  EXPECT_EQ(testing_support::union_ns(intervals), number(want["kernel_busy_ns"]));
  const auto* names = want["by_name"].as_array();
  ASSERT_NE(names, nullptr);
  EXPECT_EQ(sums.size(), names->size());
  for (const JsonValue& kernel : *names) {
    const Sum& sum = sums[std::string(kernel["name"].string_or("?"))];
    SCOPED_TRACE(kernel["name"].string_or("?"));
    EXPECT_EQ(sum.calls, number(kernel["calls"]));
    EXPECT_EQ(sum.total, number(kernel["total_ns"]));
    EXPECT_EQ(sum.min, number(kernel["min_ns"]));
    EXPECT_EQ(sum.max, number(kernel["max_ns"]));
  }
}

TEST(RocprofOracle, EveryTableEqualsItsOracle) {
  const auto data = testing_support::recorded_data();
  if (!data) GTEST_SKIP() << "no recorded data beside the checkout";
  int compared = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*data / "rocprof")) {
    const std::string oracle = entry.path().string() + ".oracle.json";
    if (!std::filesystem::exists(oracle)) continue;
    SCOPED_TRACE(entry.path().filename().string());
    const auto want = parse_json(testing_support::bytes_of(oracle), kMaxOracleBytes);
    ASSERT_TRUE(want);
    CollectingVisitor visitor;
    const auto summaries = read_trace(entry.path().string(), visitor);
    ASSERT_TRUE(summaries) << summaries.error().message;
    EXPECT_EQ(summaries->front().format, "rocprof");
    EXPECT_EQ(summaries->front().damage, "");
    const auto* devices = (*want)["devices"].as_object();
    ASSERT_NE(devices, nullptr);
    ASSERT_EQ(devices->size(), summaries->front().devices.size());
    for (std::uint32_t i = 0; i < summaries->front().devices.size(); ++i) {
      const auto recorded = std::to_string(summaries->front().devices[i].recorded_number);
      expect_device((*want)["devices"][recorded], visitor.recordings.front(), i);
    }
    ++compared;
  }
  EXPECT_GE(compared, 5);
}

TEST(RocprofOracle, TablesThatHoldNoTimesAreRefused) {
  const auto data = testing_support::recorded_data();
  if (!data) GTEST_SKIP() << "no recorded data beside the checkout";
  const auto f = [&](const std::string& file, const std::string& want) {
    CollectingVisitor visitor;
    const auto read = read_trace((*data / "rocprof" / file).string(), visitor);
    ASSERT_FALSE(read) << file;
    EXPECT_NE(read.error().message.find(want), std::string::npos) << read.error().message;
  };
  f("rpc_vcopy_MI300X_A1_timestamps.csv", "spreadsheet");
  f("rpc_vcopy_MI300X_A1_pmc_perf.csv", "spreadsheet");
  f("counter_collection.csv", "once for each counter");
  f("kernel_names.csv", "once for each counter");
  f("hip_runtime_trace.csv", "holds no GPU work");
  f("hsa_api_trace.csv", "holds no GPU work");
  f("marker_api_trace.csv", "holds no GPU work");
}

}  // namespace
}  // namespace gpuvigil
