// SPDX-License-Identifier: Apache-2.0
//
// What a server costs that nobody asks anything: 64 devices, 10 000 kernels, a frame a second.
// One row with every kernel changing in every second, one with none changing.
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "api/service.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "net/http_server.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kDevices = 64;
constexpr std::uint32_t kKernels = 10'000;

/// Samples of every device, and an execution of every kernel, in every second; or only once.
class SyntheticSource final : public Source {
 public:
  explicit SyntheticSource(bool keeps_running) : keeps_running_(keeps_running) {}

  void feed(Timestamp until, Intake& intake) override {
    if (series_.empty()) open(intake);
    if (until < next_) return;
    next_ = until + 900ms;
    for (std::uint32_t d = 0; d < kDevices; ++d) {
      DeviceSample sample = absent_sample(Missing::kUnsupported, until);
      sample.gpu_utilization = Percent(50);
      intake.sample(devices_[d], sample);
    }
    if (!keeps_running_ && ran_) return;
    ran_ = true;
    for (std::uint32_t k = 0; k < kKernels; ++k) {
      const Duration duration(1000 + k);
      intake.execution(series_[k], {.start = until - duration, .end = until, .duration = duration});
    }
  }
  [[nodiscard]] bool finished() const override { return false; }

 private:
  void open(Intake& intake) {
    const OwnerId owner = intake.open_owner();
    for (std::uint32_t d = 0; d < kDevices; ++d) {
      devices_.push_back(intake.device({.uuid = fmt::format("BENCH-{}", d),
                                        .name = "synthetic",
                                        .pci_bus_id = "",
                                        .source = "bench"}));
    }
    for (std::uint32_t k = 0; k < kKernels; ++k) {
      series_.push_back(intake.series(owner, devices_[k % kDevices],
                                      fmt::format("synthetic_kernel_of_some_length_{:05}", k),
                                      KernelKind::kCompute));
    }
  }

  bool keeps_running_;
  bool ran_ = false;
  Timestamp next_{};
  std::vector<DeviceSlot> devices_;
  std::vector<SeriesSlot> series_;
};

/// Resident memory in MiB, from /proc/self/status.
double resident_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024.0;
  }
  return 0;
}

void row(const char* name, double value, const char* unit, double aim) {
  std::printf("{\"bench\":\"idle\",\"row\":\"%s\",\"value\":%.3f,\"unit\":\"%s\",\"aim\":%g}\n",
              name, value, unit, aim);
  std::fflush(stdout);
}

void measure(bool keeps_running, int seconds) {
  const SystemClock clock;
  Engine engine({}, clock);
  engine.add_source(std::make_unique<SyntheticSource>(keeps_running));
  engine.start();
  Service service(engine, 1s);
  auto server = HttpServer::open({.port = 0}, service);
  if (!server) return;
  (*server)->every(StreamHub::kTick, [&] { service.hub().tick(std::chrono::steady_clock::now()); });
  std::thread net([&] { (*server)->run(); });

  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  const auto pause = [&](Duration span) { never.wait_for(lock, span, [] { return false; }); };
  pause(3s);
  const Duration before = process_cpu_time();
  pause(std::chrono::seconds(seconds));
  const auto used = static_cast<double>((process_cpu_time() - before).count());
  const char* what = keeps_running ? "all kernels changing" : "no kernel changing";
  row(fmt::format("cpu, {}", what).c_str(), used / 1e9 / seconds * 100, "% of a core", 2);
  row(fmt::format("memory, {}", what).c_str(), resident_mib(), "MiB", 80);
  (*server)->stop(1s);
  net.join();
  engine.stop();
}

}  // namespace
}  // namespace gpuvigil

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  gpuvigil::measure(false, quick ? 2 : 20);
  gpuvigil::measure(true, quick ? 2 : 70);
}
