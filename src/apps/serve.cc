// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdio>
#include <memory>
#include <vector>

#include "api/live_server.h"
#include "apps/config.h"
#include "apps/exit_codes.h"
#include "apps/offline.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "apps/verbs.h"
#include "base/clock.h"
#include "base/log.h"
#include "collect/backend.h"
#include "collect/demo.h"
#include "collect/sample_source.h"
#include "collect/sampler.h"
#include "engine/engine.h"
#include "trace/player.h"

namespace gpuvigil {
namespace {

constexpr const char* kNoDevice =
    "no GPU was found; replay a recording with --replay FILE or look at a simulated machine "
    "with --demo";

/// Blocks the signals that end the program in every thread to come, so that main can wait for them.
class EndSignals {
 public:
  EndSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    // A shell that started us in the background may have had SIGINT ignored.
    std::signal(SIGINT, SIG_DFL);
    // A client that closes early must not end the server.
    std::signal(SIGPIPE, SIG_IGN);
  }

  /// Waits for one of them; its number.
  int wait() {
    int number = 0;
    sigwait(&set_, &number);
    return number;
  }

 private:
  sigset_t set_{};
};

/// Everything that feeds the frames of one server.
struct Feeds {
  std::vector<std::shared_ptr<const Sampler>> samplers;
  std::vector<std::unique_ptr<Source>> sources;
  std::string what;  ///< For the log: "demo", "replay".
};

Result<Feeds> demo_feeds(const Config& config, const std::shared_ptr<const Clock>& clock) {
  Feeds feeds{.samplers = {}, .sources = {}, .what = "demo"};
  const auto machine = std::make_shared<const DemoMachine>(config.demo.seed, clock->now());
  for (const BackendEntry& entry : builtin_backends()) {
    GPUVIGIL_TRY(
        std::shared_ptr<const Sampler> sampler,
        Sampler::start(
            std::string(entry.name), [&entry, machine] { return entry.open({.demo = machine}); },
            {.period = config.frames.period, .deadline = config.frames.period}, clock));
    feeds.samplers.push_back(std::move(sampler));
  }
  feeds.sources.push_back(std::make_unique<SampleSource>(feeds.samplers));
  feeds.sources.push_back(std::make_unique<DemoSource>(machine));
  return feeds;
}

Result<Feeds> replay_feeds(const ServeOptions& options) {
  Feeds feeds{.samplers = {}, .sources = {}, .what = "replay"};
  ProgressBar bar;
  PlayerOptions player_options;
  player_options.paths = options.replay;
  player_options.loop = options.loop;
  player_options.align = options.align_wall ? ReplayAlign::kWall : ReplayAlign::kStart;
  player_options.progress = [&bar](std::uint64_t done, std::uint64_t total) {
    bar.update(done, total);
  };
  GPUVIGIL_TRY(auto player, Player::open(player_options));
  for (const TraceSummary& summary : player->summaries()) {
    if (const std::string damage = describe_damage(summary, options.replay.front());
        !damage.empty()) {
      log(LogLevel::kWarn, "recording.damaged", {kv("what", damage)});
    }
  }
  feeds.sources.push_back(std::move(player));
  return feeds;
}

EngineOptions engine_options(const Config& config) {
  EngineOptions options;
  options.frame_period = config.frames.period;
  options.limits.table.max_kernels = config.limits.kernels;
  options.limits.table.max_series = config.limits.series;
  options.alerts = config.alerts;
  options.no_device_reason = kNoDevice;
  return options;
}

HttpServerOptions server_options(const Config& config, const ListenAddress& listen) {
  HttpServerOptions options;
  options.address = listen.address;
  options.port = listen.port;
  options.limits.connections = config.limits.connections;
  if (!config.server.tls_certificate.empty()) {
    options.tls = {.certificate = config.server.tls_certificate, .key = config.server.tls_key};
  }
  return options;
}

/// Starts the parts of a server one after the other; they end in the reverse order.
int serve_until_signal(const ServeOptions& options, const Config& config, EndSignals& signals) {
  const auto listen = parse_listen(config.server.listen);
  if (!listen) return complain(listen.error());

  // Recordings are read before the clock of the replay starts: reading may take a while.
  const bool replays = !options.replay.empty();
  Result<Feeds> feeds = replays ? replay_feeds(options) : Feeds();
  const auto real_time = std::make_shared<const SystemClock>();
  std::shared_ptr<const Clock> timeline = real_time;
  if (replays && options.speed != 1.0) {
    timeline = std::make_shared<const ScaledClock>(*real_time, options.speed);
  }
  if (!replays) feeds = demo_feeds(config, timeline);
  if (!feeds) return complain(feeds.error());

  Engine engine(engine_options(config), *timeline);
  for (auto& source : feeds->sources) engine.add_source(std::move(source));

  engine.start();

  const double speed = replays ? options.speed : 1.0;
  const auto server =
      LiveServer::start(engine, {.http = server_options(config, *listen),
                                 .frame_period = Duration(static_cast<std::int64_t>(
                                     static_cast<double>(config.frames.period.count()) / speed))});
  if (!server) {
    complain(server.error());
    const Errc code = server.error().code;
    const bool no_place = code == Errc::kUnavailable || code == Errc::kPermission;
    return no_place ? kExitNoPlace : exit_code_of(code);
  }
  log(LogLevel::kInfo, "server.listening",
      {kv("url", (*server)->url() + "/"), kv("source", feeds->what)});

  const int signal = signals.wait();
  log(LogLevel::kInfo, "server.stopping", {kv("signal", signal)});
  (*server)->stop(config.server.drain);
  log(LogLevel::kInfo, "server.stopped");
  return kExitOk;
}

}  // namespace

int run_serve(const ServeOptions& options) {
  if (options.demo && !options.replay.empty()) {
    return complain({Errc::kInvalidArgument, "--demo and --replay exclude each other"});
  }
  if (options.replay.empty() && (options.loop || options.align_wall || options.speed != 1.0)) {
    return complain({Errc::kInvalidArgument, "--speed, --loop and --align need --replay FILE"});
  }
  auto config = load_config(options.config);
  if (!config) return complain(config.error());
  if (!options.listen.empty()) config->server.listen = options.listen;
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return complain({Errc::kInvalidArgument, "--tls-cert and --tls-key need one another"});
  }
  if (!options.tls_key.empty()) {
    config->server.tls_certificate = options.tls_certificate;
    config->server.tls_key = options.tls_key;
  }
  EndSignals signals;
  return serve_until_signal(options, *config, signals);
}

}  // namespace gpuvigil
