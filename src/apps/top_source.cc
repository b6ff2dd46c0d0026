// SPDX-License-Identifier: Apache-2.0
#include "apps/top_source.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/parameters.h"
#include "api/service.h"
#include "apps/client.h"
#include "apps/offline.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "collect/backend.h"
#include "collect/sample_source.h"
#include "collect/sampler.h"
#include "trace/player.h"
#include "views/json_views.h"

namespace gpuvigil {
namespace {

constexpr Duration kPeriod = std::chrono::seconds(1);

class ServerSource final : public TopSource {
 public:
  explicit ServerSource(ClientOptions client) : client_(std::move(client)) {}

  Result<std::string> get(std::string_view path, const ApiParameters& parameters) override {
    return ask(client_, path, parameters);
  }
  std::string name() const override {
    const std::string_view url = client_.server;
    const std::size_t scheme = url.find("://");
    std::string_view host = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
    while (host.ends_with('/')) host.remove_suffix(1);
    return std::string(host.substr(host.rfind('@') + 1));  // no password on a screen
  }
  bool is_over() const override { return false; }

 private:
  ClientOptions client_;
};

/// Nobody who asks here can wait for a later answer.
class NoLater final : public Deferral {
 public:
  Reply later(Duration /*patience*/) override {
    return Reply([](const std::optional<HttpResponse>&) {});
  }
};

/// A machine in this process: the engine and the API of a server, without a server.
class LocalSource final : public TopSource {
 public:
  LocalSource(std::string name, std::unique_ptr<const Clock> clock, EngineOptions options)
      : name_(std::move(name)), clock_(std::move(clock)), engine_(std::move(options), *clock_) {}
  ~LocalSource() override { engine_.stop(); }

  void add(std::unique_ptr<Source> source) { engine_.add_source(std::move(source)); }
  void keep(std::shared_ptr<const Sampler> sampler) { sampler_ = std::move(sampler); }

  void start() {
    engine_.start();
    service_ = std::make_unique<Service>(engine_, access_, kPeriod);
  }

  Result<std::string> get(std::string_view path, const ApiParameters& parameters) override {
    HttpRequest request;
    request.path = path;
    request.query = parameters;
    NoLater deferral;
    const auto response = service_->handle(request, deferral);
    if (!response || response->body == nullptr) return fail(Errc::kInternal, "no answer");
    if (response->status == 404) return fail(Errc::kNotFound, *response->body);
    if (response->status != 200) return fail(Errc::kInvalidArgument, *response->body);
    return *response->body;
  }
  std::string name() const override { return name_; }
  bool is_over() const override { return engine_.sources_finished(); }

 private:
  std::string name_;
  std::unique_ptr<const Clock> clock_;
  std::shared_ptr<const Sampler> sampler_;
  Engine engine_;
  Access access_{{.mode = AuthMode::kOff, .rate = std::nullopt}, TokenFile({}), *clock_};
  std::unique_ptr<Service> service_;
};

/// Recordings as a whole, without playing them.
class OfflineSource final : public TopSource {
 public:
  OfflineSource(std::string name, Offline offline)
      : name_(std::move(name)), offline_(std::move(offline)) {}

  Result<std::string> get(std::string_view path, const ApiParameters& parameters) override {
    const Frame& frame = offline_.frame();
    HttpRequest request;
    request.query = parameters;
    ParameterReader in(request, frame);
    if (path.ends_with("/devices")) return devices_json(frame, std::nullopt);
    if (path.ends_with("/kernels")) {
      return kernels_json(frame, offline_.kernels(read_kernel_query(in)));
    }
    if (path.ends_with("/processes")) return processes_json(frame, {});
    return path.ends_with("/alerts") ? alerts_json(frame, {}) : events_json(frame, {});
  }
  std::string name() const override { return name_; }
  bool is_over() const override { return true; }

 private:
  std::string name_;
  Offline offline_;
};

std::string name_of(const std::vector<std::string>& paths) {
  const std::string& path = paths.front();
  std::string name = path.substr(path.rfind('/') + 1);
  if (paths.size() > 1) name += fmt::format(" and {} more", paths.size() - 1);
  return name;
}

Result<std::unique_ptr<TopSource>> read_recordings(const TopOptions& options) {
  GPUVIGIL_TRY(Offline offline, Offline::read(options.traces));
  for (const std::string& damage : offline.damages()) complain({Errc::kCorrupt, damage});
  return std::make_unique<OfflineSource>(name_of(options.traces), std::move(offline));
}

/// As serve --demo has it.
Result<std::unique_ptr<TopSource>> open_demo() {
  const auto clock = std::make_shared<const SystemClock>();
  auto made = std::make_unique<LocalSource>("demo", std::make_unique<SystemClock>(),
                                            EngineOptions{.frame_period = kPeriod});
  GPUVIGIL_TRY(Demo demo, make_demo(1, clock->now()));
  const auto backends = builtin_backends();
  const auto entry = std::ranges::find(backends, "demo", &BackendEntry::name);
  if (entry == backends.end()) return fail(Errc::kInvalidArgument, "this build has no demo");
  const BackendOptions options{.demo = std::move(demo.machine)};
  GPUVIGIL_TRY(std::shared_ptr<const Sampler> sampler,
               Sampler::start(
                   "demo", [open = entry->open, options] { return open(options); },
                   {.period = kPeriod, .deadline = kPeriod}, clock));
  made->keep(sampler);
  made->add(std::make_unique<SampleSource>(std::vector{sampler}));
  made->add(std::move(demo.kernels));
  made->start();
  return made;
}

/// Plays recordings as serve --replay does.
Result<std::unique_ptr<TopSource>> open_recordings(const TopOptions& options) {
  ProgressBar bar;
  PlayerOptions player_options;
  player_options.paths = options.traces;
  player_options.loop = options.loop;
  player_options.progress = [&bar](std::uint64_t done, std::uint64_t total) {
    bar.update(done, total);
  };
  GPUVIGIL_TRY(auto player, Player::open(player_options));
  for (const TraceSummary& summary : player->summaries()) {
    const std::string damage = describe_damage(summary, options.traces.front());
    if (!damage.empty()) complain({Errc::kCorrupt, damage});
  }
  static const SystemClock kRealTime;
  auto made = std::make_unique<LocalSource>(
      name_of(options.traces), std::make_unique<ScaledClock>(kRealTime, options.speed),
      EngineOptions{.frame_period = kPeriod,
                    .no_device_reason = "the recording holds no GPU work"});
  made->add(std::move(player));
  made->start();
  return made;
}

}  // namespace

Result<std::unique_ptr<TopSource>> open_top_source(const TopOptions& options, bool is_once) {
  if (options.demo && !options.traces.empty()) {
    return fail(Errc::kInvalidArgument, "--demo and --trace exclude each other");
  }
  if (options.traces.empty() && (options.loop || options.speed != 1.0)) {
    return fail(Errc::kInvalidArgument, "--speed and --loop need --trace FILE");
  }
  if (options.demo) return open_demo();
  if (!options.traces.empty()) {
    return is_once ? read_recordings(options) : open_recordings(options);
  }
  return std::make_unique<ServerSource>(options.client);
}

}  // namespace gpuvigil
