// SPDX-License-Identifier: Apache-2.0
#include "fleet/fleet_state.h"

#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp kNow = from_unix_ns(1'700'000'000'000'000'000);

PromSeries series(std::map<std::string, std::string, std::less<>> labels, double value) {
  return {.labels = std::move(labels), .points = {{.at_ms = 0, .value = value}}};
}

PromSeries seen(const char* node, Duration ago) {
  return series({{"instance", node}}, 1'700'000'000.0 - std::chrono::duration<double>(ago).count());
}

PromSeries of_device(const char* name, const char* uuid, double value) {
  return series({{"__name__", name}, {"instance", "a"}, {"uuid", uuid}}, value);
}

TEST(FleetState, JoinsWhatNodesTell) {
  const std::vector<PromSeries> nodes = {seen("b", 10s), seen("a", 1s)};
  const PromSeries info = series({{"__name__", "gpuvigil_gpu_info"},
                                  {"instance", "a"},
                                  {"uuid", "GPU-1"},
                                  {"gpu", "3"},
                                  {"name", "H100"},
                                  {"driver_version", "535.1"}},
                                 1);
  PromSeries health = of_device("gpuvigil_gpu_health", "GPU-1", 1);
  health.labels["state"] = "degraded";
  PromSeries other_health = of_device("gpuvigil_gpu_health", "GPU-1", 0);
  other_health.labels["state"] = "ok";
  const std::vector<PromSeries> values = {
      of_device("gpuvigil_gpu_utilization_ratio", "GPU-1", 0.25),
      of_device("gpuvigil_gpu_memory_used_bytes", "GPU-1", 1024),
      health,
      other_health,
      info,
      series({{"__name__", "gpuvigil_build_info"}, {"instance", "a"}, {"version", "1.2"}}, 1),
      series({{"__name__", "gpuvigil_alerts_firing"}, {"instance", "a"}, {"severity", "warning"}},
             2),
      series({{"__name__", "gpuvigil_alerts_firing"}, {"instance", "a"}, {"severity", "critical"}},
             1),
      series({{"__name__", "gpuvigil_build_info"}, {"instance", "stranger"}}, 1)};
  const auto state = fleet_state_of(kNow, nodes, std::vector{info}, values);
  ASSERT_TRUE(state);
  ASSERT_EQ(state->nodes.size(), 2U);
  const FleetNode& node = state->nodes[0];
  EXPECT_EQ(node.name, "a");
  EXPECT_EQ(node.version, "1.2");
  EXPECT_EQ(node.last_seen, kNow - 1s);
  EXPECT_EQ(node.warnings, 2U);
  EXPECT_EQ(node.criticals, 1U);
  ASSERT_EQ(node.devices.size(), 1U);
  const FleetDevice& device = node.devices[0];
  EXPECT_EQ(device.uuid, "GPU-1");
  EXPECT_EQ(device.name, "H100");
  EXPECT_EQ(device.index, 3U);
  EXPECT_EQ(device.utilization, 25);
  EXPECT_EQ(device.memory_used, 1024);
  EXPECT_EQ(device.memory_total, std::nullopt);
  EXPECT_EQ(device.health, Health::kDegraded);
  EXPECT_TRUE(state->nodes[1].devices.empty());
}

TEST(FleetState, TellsNothingOfNowOfWhoIsSilent) {
  const std::vector<PromSeries> nodes = {seen("a", kSilentAfter + 1s)};
  PromSeries info = of_device("gpuvigil_gpu_info", "GPU-1", 1);
  const std::vector<PromSeries> values = {
      of_device("gpuvigil_gpu_utilization_ratio", "GPU-1", 0.25)};
  const auto state = fleet_state_of(kNow, nodes, std::vector{info}, values);
  ASSERT_TRUE(state);
  EXPECT_TRUE(state->nodes[0].is_silent);
  ASSERT_EQ(state->nodes[0].devices.size(), 1U);
  EXPECT_EQ(state->nodes[0].devices[0].utilization, std::nullopt);
}

TEST(FleetState, SurvivesNonsense) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<PromSeries> nodes = {series({{"instance", "a"}}, 1e300),
                                         series({{"instance", "b"}}, nan),
                                         series({{"instance", "c"}}, -1), seen("d", 0s)};
  PromSeries alerts = series(
      {{"__name__", "gpuvigil_alerts_firing"}, {"instance", "d"}, {"severity", "warning"}}, 1e300);
  PromSeries used = series(
      {{"__name__", "gpuvigil_gpu_memory_used_bytes"}, {"instance", "d"}, {"uuid", "u"}}, nan);
  const auto state = fleet_state_of(kNow, nodes, {}, std::vector{alerts, used});
  ASSERT_TRUE(state);
  ASSERT_EQ(state->nodes.size(), 1U);
  EXPECT_EQ(state->nodes[0].warnings, 0U);
}

TEST(FleetState, IsRefusedBeyondItsLimits) {
  std::vector<PromSeries> nodes;
  for (std::size_t i = 0; i <= kMaxFleetNodes; ++i) {
    nodes.push_back(seen(std::to_string(i).c_str(), 0s));
  }
  const auto state = fleet_state_of(kNow, nodes, {}, {});
  ASSERT_FALSE(state);
  EXPECT_EQ(state.error().code, Errc::kTooLarge);
}

}  // namespace
}  // namespace gpuvigil
