// SPDX-License-Identifier: Apache-2.0
#include "gpuvigil/gpu_monitor.h"

#include <cmath>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "base/json_reader.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

TEST(GpuMonitor, ReadsItsOwnWrites) {
  GpuMonitor monitor;
  EXPECT_TRUE(monitor.record_kernel_execution("conv2d", 0.312, 128.0));
  EXPECT_TRUE(monitor.record_kernel_execution("conv2d", 0.5));
  auto relu = monitor.kernel("relu");
  EXPECT_TRUE(relu.record(20us));
  EXPECT_TRUE(relu.record(30us, std::uint64_t{1} << 20U));

  EXPECT_EQ(monitor.get_kernel_count(), 2U);
  const auto kernels = monitor.get_all_kernel_stats();
  ASSERT_EQ(kernels.size(), 2U);
  EXPECT_EQ(kernels[0].name, "conv2d");
  EXPECT_EQ(kernels[0].total_calls, 2U);
  EXPECT_NEAR(kernels[0].total_time_ms, 0.812, 1e-9);
  EXPECT_NEAR(kernels[0].avg_time_ms, 0.406, 1e-9);
  EXPECT_EQ(kernels[0].avg_memory_mb, 128.0);
  EXPECT_EQ(kernels[1].avg_memory_mb, 1.0);
  EXPECT_EQ(kernels[1].id.size(), 16U);
}

TEST(GpuMonitor, BadArgumentsAreNamedCountedAndChangeNothing) {
  GpuMonitor monitor;
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const auto f = [](Status status, std::string_view argument) {
    EXPECT_FALSE(status);
    EXPECT_NE(status.message().find(argument), std::string_view::npos) << status.message();
  };
  for (const double bad : {-1.0, kNan, kInf, -kInf, 1e13}) {
    f(monitor.record_kernel_execution("k", bad), "duration_ms");
    f(monitor.record_kernel_execution("k", 1, bad), "memory_mb");
    f(monitor.update_gpu_stats(50, bad, 100), "memory_used_mb");
    f(monitor.update_gpu_stats(50, 10, bad), "memory_total_mb");
    f(monitor.update_gpu_stats(bad, 10, 100), "utilization_percent");
  }
  f(monitor.record_kernel_execution("", 1), "name");
  f(monitor.record_kernel_execution(std::string(1 << 21, 'x'), 1), "name");
  f(monitor.update_gpu_stats(101, 10, 100), "utilization_percent");
  f(monitor.update_gpu_stats(50, 101, 100), "memory_used_mb");
  f(monitor.update_gpu_stats(64, 50, 10, 100), "device");
  f(monitor.kernel("k").record(-1ns), "duration");
  f(monitor.kernel("").record(1ns), "name");
  f(monitor.kernel("k", 64).record(1ns, 5), "device");

  EXPECT_EQ(monitor.get_kernel_count(), 0U);
  EXPECT_EQ(monitor.get_memory_used(), std::nullopt);
  EXPECT_NE(monitor.get_report().find("33"), std::string::npos) << monitor.get_report();
}

TEST(GpuMonitor, DeviceStatsAreMeanAndSums) {
  GpuMonitor monitor;
  EXPECT_EQ(monitor.get_gpu_utilization(), std::nullopt);
  EXPECT_TRUE(monitor.update_gpu_stats(40, 1000, 8000));
  EXPECT_TRUE(monitor.update_gpu_stats(1, 60, 500, 8000));
  EXPECT_NEAR(*monitor.get_gpu_utilization(), 50, 1e-9);
  EXPECT_NEAR(*monitor.get_memory_used(), 1500, 1e-5);
  EXPECT_NEAR(*monitor.get_memory_total(), 16000, 1e-5);
}

TEST(GpuMonitor, RecentExecutionsAreNewestFirst) {
  GpuMonitor monitor;
  for (int i = 1; i <= 5; ++i) monitor.record_kernel_execution("k" + std::to_string(i), i);
  const auto recent = monitor.get_recent_executions(3);
  ASSERT_EQ(recent.size(), 3U);
  EXPECT_EQ(recent[0].name, "k5");
  EXPECT_EQ(recent[2].name, "k3");
  EXPECT_NEAR(recent[0].duration_ms, 5, 1e-9);
  EXPECT_LT(std::chrono::system_clock::time_point{}, recent[0].timestamp);
}

TEST(GpuMonitor, ReportsAreTextAndTheBodyOfTheApi) {
  GpuMonitor monitor;
  monitor.record_kernel_execution("my_kernel", 1.5);
  EXPECT_NE(monitor.get_report().find("my_kernel"), std::string::npos);
  const auto json = parse_json(monitor.export_to_json(), 1 << 20);
  ASSERT_TRUE(json);
  EXPECT_EQ((*json)["summary"]["total_kernel_calls"].number_or(0), 1);
  EXPECT_EQ((*json)["top_kernels"].as_array()->at(0)["name"].string_or(""), "my_kernel");
}

TEST(GpuMonitor, AMemoryAboveItsThresholdRaisesAnAlert) {
  GpuMonitor monitor;
  EXPECT_EQ(monitor.get_active_alert_count(), 0U);
  monitor.update_gpu_stats(10, 97, 100);
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (monitor.get_active_alert_count() == 0 && std::chrono::steady_clock::now() < deadline) {
  }
  const auto alerts = monitor.get_alerts();
  ASSERT_EQ(alerts.size(), 1U);
  EXPECT_EQ(alerts[0].severity, "critical");
  EXPECT_EQ(alerts[0].metric, "memory_usage");
  EXPECT_NEAR(alerts[0].value, 97, 1e-6);
  EXPECT_EQ(monitor.get_alerts_since(alerts[0].timestamp).size(), 1U);
  EXPECT_TRUE(monitor.get_alerts_since(alerts[0].timestamp + 1s).empty());
}

TEST(GpuMonitor, ThreadsRecordTogetherAndNothingIsLost) {
  GpuMonitor monitor;
  constexpr std::uint64_t kEach = 20'000;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&monitor, t] {
        auto shared = monitor.kernel("shared");
        for (std::uint64_t i = 0; i < kEach; ++i) {
          shared.record(std::chrono::nanoseconds(i));
          if (i % 100 == 0) monitor.record_kernel_execution("own" + std::to_string(t), 1);
        }
      });
    }
  }
  std::uint64_t shared_calls = 0;
  for (const auto& kernel : monitor.get_all_kernel_stats()) {
    if (kernel.name == "shared") {
      shared_calls = kernel.total_calls;
      EXPECT_EQ(kernel.max_time_ms, static_cast<double>(kEach - 1) / 1e6);
      EXPECT_EQ(kernel.min_time_ms, 0);
    } else {
      EXPECT_EQ(kernel.total_calls, kEach / 100);
    }
  }
  EXPECT_EQ(shared_calls, 4 * kEach);
  EXPECT_EQ(monitor.get_kernel_count(), 5U);
}

TEST(GpuMonitor, TheGlobalOneIsOne) {
  get_global_monitor().record_kernel_execution("global", 1);
  EXPECT_EQ(get_global_monitor().get_kernel_count(), 1U);
  EXPECT_GT(get_global_monitor().get_uptime().count(), 0);
}

}  // namespace
}  // namespace gpuvigil
