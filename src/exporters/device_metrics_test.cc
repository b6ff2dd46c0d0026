// SPDX-License-Identifier: Apache-2.0
#include "exporters/device_metrics.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporters/testing_frames.h"

namespace gpuvigil {
namespace {

using testing::device_row;
using testing::frame_with_devices;

const MetricFamily& family(const DeviceMetrics& metrics, std::string_view name) {
  for (const MetricFamily& one : metrics.families()) {
    if (one.head.name == name) return one;
  }
  ADD_FAILURE() << "no family " << name;
  return metrics.families().front();
}

DeviceMetrics own() {
  return {own_device_families(), own_device_labels, "node1"};
}

TEST(OwnDeviceFamilies, HaveOneRowForEachMetricOfTheCatalogueAndGoodNames) {
  std::set<std::string> names;
  std::size_t of_catalogue = 0;
  for (const DeviceFamilyRow& row : own_device_families()) {
    EXPECT_TRUE(names.insert(row.head.name).second) << row.head.name;
    EXPECT_THAT(row.head.name, ::testing::MatchesRegex("gpuvigil_gpu_[a-z0-9_]+"));
    EXPECT_FALSE(row.head.name.ends_with("_total")) << row.head.name;
    EXPECT_FALSE(row.head.help.empty());
    EXPECT_EQ(row.head.help.find_first_of("\\\"\n"), std::string_view::npos);
    if (!row.head.unit.empty()) {
      EXPECT_TRUE(row.head.name.ends_with("_" + std::string(row.head.unit))) << row.head.name;
    }
    for (const std::string_view legacy : {"_percent", "_mb", "_mhz", "_ms"}) {
      EXPECT_FALSE(row.head.name.ends_with(legacy)) << row.head.name;
    }
  }
  for (const DeviceMetric& metric : kDeviceMetrics) {
    of_catalogue +=
        std::ranges::count_if(names, [&](const std::string& name) {
          const std::string begin = "gpuvigil_gpu_" + std::string(metric.name);
          return name == begin || (name.starts_with(begin + "_") &&
                                   name.find('_', begin.size() + 1) == std::string::npos);
        }) > 0;
  }
  EXPECT_EQ(of_catalogue, kDeviceMetricCount);
}

TEST(DeviceMetrics, SpeakInBaseUnits) {
  Frame frame = frame_with_devices(1);
  DeviceMetrics metrics = own();
  metrics.update(frame);
  const auto value = [&](std::string_view name) {
    return family(metrics, name).values.at(0).to_double();
  };
  EXPECT_EQ(value("gpuvigil_gpu_utilization_ratio"), 0.735);
  EXPECT_EQ(value("gpuvigil_gpu_kernel_busy_ratio"), 0.719);
  EXPECT_EQ(value("gpuvigil_gpu_memory_used_bytes"), 2147483648.0);
  EXPECT_EQ(value("gpuvigil_gpu_temperature_celsius"), 61);
  EXPECT_EQ(value("gpuvigil_gpu_power_watts"), 251.3);
  EXPECT_EQ(value("gpuvigil_gpu_sm_clock_hertz"), 1.41e9);
  EXPECT_EQ(value("gpuvigil_gpu_energy_joules"), 1234.5);
  EXPECT_EQ(value("gpuvigil_gpu_sm_active_ratio"), 0.625);
  EXPECT_EQ(value("gpuvigil_gpu_kernel_busy_seconds"), 0.750000001);
  EXPECT_EQ(value("gpuvigil_gpu_sample_timestamp_seconds"), 1767323045.678);
}

TEST(DeviceMetrics, TellNothingForAReadingThatIsNotThere) {
  Frame frame = frame_with_devices(1);
  frame.devices[0].sample = absent_sample(Missing::kLost, testing::kEdge);
  frame.devices[0].activity = {};
  frame.devices[0].kernel_busy = missing(Missing::kUnsupported);
  DeviceMetrics metrics = own();
  metrics.update(frame);
  for (const MetricFamily& one : metrics.families()) {
    const bool is_known = one.head.name == "gpuvigil_gpu" ||
                          one.head.name == "gpuvigil_gpu_health" ||
                          one.head.name == "gpuvigil_gpu_sample_timestamp_seconds";
    for (const MetricValue& value : one.values) {
      EXPECT_EQ(value.is_there(), is_known) << one.head.name;
    }
  }
}

TEST(DeviceMetrics, HaveASeriesForEachStateAndReason) {
  Frame frame = frame_with_devices(2);
  DeviceMetrics metrics = own();
  metrics.update(frame);
  const MetricFamily& health = family(metrics, "gpuvigil_gpu_health");
  ASSERT_EQ(health.series.size(), 8);
  EXPECT_EQ(health.series[5].own_value, "degraded");
  EXPECT_EQ(health.values[5].to_double(), 1);
  EXPECT_EQ(health.values[4].to_double(), 0);
  const MetricFamily& throttled = family(metrics, "gpuvigil_gpu_throttled");
  ASSERT_EQ(throttled.series.size(), 2 * kThrottleReasons.size());
  EXPECT_EQ(throttled.series[2].own_value, "sw_power_cap");
  EXPECT_EQ(throttled.values[2].to_double(), 1);
}

TEST(DeviceMetrics, MakeLabelsAgainOnlyWhenADeviceChanged) {
  Frame frame = frame_with_devices(2);
  DeviceMetrics metrics = own();
  metrics.update(frame);
  const auto generation = [&] { return family(metrics, "gpuvigil_gpu_power_watts").generation; };
  const std::uint64_t first = generation();
  frame.devices[1] = device_row(1);  // the same, said anew
  metrics.update(frame);
  EXPECT_EQ(generation(), first);
  auto inventory = std::make_shared<DeviceInventory>(*frame.devices[0].sample.inventory);
  inventory->driver_version = "999";
  frame.devices[0].sample.inventory = inventory;
  metrics.update(frame);
  EXPECT_GT(generation(), first);
  const std::uint64_t second = generation();
  frame.devices.pop_back();
  metrics.update(frame);
  EXPECT_GT(generation(), second);
  EXPECT_EQ(family(metrics, "gpuvigil_gpu_power_watts").values.size(), 1);
}

TEST(DeviceMetrics, LeaveOutDevicesBeyondTheirNumber) {
  Frame frame = frame_with_devices(DeviceMetrics::kMaxDevices + 3);
  DeviceMetrics metrics = own();
  metrics.update(frame);
  EXPECT_EQ(metrics.left_out(), 3);
  EXPECT_EQ(family(metrics, "gpuvigil_gpu_power_watts").values.size(), DeviceMetrics::kMaxDevices);
}

TEST(DcgmDeviceFamilies, SpeakAsDashboardsExpect) {
  Frame frame = frame_with_devices(1);
  DeviceMetrics metrics(dcgm_device_families(), dcgm_device_labels, "node1");
  auto events = std::make_shared<EventLog>();
  events->events.push_back({.uuid = "GPU-0", .kind = "xid", .code = 79});
  events->events.push_back({.uuid = "GPU-0", .kind = "xid", .code = 13});
  frame.events = events;
  metrics.update(frame);
  const auto value = [&](std::string_view name) {
    return family(metrics, name).values.at(0).to_double();
  };
  EXPECT_EQ(value("DCGM_FI_DEV_GPU_UTIL"), 73.5);
  EXPECT_EQ(value("DCGM_FI_DEV_FB_USED"), 2048);
  EXPECT_EQ(value("DCGM_FI_DEV_POWER_USAGE"), 251.3);
  EXPECT_EQ(value("DCGM_FI_DEV_SM_CLOCK"), 1410);
  EXPECT_EQ(value("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"), 1234500);
  EXPECT_EQ(value("DCGM_FI_PROF_SM_ACTIVE"), 0.625);
  EXPECT_EQ(value("DCGM_FI_DEV_XID_ERRORS"), 79);
  const Labels want = {{"gpu", "0"},
                       {"UUID", "GPU-0"},
                       {"pci_bus_id", "0000:3b:00.0"},
                       {"device", "nvidia0"},
                       {"modelName", "NVIDIA H100 80GB HBM3"},
                       {"Hostname", "node1"},
                       {"DCGM_FI_DRIVER_VERSION", "550.54.15"}};
  EXPECT_EQ(*family(metrics, "DCGM_FI_DEV_GPU_UTIL").series.at(0).labels, want);
}

}  // namespace
}  // namespace gpuvigil
