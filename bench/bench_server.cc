// SPDX-License-Identifier: Apache-2.0
//
// The server as people run it (engine, API, authorization of local users, limits of rates, HTTP
// server) over a synthetic machine, for the drivers of benchmarks. Says "port N" once it serves;
// ends when its standard input does.
//
//   bench_server [--devices N] [--kernels N] [--spread N] [--period MS] [--idle] [--freeze]
//     --spread   on how many devices each kernel runs
//     --idle     no kernel runs after the first second
//     --freeze   the clock stands still after four frames: for counting instructions
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <unistd.h>

#include "api/live_server.h"
#include "base/clock.h"
#include "engine/engine.h"
#include "synthetic_source.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

struct Options {
  SyntheticSource::Machine machine{.first_calls = 1'000'000};
  Duration period = 1s;
  bool freeze = false;
};

/// The system's time until it is stopped.
class FreezableClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override {
    const std::int64_t stopped = stopped_at_ns_;
    return stopped == 0 ? real_.now() : from_unix_ns(stopped);
  }
  [[nodiscard]] Duration until(Timestamp at) const override {
    return stopped_at_ns_ == 0 ? real_.until(at) : std::max<Duration>(at - now(), 0ns);
  }
  void freeze() { stopped_at_ns_ = to_unix_ns(real_.now()); }

 private:
  SystemClock real_;
  std::atomic<std::int64_t> stopped_at_ns_{0};
};

/// Waits until so many frames have been closed.
class FrameCount {
 public:
  void add() {
    const std::scoped_lock lock(mutex_);
    ++closed_;
    changed_.notify_all();
  }
  void wait_for(int frames) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ >= frames; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int closed_ = 0;
};

/// Until whoever started this program closes its end.
void wait_for_end_of_input() {
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

LiveServerOptions server_options(const Options& options) {
  LiveServerOptions server;
  server.frame_period = options.period;
  server.access.own_user = ::getuid();
  server.access.rate = Rate{.per_second = 1'000'000, .burst = 1'000'000};  // asked, never reached
  server.http.port = 0;
  server.http.limits.connections = 32'768;
  server.http.limits.connections_per_address = 32'768;  // all clients are on this machine
  // Who calls is asked, and what it costs is counted, as ever; only the limit is out of reach.
  server.access.own_user = ::geteuid();
  server.access.rate = Rate{.per_second = 1'000'000, .burst = 1'000'000};
  return server;
}

int serve(const Options& options) {
  FreezableClock clock;
  EngineOptions engine_options;
  engine_options.frame_period = options.period;
  engine_options.alerts.utilization_for = 1s;
  Engine engine(engine_options, clock);
  engine.add_source(std::make_unique<SyntheticSource>(options.machine));
  FrameCount frames;
  engine.add_listener([&](const auto&, const auto&) { frames.add(); });
  engine.start();
  auto server = LiveServer::start(engine, server_options(options));
  if (!server) {
    std::fprintf(stderr, "bench_server: %s\n", server.error().message.c_str());
    return 1;
  }
  frames.wait_for(4);  // alerts have begun to fire
  if (options.freeze) clock.freeze();
  std::printf("port %u\n", (*server)->port());
  std::fflush(stdout);
  wait_for_end_of_input();
  (*server)->stop(1s);
  engine.stop();
  return 0;
}

std::optional<Options> read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_value = i + 1 < argc;
    if (word == "--idle") {
      options.machine.keeps_running = false;
    } else if (word == "--freeze") {
      options.freeze = true;
    } else if (word == "--devices" && has_value) {
      options.machine.devices = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
    } else if (word == "--kernels" && has_value) {
      options.machine.kernels = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
    } else if (word == "--spread" && has_value) {
      options.machine.devices_a_kernel =
          static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
    } else if (word == "--period" && has_value) {
      options.period = std::chrono::milliseconds(std::strtol(argv[++i], nullptr, 10));
    } else {
      return std::nullopt;
    }
  }
  return options;
}

}  // namespace
}  // namespace gpuvigil

int main(int argc, char** argv) {
  const auto options = gpuvigil::read_options(argc, argv);
  if (!options) {
    std::fprintf(stderr,
                 "usage: bench_server [--devices N] [--kernels N] [--spread N] [--period MS] "
                 "[--idle] [--freeze]\n");
    return 2;
  }
  return gpuvigil::serve(*options);
}
