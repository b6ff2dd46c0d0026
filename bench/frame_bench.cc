// SPDX-License-Identifier: Apache-2.0
// What closing a frame costs: CPU time of the engine's thread, median and worst of many edges, the
// steps of the window ladder included. One JSON line a row; the peer is the figure to reach.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <time.h>

#include "monitor/monitor.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr int kEdges = 150;
constexpr std::uint32_t kDevices = 64;
constexpr std::uint32_t kNames = 10'000;

double thread_cpu_ms() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
}

struct Costs {
  std::vector<double> feed;   ///< Handing in the aggregates.
  std::vector<double> build;  ///< build() at an edge.
  std::vector<double> peek;   ///< build() between edges, right after.
  std::vector<double> drop;   ///< Freeing the frame of three edges ago.
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// `series` series of kNames names over kDevices devices; at each edge `changing` of them report
/// 20 executions each, in six buckets.
Costs measure(std::uint32_t series, std::uint32_t changing) {
  Monitor monitor({}, Timestamp{});
  const OwnerId owner = monitor.open_owner();
  std::mt19937_64 random(1);
  std::vector<DeviceSlot> devices;
  for (std::uint32_t i = 0; i < kDevices; ++i) {
    devices.push_back(monitor.device(
        {.uuid = "GPU-" + std::to_string(i), .name = "GPU", .pci_bus_id = {}, .source = "bench"}));
  }
  std::vector<SeriesSlot> slots;
  std::vector<std::uint64_t> typical;
  for (std::uint32_t i = 0; i < series; ++i) {
    const std::string name = "void at::native::vectorized_elementwise_kernel<4, at::native::" +
                             std::to_string(i % kNames) + ">(int, float*)";
    slots.push_back(
        monitor.series(owner, devices[(i / kNames + i) % kDevices], name, KernelKind::kCompute));
    typical.push_back(std::uint64_t{1'000} << (random() % 12U));
  }
  Costs costs;
  std::vector<std::shared_ptr<Frame>> kept(3);
  for (int edge = 0; edge < kEdges; ++edge) {
    const Timestamp now = from_unix_ns(1'700'000'000'000'000'000) + edge * 1s;
    double from = thread_cpu_ms();
    for (std::uint32_t i = 0; i < changing; ++i) {
      Aggregate aggregate;
      std::vector<BucketCount> buckets;
      const std::uint32_t first = SketchScheme::bucket_of(typical[i]) + random() % 8U;
      for (std::uint32_t b = 0; b < 6; ++b) {
        const std::uint32_t count = b < 2 ? 4 : 3;
        buckets.push_back({first + b, count});
        for (std::uint32_t n = 0; n < count; ++n) {
          aggregate.counters.add(SketchScheme::low(first + b));
        }
      }
      aggregate.buckets = buckets;
      aggregate.last_end = now;
      aggregate.last_duration_ns = typical[i];
      monitor.aggregate(slots[i], aggregate);
    }
    costs.feed.push_back(thread_cpu_ms() - from);
    for (const DeviceSlot device : devices) {
      monitor.covered(device, now - 1s, now);
      monitor.activity(device, KernelKind::kCompute, now - 700ms, now - 100ms);
    }
    from = thread_cpu_ms();
    std::shared_ptr<Frame> frame = monitor.build(now, true);
    costs.build.push_back(thread_cpu_ms() - from);
    from = thread_cpu_ms();
    const std::shared_ptr<Frame> peek = monitor.build(now + 500ms, false);
    costs.peek.push_back(thread_cpu_ms() - from);
    from = thread_cpu_ms();
    kept[static_cast<std::size_t>(edge) % kept.size()] = std::move(frame);
    costs.drop.push_back(thread_cpu_ms() - from);
  }
  return costs;
}

void print_row(const std::string& row, double value, double goal) {
  std::printf(R"({"bench":"frame","row":"%s","value":%.3f,"unit":"ms",)"
              R"("aim":%.1f})"
              "\n",
              row.c_str(), value, goal);
}

void report(const std::string& row, const Costs& costs, double goal) {
  print_row(row + "_close", median(costs.build), goal);
  print_row(row + "_close_worst", *std::ranges::max_element(costs.build), goal);
  print_row(row + "_peek_unchanged", median(costs.peek), goal);
  print_row(row + "_free", median(costs.drop), goal);
  print_row(row + "_feed", median(costs.feed), goal);
}

}  // namespace
}  // namespace gpuvigil

int main() {
  using gpuvigil::measure;
  gpuvigil::report("10000_series_all_changed", measure(10'000, 10'000), 5.0);
  gpuvigil::report("10000_series_unchanged", measure(10'000, 0), 5.0);
  gpuvigil::report("64000_series_all_changed", measure(64'000, 64'000), 32.0);
  gpuvigil::report("64000_series_1000_changed", measure(64'000, 1'000), 5.0);
  return 0;
}
