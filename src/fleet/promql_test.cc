// SPDX-License-Identifier: Apache-2.0
#include "fleet/promql.h"

#include <gtest/gtest.h>

#include "model/metric.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
constexpr auto kAverage = HistoryAggregate::kAverage;

TEST(StoredMetric, KnowsEveryMetricOfHistory) {
  for (const Metric& metric : kMetrics) EXPECT_TRUE(stored_metric(metric.name)) << metric.name;
  EXPECT_FALSE(stored_metric("no_such_metric"));
}

TEST(StoredMetric, HasBaseUnitsThatAreScaledBack) {
  const auto f = [](std::string_view metric, const char* name, double scale) {
    const auto stored = stored_metric(metric);
    ASSERT_TRUE(stored) << metric;
    EXPECT_EQ(stored->name, name);
    EXPECT_EQ(stored->scale, scale) << metric;
  };
  f("gpu_utilization", "gpuvigil_gpu_utilization_ratio", 100);
  f("sm_clock", "gpuvigil_gpu_sm_clock_hertz", 1e-6);
  f("sm_active", "gpuvigil_gpu_sm_active_ratio", 100);
  f("memory_free", "gpuvigil_gpu_memory_free_bytes", 1);
  f("pcie_sent", "gpuvigil_gpu_pcie_sent_bytes_total", 1);
  f("pcie_replays", "gpuvigil_gpu_pcie_replays_total", 1);
}

TEST(PromqlText, CannotBeLeft) {
  EXPECT_EQ(promql_text("a\"b\\c\nd"), R"("a\"b\\c\nd")");
  EXPECT_EQ(promql_one_of("uuid", std::vector<std::string>{"GPU-1", "x|.*\"}"}),
            R"(uuid=~"GPU-1|x\\|\\.\\*\"\\}")");
}

TEST(Expression, TellsOneValueADevice) {
  const auto f = [](std::string_view metric, HistoryAggregate aggregate, const char* want) {
    EXPECT_EQ(device_expression(*stored_metric(metric), "host=\"a\"", aggregate, 15s), want);
  };
  f("power", kAverage,
    "max by (instance, uuid) (avg_over_time(gpuvigil_gpu_power_watts{host=\"a\"}[15s] offset "
    "-60s))");
  f("device_lost", HistoryAggregate::kMax,
    "max by (instance, uuid) "
    "(max_over_time(gpuvigil_gpu_health{host=\"a\",state=\"lost\"}[15s] offset -60s))");
  f("memory_usage", HistoryAggregate::kMin,
    "max by (instance, uuid) "
    "(min_over_time(gpuvigil_gpu_memory_used_bytes{host=\"a\"}[15s] offset -60s)) / "
    "max by (instance, uuid) "
    "(last_over_time(gpuvigil_gpu_memory_total_bytes{host=\"a\"}[15s] offset -60s))");
}

TEST(Expression, AddsAmountsAndAveragesTheRest) {
  const auto f = [](std::string_view metric, FleetGroup group, const char* want) {
    EXPECT_EQ(fleet_expression(*stored_metric(metric), "", kAverage, 60s, group,
                               adds_up(find_metric(metric)->unit)),
              want);
  };
  f("power", FleetGroup::kNode,
    "sum by (instance) "
    "(max by (instance, uuid) (avg_over_time(gpuvigil_gpu_power_watts{}[60s] offset -60s)))");
  f("temperature", FleetGroup::kFleet,
    "avg by () "
    "(max by (instance, uuid) (avg_over_time(gpuvigil_gpu_temperature_celsius{}[60s] offset "
    "-60s)))");
  f("memory_usage", FleetGroup::kNode,
    "sum by (instance) "
    "(max by (instance, uuid) (avg_over_time(gpuvigil_gpu_memory_used_bytes{}[60s] offset -60s))) "
    "/ "
    "sum by (instance) "
    "(max by (instance, uuid) (last_over_time(gpuvigil_gpu_memory_total_bytes{}[60s] offset "
    "-60s)))");
}

}  // namespace
}  // namespace gpuvigil
