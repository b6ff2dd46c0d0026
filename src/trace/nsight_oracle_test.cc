// SPDX-License-Identifier: Apache-2.0
// Nsight Systems exports of real GPUs against an independent reckoning of the same rows.
#include <cstdio>
#include <fstream>
#include <map>
#include <numeric>

#include <gtest/gtest.h>

#include "base/json_reader.h"
#include "trace/nsight_reader.h"
#include "trace/nsight_test_support.h"

namespace gpuvigil {
namespace {

using testing_support::CollectingSink;

std::int64_t number(const JsonValue& value) {
  const auto* n = value.as_int();
  EXPECT_NE(n, nullptr);
  return n != nullptr ? *n : -1;
}

std::int64_t nearest_rank(const std::vector<std::int64_t>& sorted, std::size_t percent) {
  return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

void expect_kernel(const JsonValue& want, std::vector<std::int64_t> durations) {
  ASSERT_FALSE(durations.empty());
  std::ranges::sort(durations);
  EXPECT_EQ(std::ssize(durations), number(want["calls"]));
  EXPECT_EQ(std::reduce(durations.begin(), durations.end()), number(want["total_ns"]));
  EXPECT_EQ(durations.front(), number(want["min_ns"]));
  EXPECT_EQ(durations.back(), number(want["max_ns"]));
  EXPECT_EQ(nearest_rank(durations, 50), number(want["p50_nr_ns"]));
  EXPECT_EQ(nearest_rank(durations, 99), number(want["p99_nr_ns"]));
}

/// Compares one device; returns how many kernel names were equal.
std::size_t expect_device(const JsonValue& want, const CollectingSink& got, std::uint32_t device) {
  std::map<std::string, std::vector<std::int64_t>> durations;
  std::vector<std::pair<std::int64_t, std::int64_t>> intervals;
  std::int64_t sum = 0;
  for (const auto& e : got.executions) {
    if (e.device != device || !is_kernel(e.kind)) continue;
    durations[e.name].push_back(e.duration_ns);
    intervals.emplace_back(e.start_ns, e.start_ns + e.duration_ns);
    sum += e.duration_ns;
  }
  EXPECT_EQ(std::ssize(intervals), number(want["kernels"]));
  EXPECT_EQ(std::ssize(durations), number(want["distinct"]));
  EXPECT_EQ(sum, number(want["kernel_sum_ns"]));
  EXPECT_EQ(testing_support::union_ns(intervals), number(want["kernel_busy_ns"]));
  std::int64_t first = INT64_MAX;
  std::int64_t last = INT64_MIN;
  for (const auto& [from, to] : intervals) {
    first = std::min(first, from);
    last = std::max(last, to);
  }
  EXPECT_EQ(last - first, number(want["kernel_span_ns"]));
  const auto* names = want["by_name"].as_array();
  EXPECT_NE(names, nullptr);
  if (names == nullptr) return 0;
  for (const JsonValue& kernel : *names) {
    SCOPED_TRACE(kernel["name"].string_or("?"));
    expect_kernel(kernel, durations[std::string(kernel["name"].string_or("?"))]);
  }
  EXPECT_EQ(names->size(), durations.size());
  return names->size();
}

/// Copies and sets by the number of their kind, all devices together.
void expect_transfers(const JsonValue& want, const CollectingSink& got, KernelKind kind,
                      const std::map<std::string, std::string>& name_of_number) {
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> by_name;
  std::int64_t calls = 0;
  for (const auto& e : got.executions) {
    if (e.kind != kind) continue;
    ++calls;
    ++by_name[e.name].first;
    by_name[e.name].second += e.duration_ns;
  }
  if (want.is_null()) {
    EXPECT_EQ(calls, 0);
    return;
  }
  EXPECT_EQ(calls, number(want["n"]));
  if (name_of_number.empty()) return;
  const auto* kinds = want["by_kind"].as_object();
  ASSERT_NE(kinds, nullptr);
  EXPECT_EQ(by_name.size(), kinds->size());
  for (const auto& [recorded, counts] : *kinds) {
    const auto& found = by_name[name_of_number.at(recorded)];
    EXPECT_EQ(found.first, number(counts["n"])) << recorded;
    EXPECT_EQ(found.second, number(counts["total_ns"])) << recorded;
  }
}

TEST(NsightOracle, EveryExportEqualsItsOracle) {
  const auto data = testing_support::recorded_data();
  if (!data) GTEST_SKIP() << "no recorded data: set GPUVIGIL_DATA to its folder";
  std::size_t files = 0;
  std::size_t kernels = 0;
  for (const auto& entry : std::filesystem::directory_iterator(*data / "nsight")) {
    if (entry.path().extension() != ".sqlite") continue;
    const std::string path = entry.path().string();
    SCOPED_TRACE(path);
    const auto want = parse_json(testing_support::bytes_of(path + ".oracle.json"), 64U << 20U);
    ASSERT_TRUE(want.has_value()) << want.error().message;
    CollectingSink got;
    const auto summary = read_nsight(path, got);
    ASSERT_TRUE(summary.has_value()) << summary.error().message;
    EXPECT_EQ(summary->executions_unreadable, 0U);
    EXPECT_EQ(summary->damage, "");
    const auto* devices = (*want)["devices"].as_object();
    ASSERT_NE(devices, nullptr);
    EXPECT_EQ(summary->devices.size(), devices->size());
    for (std::uint32_t i = 0; i < summary->devices.size(); ++i) {
      const std::string recorded = std::to_string(summary->devices[i].recorded_number);
      ASSERT_TRUE(devices->contains(recorded));
      kernels += expect_device(devices->find(recorded)->second, got, i);
    }
    expect_transfers((*want)["memcpy"], got, KernelKind::kMemcpy,
                     {{"1", "Memcpy HtoD"}, {"2", "Memcpy DtoH"}, {"8", "Memcpy DtoD"}});
    expect_transfers((*want)["memset"], got, KernelKind::kMemset, {});
    ++files;
  }
  EXPECT_GE(files, 3U);
  std::printf("checked %zu Nsight Systems exports, %zu kernels of their devices\n", files, kernels);
}

/// Devices are found by CUDA's number, not by the id of their row: here the two run in opposite
/// directions.
TEST(NsightOracle, DevicesSessionAndCopiesAreThoseOfTheRun) {
  const auto data = testing_support::recorded_data();
  if (!data) GTEST_SKIP() << "no recorded data: set GPUVIGIL_DATA to its folder";
  CollectingSink got;
  const auto a100 = read_nsight((*data / "nsight/pipit_cloverleaf_a100.sqlite").string(), got);
  ASSERT_TRUE(a100.has_value()) << a100.error().message;
  EXPECT_EQ(a100->format, "nsight-systems");
  ASSERT_EQ(a100->devices.size(), 1U);
  EXPECT_EQ(a100->devices[0].recorded_number, 0U);
  EXPECT_EQ(a100->devices[0].name, "NVIDIA A100-SXM4-80GB");
  EXPECT_EQ(a100->devices[0].memory_total_bytes, 84'990'623'744U);
  EXPECT_EQ(a100->base_unix_ns, 1'696'392'839'587'175'550);
  std::map<std::string, std::pair<int, std::int64_t>> copies;
  for (const auto& e : got.executions) {
    if (e.kind != KernelKind::kMemcpy) continue;
    ++copies[e.name].first;
    copies[e.name].second += e.duration_ns;
  }
  EXPECT_EQ(copies["Memcpy HtoD"], std::pair(254, std::int64_t{9'346'285}));
  EXPECT_EQ(copies["Memcpy DtoH"], std::pair(25, std::int64_t{44'638}));
  EXPECT_EQ(copies.size(), 2U);

  CollectingSink two;
  const auto h100 = read_nsight((*data / "nsight/nsysai_2gpu_1s.sqlite").string(), two);
  ASSERT_TRUE(h100.has_value()) << h100.error().message;
  ASSERT_EQ(h100->devices.size(), 2U);
  EXPECT_EQ(h100->devices[0].name, "");  // no TARGET_INFO_GPU in that export
  EXPECT_EQ(h100->devices[0].memory_total_bytes, std::nullopt);
  ASSERT_TRUE(h100->first_ns && h100->last_ns);
  EXPECT_LE(*h100->last_ns - *h100->first_ns, 2'000'000'000);  // the second that was cut out of it
}

}  // namespace
}  // namespace gpuvigil
