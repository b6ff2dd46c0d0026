// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <gpuvigil/gpu_monitor.h>
#include <gpuvigil/server.h>

int main() {
  gpuvigil::GpuMonitor& monitor = gpuvigil::get_global_monitor();

  gpuvigil::ServerOptions options;
  if (const char* port = std::getenv("PORT")) options.port = std::uint16_t(std::atoi(port));
  gpuvigil::Server server(monitor, options);
  if (const gpuvigil::ServerStatus started = server.start(); !started) {
    std::fprintf(stderr, "%s\n", started.message().c_str());
    return 1;
  }
  std::printf("serving %s\n", server.url().c_str());

  // What the program does with its GPU.
  monitor.update_gpu_stats(73.5, 2048, 8192);  // percent, MiB, MiB
  gpuvigil::KernelHandle conv2d = monitor.kernel("conv2d");
  for (int i = 0; i < 1000; ++i) {
    conv2d.record(std::chrono::microseconds(300 + i % 20), std::uint64_t{128} << 20);
  }

  // The calls of the API, from inside: status, kernels, alerts, what ran last, and the report.
  std::printf("utilization %.1f %%\n", monitor.get_gpu_utilization().value_or(0));
  for (const gpuvigil::KernelRecord& kernel : monitor.get_all_kernel_stats()) {
    std::printf("%s: %llu calls, p99 %.3f ms\n", kernel.name.c_str(),
                static_cast<unsigned long long>(kernel.total_calls), kernel.p99_time_ms);
  }
  std::printf("%zu alerts\n", monitor.get_alerts().size());
  for (const gpuvigil::ExecutionRecord& one : monitor.get_recent_executions(1)) {
    std::printf("last: %s %.3f ms\n", one.name.c_str(), one.duration_ms);
  }
  std::printf("%s", monitor.get_report().c_str());

  std::printf("press Enter to end\n");
  std::fflush(stdout);
  std::getchar();
}
