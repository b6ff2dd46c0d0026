// SPDX-License-Identifier: Apache-2.0
// What a scrape costs: CPU time a line of GET /metrics, of a frame whose numbers have changed while
// labels are what they were. One JSON line a row.

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <time.h>

#include "exporters/frame_metrics.h"
#include "exporters/metrics_text.h"

namespace gpuvigil {
namespace {

constexpr int kScrapes = 200;

double thread_cpu_ns() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

/// Devices with all of their readings, and kernels with names of 85 characters.
Frame make_frame(std::uint32_t devices, std::uint32_t kernels) {
  Frame frame;
  frame.windows = std::make_shared<WindowLadder>();
  for (std::uint32_t i = 0; i < devices; ++i) {
    DeviceRow row;
    row.info = std::make_shared<DeviceInfo>(
        DeviceInfo{.uuid = "GPU-6f1c0e7a-3b5d-4a8e-9c61-00000000000" + std::to_string(i % 10),
                   .name = "NVIDIA H100 80GB HBM3",
                   .pci_bus_id = "0000:3b:00.0",
                   .source = "bench"});
    row.index = i;
    frame.devices.push_back(std::move(row));
  }
  for (std::uint32_t i = 0; i < kernels; ++i) {
    KernelRow row{.name = make_kernel_name("void at::native::vectorized_elementwise_kernel<4, "
                                           "at::native::" +
                                           std::to_string(100'000 + i) + ">(int, float*)")};
    row.counters.calls = i + 1;
    row.counters.sum_ns = std::uint64_t{i} * 12345;
    frame.kernels.push_back(std::move(row));
  }
  return frame;
}

/// Another second: every number is another one.
void change(Frame& frame, int round) {
  for (DeviceRow& row : frame.devices) {
    const double step = round % 100 + row.index / 10.0;
    auto details = std::make_shared<DeviceDetails>();
    for (const DeviceMetric& metric : kDeviceMetrics) {
      details->metrics[metric.id] = std::min(metric.max, step);
    }
    row.sample.details = std::move(details);
    row.sample.at = from_unix_ns(1'700'000'000'000'000'000 + round * 1'000'000'000LL);
    row.sample.gpu_utilization = Percent(step);
    row.sample.memory_used = Bytes(static_cast<std::uint64_t>(step * 1e9));
    row.sample.memory_total = Bytes(std::uint64_t{80} << 30U);
    row.sample.temperature = Celsius(40 + round % 40);
    row.sample.power = Watts(200 + step);
    row.sample.power_limit = Watts(700);
    row.sample.sm_clock = Megahertz(1980);
    row.sample.memory_clock = Megahertz(2619);
    row.sample.throttle_reasons = 0;
    row.sample.processes = 1;
    row.kernel_busy = Percent(step);
    row.activity.covered_ns += 1'000'000'000;
    row.activity.kernel_busy_ns += 700'000'001;
  }
  for (KernelRow& row : frame.kernels) {
    row.counters.calls += 100;
    row.counters.sum_ns += 1'234'567;
  }
}

void measure(const char* row, std::uint32_t devices, std::uint32_t kernels) {
  Frame frame = make_frame(devices, kernels);
  FrameMetrics metrics({}, "node1");
  MetricsText text;
  std::vector<double> a_line;
  std::size_t bytes = 0;
  for (int round = 0; round < kScrapes; ++round) {
    change(frame, round);
    const double from = thread_cpu_ns();
    metrics.update(frame);
    const std::string body = text.write(metrics.families(), TextFormat::kPrometheus);
    const double took = thread_cpu_ns() - from;
    bytes = body.size();
    const auto lines = std::ranges::count(body, '\n');
    if (round > 0) a_line.push_back(took / static_cast<double>(lines));  // the first one prepares
  }
  std::ranges::sort(a_line);
  std::printf(R"({"bench":"metrics","row":"%s","value":%.2f,"unit":"ns","aim":20,"bytes":%zu})"
              "\n",
              row, a_line[a_line.size() / 2], bytes);
}

}  // namespace
}  // namespace gpuvigil

int main() {
  gpuvigil::measure("line, 64 devices, 50 kernels", 64, 50);
  gpuvigil::measure("line, 8 devices, 10000 kernels", 8, 10'000);
}
