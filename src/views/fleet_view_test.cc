// SPDX-License-Identifier: Apache-2.0
#include "views/fleet_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_reader.h"

namespace gpuvigil {
namespace {

using ::testing::ElementsAre;

constexpr Timestamp kNow = from_unix_ns(1'700'000'000'000'000'000);

FleetNode node(std::string name, std::string driver, double utilization) {
  FleetNode made{.name = std::move(name), .version = "1.0", .last_seen = kNow};
  made.devices.push_back({.uuid = "GPU-1",
                          .name = "H100",
                          .driver_version = std::move(driver),
                          .utilization = utilization,
                          .memory_used = 512 * 1048576.0,
                          .memory_total = 1024 * 1048576.0,
                          .health = Health::kOk});
  return made;
}

FleetState three() {
  FleetState state{.at = kNow, .nodes = {}};
  state.nodes = {node("a", "535", 10), node("b", "550", 90), node("c", "535", 50)};
  state.nodes[1].warnings = 2;
  state.nodes[2].is_silent = true;
  state.nodes[2].devices[0].utilization.reset();
  return state;
}

JsonValue ask(const FleetQuery& query, const FleetState& state) {
  const Frame frame;
  auto json = parse_json(fleet_json(frame, query, state), 1 << 20);
  EXPECT_TRUE(json) << json.error().message;
  return *std::move(json);
}

std::vector<std::string> names(const JsonValue& json) {
  std::vector<std::string> all;
  for (const JsonValue& one : *json["nodes"].as_array()) {
    all.emplace_back(one["node"].string_or(""));
  }
  return all;
}

TEST(FleetDrift, TellsWhoHasNotWhatMostHave) {
  const auto drift = fleet_drift(three());
  ASSERT_EQ(drift.size(), 1U);
  EXPECT_EQ(drift[0].what, "driver_version");
  EXPECT_EQ(drift[0].usual, "535");
  ASSERT_EQ(drift[0].others.size(), 1U);
  EXPECT_EQ(drift[0].others[0].version, "550");
  EXPECT_THAT(drift[0].others[0].nodes, ElementsAre("b"));
}

TEST(FleetDrift, IsNoneWhereAllHaveTheSameOrNobodyTells) {
  FleetState state = three();
  state.nodes[1].devices[0].driver_version = "535";
  EXPECT_TRUE(fleet_drift(state).empty());
  for (FleetNode& one : state.nodes) one.devices.clear();
  EXPECT_TRUE(fleet_drift(state).empty());
}

TEST(FleetJson, SumsUpWhatIsKnown) {
  const JsonValue json = ask({}, three());
  EXPECT_EQ(*json["total_nodes"].as_int(), 3);
  EXPECT_EQ(*json["silent_nodes"].as_int(), 1);
  EXPECT_EQ(*json["total_devices"].as_int(), 3);
  EXPECT_EQ(json["gpu_utilization"].number_or(-1), 50);
  EXPECT_EQ(json["memory"]["used_mb"].number_or(-1), 1536);
  EXPECT_EQ(json["memory"]["percent"].number_or(-1), 50);
  EXPECT_TRUE(json["power_watts"].is_null());
  EXPECT_EQ(*json["health"]["ok"].as_int(), 3);
  EXPECT_EQ(*json["alerts"]["warning"].as_int(), 2);
  const JsonValue& silent = (*json["nodes"].as_array())[2];
  EXPECT_EQ(silent["state"].string_or(""), "silent");
  EXPECT_TRUE(silent["gpu_utilization"].is_null());
  const JsonValue& drifted = (*json["nodes"].as_array())[1];
  EXPECT_EQ((*drifted["drift"].as_array())[0].string_or(""), "driver_version");
}

TEST(FleetJson, ChoosesAndOrdersNodes) {
  const auto f = [](const FleetQuery& query, auto want) {
    EXPECT_THAT(names(ask(query, three())), want);
  };
  f({}, ElementsAre("a", "b", "c"));
  f({.descending = true}, ElementsAre("c", "b", "a"));
  f({.names = {"A", "c*"}}, ElementsAre("a", "c"));
  f({.is_silent = false}, ElementsAre("a", "b"));
  f({.sort_by = FleetSort::kUtilization, .descending = true}, ElementsAre("b", "a", "c"));
  f({.sort_by = FleetSort::kUtilization}, ElementsAre("a", "b", "c"));
  f({.sort_by = FleetSort::kAlerts, .descending = true}, ElementsAre("b", "a", "c"));
  f({.limit = 1, .offset = 1}, ElementsAre("b"));
  f({.offset = 9}, ElementsAre());
  EXPECT_EQ(*ask({.limit = 1}, three())["total_nodes"].as_int(), 3);
}

TEST(FleetHistoryJson, TellsWhatWasDoneWithDevices) {
  FleetHistoryQuery query;
  const FleetHistory history{
      .first = kNow,
      .step = std::chrono::seconds(10),
      .points = 2,
      .series = {{.metric = "power", .node = "a", .values = {1.5, std::nan("")}},
                 {.metric = "temperature", .node = "", .values = {40, 41}}},
      .coverage = 1};
  const auto json = parse_json(fleet_history_json(Frame(), query, history), 1 << 20);
  ASSERT_TRUE(json) << json.error().message;
  EXPECT_EQ((*json)["times"].as_array()->size(), 2U);
  const auto& series = *(*json)["series"].as_array();
  EXPECT_EQ(series[0]["over_devices"].string_or(""), "sum");
  EXPECT_EQ(series[0]["node"].string_or(""), "a");
  EXPECT_TRUE((*series[0]["values"].as_array())[1].is_null());
  EXPECT_EQ(series[1]["over_devices"].string_or(""), "avg");
  EXPECT_TRUE(series[1]["node"].is_null());
}

}  // namespace
}  // namespace gpuvigil
