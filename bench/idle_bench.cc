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

#include <fmt/format.h>

#include "api/live_server.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "synthetic_source.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

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
  engine.add_source(
      std::make_unique<SyntheticSource>(SyntheticSource::Machine{.keeps_running = keeps_running}));
  engine.start();
  LiveServerOptions options;
  options.http.port = 0;
  const auto server = LiveServer::start(engine, options);
  if (!server) return;

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
  engine.stop();
}

}  // namespace
}  // namespace gpuvigil

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  gpuvigil::measure(false, quick ? 2 : 20);
  gpuvigil::measure(true, quick ? 2 : 70);
}
