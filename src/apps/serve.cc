// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/live_server.h"
#include "apps/agent_door.h"
#include "apps/config.h"
#include "apps/exit_codes.h"
#include "apps/exports.h"
#include "apps/first_token.h"
#include "apps/history_door.h"
#include "apps/machine_names.h"
#include "apps/notify.h"
#include "apps/offline.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "apps/verbs.h"
#include "base/clock.h"
#include "base/log.h"
#include "collect/backend.h"
#include "collect/sample_source.h"
#include "collect/sampler.h"
#include "engine/engine.h"
#include "procs/process_table.h"
#include "trace/player.h"

namespace gpuvigil {
namespace {

/// Shown while there is no device.
std::string no_device_reason() {
  std::string reason = "no GPU was found; replay a recording with --replay FILE";
  const bool has_demo = std::ranges::find(builtin_backends(), "demo", &BackendEntry::name) !=
                        builtin_backends().end();
  if (has_demo) reason += " or look at a simulated machine with --demo";
  return reason;
}

/// Blocks the signals that end the program, and the one that asks it to read its configuration
/// again, in every thread to come, so that main can wait for them.
class EndSignals {
 public:
  EndSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    // A shell that started us in the background may have had SIGINT ignored.
    std::signal(SIGINT, SIG_DFL);
    // A client that closes early must not end the server.
    std::signal(SIGPIPE, SIG_IGN);
  }

  /// Waits at most that long for one of them; its number, if one came.
  std::optional<int> wait(Duration at_most) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(at_most);
    const timespec time{.tv_sec = seconds.count(), .tv_nsec = (at_most - seconds).count()};
    const int number = sigtimedwait(&set_, nullptr, &time);
    if (number < 0) return std::nullopt;
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

Result<Feeds> live_feeds(const Config& config, bool wants_demo,
                         const std::shared_ptr<const Clock>& clock) {
  Feeds feeds{.samplers = {}, .sources = {}, .what = "devices"};
  // For tests, and for drivers that lie where the dynamic linker does not look.
  const char* const nvml = std::getenv("GPUVIGIL_NVML");
  const char* const rocm_smi = std::getenv("GPUVIGIL_ROCM_SMI");
  BackendOptions options{.demo = nullptr,
                         .nvml_library = nvml == nullptr ? "" : nvml,
                         .rocm_smi_library = rocm_smi == nullptr ? "" : rocm_smi};
  if (wants_demo) {
    GPUVIGIL_TRY(Demo demo, make_demo(config.demo.seed, clock->now()));
    feeds.what = "demo";
    options.demo = std::move(demo.machine);
    feeds.sources.push_back(std::move(demo.kernels));
  }
  for (const BackendEntry& entry : builtin_backends()) {
    const bool is_demo = entry.name == "demo";
    if (is_demo != wants_demo) continue;  // a simulated machine has simulated devices alone
    GPUVIGIL_TRY(std::shared_ptr<const Sampler> sampler,
                 Sampler::start(
                     std::string(entry.name), [&entry, options] { return entry.open(options); },
                     {.period = config.frames.period, .deadline = config.frames.period}, clock));
    feeds.samplers.push_back(std::move(sampler));
  }
  feeds.sources.insert(feeds.sources.begin(), std::make_unique<SampleSource>(feeds.samplers));
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
  options.alerts = config.alerts.builtin;
  options.no_device_reason = no_device_reason();
  return options;
}

bool is_loopback(const ListenAddress& listen) {
  return listen.address == "::1" || listen.address.starts_with("127.");
}

HttpServerOptions server_options(const Config& config, const ListenAddress& listen) {
  HttpServerOptions options;
  options.address = listen.address;
  options.port = listen.port;
  options.limits.connections = config.limits.connections;
  options.allowed_hosts = config.server.hosts;
  if (!is_loopback(listen)) {
    const auto own = machine_names();
    options.allowed_hosts.insert(options.allowed_hosts.end(), own.begin(), own.end());
  }
  if (!config.server.tls_certificate.empty()) {
    options.tls = {.certificate = config.server.tls_certificate, .key = config.server.tls_key};
  }
  return options;
}

AccessOptions access_options(const Config& config) {
  return {.mode = config.server.auth,
          .own_user = ::geteuid(),
          .rate = config.server.rate_limit,
          .session_rate = config.server.session_rate_limit};
}

MetricsOptions metrics_options(const Config& config) {
  MetricsOptions options{.names = config.metrics.names, .limits = {}, .host = node_name(config)};
  options.limits.top_kernels = config.metrics.kernels;
  options.limits.processes = config.metrics.processes;
  return options;
}

/// Null where time runs at another speed: databases of time series take only what is now.
Result<std::unique_ptr<Exports>> open_exports(Engine& engine, const Config& config,
                                              const std::string& state_directory, double speed,
                                              const Clock& real_time) {
  if (speed == 1.0) return Exports::start(engine, config, state_directory, real_time);
  const auto& exports = config.exports;
  if (!exports.remote_write.url.empty() || !exports.otlp.url.empty() ||
      !exports.influx.url.empty()) {
    log(LogLevel::kWarn, "export.off", {kv("why", "a replay at another speed is not exported")});
  }
  return std::unique_ptr<Exports>();
}

/// The clock of the engine; it runs faster than real time only where a replay is to.
std::shared_ptr<const Clock> timeline_of(const ServeOptions& options,
                                         const std::shared_ptr<const SystemClock>& real_time) {
  if (options.replay.empty() || options.speed == 1.0) return real_time;
  return std::make_shared<const ScaledClock>(*real_time, options.speed);
}

/// Between two frames, where time runs that much faster.
Duration real_period(const Config& config, double speed) {
  return Duration(
      static_cast<std::int64_t>(static_cast<double>(config.frames.period.count()) / speed));
}

/// Says why nobody can be served here.
int complain_of_place(const Error& error) {
  complain(error);
  const bool no_place = error.code == Errc::kUnavailable || error.code == Errc::kPermission;
  return no_place ? kExitNoPlace : exit_code_of(error.code);
}

/// Whoever started this program; nobody where that cannot be told, which ends nothing.
ServiceNotifier service_manager() {
  auto notifier = ServiceNotifier::open(NotifyEnvironment::of_this_process());
  if (notifier) return *std::move(notifier);
  log(LogLevel::kWarn, "service.manager_unreachable", {kv("why", notifier.error().message)});
  return {};
}

/// Reads the configuration again. What it says of alerts holds from then on; the rest needs a
/// restart. With a mistake in it, nothing changes.
void reload(const std::string& path, AlertDesk& desk) {
  auto config = load_config(path);
  if (!config) {
    log(LogLevel::kError, "config.not_reloaded", {kv("why", config.error().message)});
    return;
  }
  const bool posted = desk.post([&desk, alerts = std::move(config->alerts)] {
    const auto done = desk.configure(alerts);
    if (done) {
      log(LogLevel::kInfo, "config.reloaded", {kv("rules", desk.rules().size())});
    } else {
      log(LogLevel::kError, "config.not_reloaded", {kv("why", done.error().message)});
    }
  });
  if (!posted) log(LogLevel::kError, "config.not_reloaded", {kv("why", "too busy; try again")});
}

/// Until a signal ends the program (its number is returned): the log's and the watchdog's due.
int attend(EndSignals& signals, ServiceNotifier& manager, Engine& engine, LiveServer& server,
           Exports* exports, const Clock& clock, const std::function<void()>& hang_up) {
  std::optional<Watchdog> watchdog;
  if (manager.watchdog() > Duration::zero()) {
    watchdog.emplace(
        manager.watchdog(), clock.now(),
        Watchdog::Parts{
            .newest_frame = [&engine] { return to_unix_ns(engine.frame()->edge); },
            .request_frame = [&engine] { engine.request_peek(); },
            .post = [&server](std::function<void()> task) { return server.post(std::move(task)); },
        });
  }
  const Duration period = watchdog ? watchdog->period() : std::chrono::seconds(1);
  while (true) {
    if (const auto signal = signals.wait(period)) {
      if (*signal != SIGHUP) return *signal;
      hang_up();
    }
    program_log().tick();
    if (exports != nullptr) exports->tell_changes();
    if (!watchdog) continue;
    const Timestamp now = clock.now();
    if (watchdog->look(now)) manager.send("WATCHDOG=1");
    if (const auto why = watchdog->concern(now); !why.empty()) {
      log(LogLevel::kError, "watchdog.not_told", {kv("why", why)});
    }
  }
}

/// From now on frames say who the processes and the holders of devices are.
Result<void> name_processes(const Config& config, const std::shared_ptr<const Clock>& clock,
                            Engine& engine) {
  GPUVIGIL_TRY(
      auto table,
      ProcessTable::start({.paths = {.kubelet_socket = config.kubernetes.pod_resources}}, clock));
  engine.set_processes(std::move(table));
  return {};
}

HistoryDoor door_to(const OpenedHistory& history, Fleet* fleet) {
  return {.store = history.store.get(),
          .why_not = history.why_not,
          .fleet = fleet,
          .is_missing = history.is_missing};
}

/// What happened before is shown again, and what happens from now on is kept.
void keep_history(HistoryStore& store, Engine& engine) {
  engine.remember(store.before().alerts, store.before().events);
  engine.add_listener([&store](const auto& frame, std::span<const Alert> changes) {
    store.append(*frame, changes);
  });
}

/// What is known of alerts of a simulated machine says nothing of the real one.
std::string alert_file(const std::string& directory, WatchedMachine machine) {
  if (directory.empty()) return {};
  return directory + (machine == WatchedMachine::kReal ? "/alerts.json" : "/alerts-simulated.json");
}

/// What follows from the configuration; the rest is up to who starts the server.
LiveServerOptions live_options(const Config& config, const ListenAddress& listen, double speed) {
  LiveServerOptions options;
  options.http = server_options(config, listen);
  options.access = access_options(config);
  options.metrics = metrics_options(config);
  options.frame_period = real_period(config, speed);
  return options;
}

/// All that runs once everything was started.
struct Running {
  EndSignals& signals;
  Engine& engine;
  LiveServer& server;
  Exports* exports;
  AlertDesk& desk;
  const Clock& clock;
};

/// Until a signal ends the program; then everybody who is being served is heard out.
void serve_to_the_end(const Running& all, const ServeOptions& options, const Config& config,
                      const std::string& what) {
  ServiceNotifier manager = service_manager();
  manager.send(fmt::format("READY=1\nSTATUS=Serving {} from {}", all.server.url(), what));
  const int signal = attend(all.signals, manager, all.engine, all.server, all.exports, all.clock,
                            [&] { reload(options.config, all.desk); });
  log(LogLevel::kInfo, "server.stopping", {kv("signal", signal)});
  manager.send("STOPPING=1\nSTATUS=Finishing what is in flight");
  all.server.stop(config.server.drain);
  all.desk.stop();
}

/// Starts the parts of a server one after the other; they end in the reverse order.
int serve_until_signal(const ServeOptions& options, const Config& config, EndSignals& signals) {
  const auto listen = parse_listen(config.server.listen);
  if (!listen) return complain(listen.error());

  // Recordings are read before the clock of the replay starts: reading may take a while.
  const bool replays = !options.replay.empty();
  Result<Feeds> feeds = replays ? replay_feeds(options) : Feeds();
  const auto real_time = std::make_shared<const SystemClock>();
  const auto timeline = timeline_of(options, real_time);
  if (!replays) feeds = live_feeds(config, options.demo, timeline);
  if (!feeds) return complain(feeds.error());

  // What is recorded is over; what programs report is now.
  auto door = open_agent_door(replays ? "off" : config.server.socket, *timeline);
  if (!door) return complain(door.error());
  if (*door) feeds->sources.push_back((*door)->source());

  // Before the engine, which it outlives: what happened before is shown from the first frame on.
  const auto machine = replays || options.demo ? WatchedMachine::kSimulated : WatchedMachine::kReal;
  const OpenedHistory history = open_history(config, machine, *timeline);
  const auto fleet = open_fleet(config, *real_time);
  if (!fleet) return complain(fleet.error());

  Engine engine(engine_options(config), *timeline);
  for (auto& source : feeds->sources) engine.add_source(std::move(source));
  if (const auto named = name_processes(config, real_time, engine); !named) {
    return complain(named.error());
  }
  if (history.store) keep_history(*history.store, engine);
  auto tokens = prepare_tokens(config.server);
  if (!tokens) {
    complain(tokens.error());
    return kExitNoPlace;
  }
  auto desk = AlertDesk::open(engine, config.alerts,
                              {.state_file = alert_file(tokens->directory, machine),
                               .keep_living = !replays,
                               .sender = {}});
  if (!desk) return complain(desk.error());

  engine.start();
  (*desk)->start();
  const double speed = replays ? options.speed : 1.0;
  auto exports = open_exports(engine, config, tokens->directory, speed, *real_time);
  if (!exports) return complain(exports.error());
  LiveServerOptions serving = live_options(config, *listen, speed);
  serving.state_directory = tokens->directory;
  serving.history = door_to(history, fleet->get());
  serving.tracer = *door ? &(*door)->tracer() : nullptr;
  serving.desk = desk->get();
  serving.export_stats = [all = exports->get()] {
    return all == nullptr ? std::vector<ExportStats>() : all->stats();
  };
  const auto server = LiveServer::start(engine, serving);
  if (!server) return complain_of_place(server.error());
  log(LogLevel::kInfo, "server.listening",
      {kv("url", (*server)->url() + "/"), kv("source", feeds->what)});
  announce(*tokens, (*server)->url());

  serve_to_the_end({.signals = signals,
                    .engine = engine,
                    .server = **server,
                    .exports = exports->get(),
                    .desk = **desk,
                    .clock = *real_time},
                   options, config, feeds->what);
  log(LogLevel::kInfo, "server.stopped");
  program_log().finish();
  return kExitOk;
}

/// What the command line says goes over what the file says.
Result<void> apply(const ServeOptions& options, Config::Server& server) {
  if (!options.listen.empty()) server.listen = options.listen;
  if (!options.socket.empty()) server.socket = options.socket;
  if (!options.state_directory.empty()) server.state_directory = options.state_directory;
  if (!options.node_name.empty()) server.node_name = options.node_name;
  server.hosts.insert(server.hosts.end(), options.hosts.begin(), options.hosts.end());
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return fail(Errc::kInvalidArgument, "--tls-cert and --tls-key need one another");
  }
  if (!options.tls_key.empty()) {
    server.tls_certificate = options.tls_certificate;
    server.tls_key = options.tls_key;
  }
  if (!options.auth.empty()) {
    const auto mode = read_auth_mode(options.auth);
    if (!mode) return fail(mode.error().code, "--auth: " + mode.error().message);
    server.auth = *mode;
  }
  if (!options.rate_limit.empty()) {
    const auto rate = read_rate_limit(options.rate_limit);
    if (!rate) return fail(rate.error().code, "--rate-limit: " + rate.error().message);
    server.rate_limit = server.session_rate_limit = *rate;
  }
  return {};
}

/// A file of history from the command line: relative to where we are, the words as they are.
std::string absolute(const std::string& place) {
  if (place == "auto" || place == "memory" || place == "off") return place;
  return std::filesystem::absolute(place).lexically_normal().string();
}

/// Sets the log up as the command line says, and where that says nothing, as `settings` do.
void configure_log(const ServeOptions& options, LogSettings settings) {
  settings.level = parse_log_level(options.log_level).value_or(settings.level);
  settings.format = parse_log_format(options.log_format).value_or(settings.format);
  program_log().configure(settings);
}

}  // namespace

int run_serve(const ServeOptions& options) {
  configure_log(options, {});
  ::umask(S_IRWXG | S_IRWXO);  // whatever it makes is its owner's alone
  if (options.demo && !options.replay.empty()) {
    return complain({Errc::kInvalidArgument, "--demo and --replay exclude each other"});
  }
  if (options.replay.empty() && (options.loop || options.align_wall || options.speed != 1.0)) {
    return complain({Errc::kInvalidArgument, "--speed, --loop and --align need --replay FILE"});
  }
  const bool takes_reports = !options.socket.empty() && options.socket != "off";
  if (takes_reports && !options.replay.empty()) {
    return complain({Errc::kInvalidArgument, "--socket and --replay exclude each other"});
  }
  auto config = load_config(options.config);
  if (!config) return complain(config.error());
  if (!options.history.empty()) config->history.db = absolute(options.history);
  if (!options.store.empty()) {
    if (const auto store = read_store(options.store); !store) {
      return complain({store.error().code, "--store: " + store.error().message});
    }
    config->history.store = options.store;
  }
  configure_log(options, config->log);
  if (const auto applied = apply(options, config->server); !applied) {
    return complain(applied.error());
  }
  EndSignals signals;
  return serve_until_signal(options, *config, signals);
}

}  // namespace gpuvigil
