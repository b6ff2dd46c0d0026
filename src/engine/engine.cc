// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <iterator>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/latest.h"
#include "base/log.h"
#include "base/task_queue.h"
#include "base/thread.h"
#include "engine/backend_watch.h"
#include "engine/process_rows.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxTasks = 4096;
constexpr Duration kTick = std::chrono::milliseconds(10);  ///< Age of a recording's time, at most.
constexpr Duration kLongestPeekPause = std::chrono::milliseconds(50);
constexpr int kPeekCostFactor = 20;
/// Frames behind its clock after which the engine gives up on closing each of them.
constexpr std::int64_t kMostFramesBehind = 20;

/// A device that a program speaks of by number: what it is, only the program knows.
DeviceInfo recorded_device(std::uint32_t index) {
  return {.uuid = fmt::format("SDK-{}", index), .name = "", .pci_bus_id = "", .source = "sdk"};
}

RecorderLimits recorder_limits(const MonitorLimits& limits) {
  RecorderLimits made;
  made.max_series = static_cast<std::uint32_t>(limits.table.max_series);
  return made;
}

/// The first multiple of `period` since the epoch after `now`: edges fall on whole seconds.
Timestamp next_multiple(Timestamp now, Duration period) {
  const std::int64_t step = period.count();
  return from_unix_ns((to_unix_ns(now) / step + 1) * step);
}

void tell(const std::vector<BackendWatch::Line>& lines) {
  for (const BackendWatch::Line& line : lines) {
    if (line.why.empty()) {
      log(line.level, line.event, {kv("backend", line.backend)});
    } else {
      log(line.level, line.event, {kv("backend", line.backend), kv("why", line.why)});
    }
  }
}

}  // namespace

struct Engine::Impl {
  Impl(EngineOptions given, const Clock& timeline)
      : options(std::move(given)),
        clock(timeline),
        since(timeline.now()),
        coarse_now_ns(to_unix_ns(since)),
        recorder(recorder_limits(options.limits), coarse_now_ns),
        monitor(options.limits, since),
        alerts(options.alerts) {}

  void run();
  void publish(std::shared_ptr<const Frame> frame);
  void publish_edge(Timestamp edge);
  void publish_peek();
  void tell_living(Timestamp at);
  [[nodiscard]] bool peek_wanted() const {
    return !peeks.empty() || !wait_for_publication.empty() || peek_requested;
  }
  std::shared_ptr<Frame> build(Timestamp until, bool is_edge);
  [[nodiscard]] std::string why_no_device(const Frame& frame) const;
  void count_unnamed();
  DeviceSlot slot_of_recorded(std::uint32_t device);
  [[nodiscard]] Duration time_to_wait(bool peek_wanted, Timestamp next_edge) const;
  [[nodiscard]] std::optional<LatencySketch> sketch_of(std::optional<std::uint32_t> pid,
                                                       const PercentileRequest& request);

  /// Runs `work` on the engine's thread and waits for it. False, and `work` is not run, when
  /// kMaxTasks others wait already or the engine has ended.
  bool ask(std::function<void()> work);

  /// Runs `work` where it may touch what is the engine thread's, before, during and after its life.
  void ask_surely(const std::function<void()>& work);

  const EngineOptions options;
  const Clock& clock;
  const Timestamp since;
  std::atomic<std::int64_t> coarse_now_ns;  ///< The time that recordings get; see kTick.
  Recorder recorder;
  TaskQueue tasks{kMaxTasks};
  Latest<Frame> latest;
  Latest<std::vector<LivingAlert>> living;
  std::atomic<double> disk_free{-1};  ///< Percent; below 0: nobody said.
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> samples_dropped{0};
  std::atomic<bool> peek_requested{false};
  std::atomic<bool> finished{false};  ///< Every source is.
  struct {
    std::atomic<std::uint64_t> edges{0}, peeks{0};
    std::atomic<std::int64_t> last_build_ns{0}, longest_build_ns{0};
  } counted;  ///< Written by the engine's thread alone.
  std::thread thread;

  // Below: the engine's thread only.
  std::shared_ptr<const Frame> before_latest;
  Monitor monitor;
  AlertBook alerts;
  std::vector<Alert> late_changes;         ///< Of change_alerts(): told with the next edge.
  std::uint64_t living_told = UINT64_MAX;  ///< AlertBook::changes() of `living`.
  Timestamp living_at{};
  std::vector<std::unique_ptr<Source>> sources;
  std::unique_ptr<ProcessDirectory> directory;  ///< May be null.
  std::uint64_t processes_unnamed = 0;          ///< Of its dropped(), as far as counted.
  std::map<ListenerId, Listener> listeners;
  std::uint64_t listeners_made = 0;
  std::map<std::uint32_t, DeviceSlot> recorded_devices;
  std::optional<OwnerId> recorder_owner;
  std::uint64_t seq = 0;
  Timestamp last_until{};
  std::vector<std::promise<std::shared_ptr<const Frame>>> peeks;
  SubmissionDesk desk;
  BackendWatch watch;
  std::vector<std::function<void()>> wait_for_publication;
  std::chrono::steady_clock::time_point last_build_end{};
  Duration last_build_cost{};
};

DeviceSlot Engine::Impl::slot_of_recorded(std::uint32_t device) {
  const auto known = recorded_devices.find(device);
  if (known != recorded_devices.end()) return known->second;
  const DeviceSlot slot = monitor.device(recorded_device(device));
  recorded_devices.emplace(device, slot);
  return slot;
}

/// Of the whole machine, or of one process.
std::optional<LatencySketch> Engine::Impl::sketch_of(std::optional<std::uint32_t> pid,
                                                     const PercentileRequest& request) {
  if (!pid) return monitor.sketch_of(request.kernel_id, request.kind, request.devices);
  auto found =
      monitor.processes().sketch_of(*pid, request.kernel_id, request.kind, request.devices);
  if (!found) return std::nullopt;
  return std::move(found->sketch);
}

/// What a driver says of it, then what can be done without any.
std::string Engine::Impl::why_no_device(const Frame& frame) const {
  for (const BackendStatus& backend : frame.backends) {
    if (backend.problem.empty()) continue;
    return options.no_device_reason.empty() ? backend.problem
                                            : backend.problem + "; " + options.no_device_reason;
  }
  return options.no_device_reason;
}

/// Of the frame that is being made: it shows with the next one.
void Engine::Impl::count_unnamed() {
  const std::uint64_t dropped = directory->dropped();
  monitor.lost(Loss::kProcessesUnnamed, dropped - std::exchange(processes_unnamed, dropped));
}

std::shared_ptr<Frame> Engine::Impl::build(Timestamp until, bool is_edge) {
  const auto began = std::chrono::steady_clock::now();
  last_until = std::max(last_until, until);
  bool all_finished = true;
  for (const auto& source : sources) {
    source->feed(last_until, monitor);
    all_finished = all_finished && source->finished();
  }
  if (recorder.shard_count() > 0) {
    if (!recorder_owner) recorder_owner = monitor.open_owner();
    recorder.collect(monitor, *recorder_owner,
                     [this](std::uint32_t device) { return slot_of_recorded(device); });
  }
  monitor.lost(Loss::kExecutionsRefused, refused.exchange(0, std::memory_order_relaxed));
  auto frame = monitor.build(last_until, is_edge);
  frame->seq = seq;
  frame->since = since;
  if (const double free = disk_free; free >= 0) frame->disk_free = Percent(free);
  const auto infos = directory ? directory->look_up(pids_of(*frame)) : nullptr;
  if (directory) count_unnamed();
  if (directory) frame->holders = directory->holders();
  join_processes(*frame, infos ? *infos : ProcessInfos{});
  for (const auto& source : sources)
    std::ranges::move(source->backends(), std::back_inserter(frame->backends));
  if (frame->devices.empty()) frame->no_device_reason = why_no_device(*frame);
  finished = all_finished && !sources.empty();
  last_build_end = std::chrono::steady_clock::now();
  last_build_cost = last_build_end - began;
  counted.last_build_ns = last_build_cost.count();
  counted.longest_build_ns = std::max(counted.longest_build_ns.load(), last_build_cost.count());
  ++(is_edge ? counted.edges : counted.peeks);
  return frame;
}

void Engine::Impl::publish(std::shared_ptr<const Frame> frame) {
  // Whoever still looks at the last frame lets go of it soon; then it dies here, and no reader has
  // to release ten thousand names.
  before_latest = latest.get();
  latest.set(frame);
  // An edge serves those who wait for a peek as well: it was collected after they asked.
  peek_requested = false;
  for (auto& waiting : std::exchange(peeks, {})) waiting.set_value(frame);
  for (const auto& visible : std::exchange(wait_for_publication, {})) visible();
}

void Engine::Impl::publish_edge(Timestamp edge) {
  ++seq;
  auto frame = build(edge, true);
  std::vector<Alert> changes = std::exchange(late_changes, {});
  std::ranges::move(alerts.update(*frame), std::back_inserter(changes));
  alerts.write_to(*frame);
  // How long something has been seen to hold grows without a change; a restart may cost that much.
  if (alerts.changes() != living_told || edge - living_at > std::chrono::seconds(10)) {
    tell_living(edge);
  }
  const std::shared_ptr<const Frame> published = std::move(frame);
  publish(published);
  tell(watch.look(published->backends, edge));
  for (const auto& [id, listener] : listeners) listener(published, changes);
}

void Engine::Impl::tell_living(Timestamp at) {
  living.set(std::make_shared<const std::vector<LivingAlert>>(alerts.living()));
  living_told = alerts.changes();
  living_at = at;
}

void Engine::Impl::publish_peek() {
  auto frame = build(clock.now(), false);
  alerts.write_to(*frame);
  publish(std::move(frame));
}

Duration Engine::Impl::time_to_wait(bool peek_wanted, Timestamp next_edge) const {
  Duration wait = std::min<Duration>(clock.until(next_edge), std::chrono::seconds(1));
  if (recorder.shard_count() > 0) wait = std::min(wait, kTick);
  if (peek_wanted) {
    const Duration pause = std::min(kPeekCostFactor * last_build_cost, kLongestPeekPause);
    const Duration passed = std::chrono::steady_clock::now() - last_build_end;
    wait = std::min(wait, std::max(pause - passed, Duration::zero()));
  }
  return wait;
}

void Engine::Impl::run() {
  Timestamp next_edge = next_multiple(clock.now(), options.frame_period);
  bool open = true;
  while (open) {
    open = tasks.wait_and_run(time_to_wait(peek_wanted(), next_edge));
    const Timestamp now = clock.now();
    coarse_now_ns.store(to_unix_ns(now), std::memory_order_relaxed);
    if (now >= next_edge) {
      const std::int64_t behind = (now - next_edge) / options.frame_period;
      // A machine that slept, or a replay faster than frames can be closed: one frame then covers
      // what several would have; nothing is lost, it is only told in larger steps.
      if (behind > kMostFramesBehind) next_edge += behind * options.frame_period;
      publish_edge(next_edge);
      next_edge += options.frame_period;
    }
    if (peek_wanted() && time_to_wait(true, now + std::chrono::hours(1)) == Duration::zero()) {
      publish_peek();
    }
  }
  const auto last = latest.get();
  for (auto& waiting : peeks) waiting.set_value(last);
}

bool Engine::Impl::ask(std::function<void()> work) {
  GPUVIGIL_ASSERT(std::this_thread::get_id() != thread.get_id());
  auto done = std::make_shared<std::promise<void>>();
  auto waiting = done->get_future();
  const bool taken = tasks.post([done, work = std::move(work)] {
    work();
    done->set_value();
  });
  if (!taken) return false;
  waiting.wait();
  return true;
}

void Engine::Impl::ask_surely(const std::function<void()>& work) {
  if (!thread.joinable()) return work();
  // The queue is only ever full while thousands of threads ask at once, and they wait as we do.
  while (!ask(work)) std::this_thread::yield();
}

Engine::Engine(EngineOptions options, const Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), clock)) {
  GPUVIGIL_ASSERT(impl_->options.frame_period > Duration::zero());
}

Engine::~Engine() {
  stop();
}

void Engine::add_source(std::unique_ptr<Source> source) {
  GPUVIGIL_ASSERT(!impl_->thread.joinable());
  impl_->sources.push_back(std::move(source));
}

void Engine::set_processes(std::unique_ptr<ProcessDirectory> directory) {
  GPUVIGIL_ASSERT(!impl_->thread.joinable());
  impl_->directory = std::move(directory);
}

void Engine::remember(std::span<const Alert> alerts, std::span<const Event> events) {
  GPUVIGIL_ASSERT(!impl_->thread.joinable());
  impl_->alerts.remember(alerts);
  for (const Event& event : events) impl_->monitor.event(event);
}

Engine::ListenerId Engine::add_listener(Listener listener) {
  ListenerId id{};
  impl_->ask_surely([&] {
    id = ListenerId(++impl_->listeners_made);
    impl_->listeners.emplace(id, std::move(listener));
  });
  return id;
}

void Engine::remove_listener(ListenerId id) {
  impl_->ask_surely([&] { impl_->listeners.erase(id); });
}

void Engine::start() {
  GPUVIGIL_ASSERT(!impl_->thread.joinable() && impl_->seq == 0);
  impl_->publish_edge(impl_->since);
  impl_->thread = start_thread("gpuvigil-engine", [this] { impl_->run(); });
}

void Engine::stop() {
  impl_->tasks.close();
  if (impl_->thread.joinable()) impl_->thread.join();
}

std::shared_ptr<const Frame> Engine::frame() const {
  return impl_->latest.get();
}

std::shared_ptr<const Frame> Engine::peek() {
  auto promise = std::make_shared<std::promise<std::shared_ptr<const Frame>>>();
  auto waiting = promise->get_future();
  GPUVIGIL_ASSERT(std::this_thread::get_id() != impl_->thread.get_id());
  const bool taken =
      impl_->tasks.post([this, promise] { impl_->peeks.push_back(std::move(*promise)); });
  return taken ? waiting.get() : impl_->latest.get();
}

void Engine::request_peek() {
  if (impl_->peek_requested.exchange(true)) return;  // one that is on its way serves us too
  const bool taken = impl_->tasks.post([] {});       // wakes the thread
  if (!taken) impl_->peek_requested = false;
}

KernelList Engine::kernels(const Frame& frame, const KernelQuery& query) {
  const auto look_up = [&](std::span<const PercentileRequest> requests) {
    std::vector<Percentiles> answers(requests.size());
    impl_->ask([&] {
      for (std::size_t i = 0; i < requests.size(); ++i) {
        const PercentileRequest& one = requests[i];
        const auto sketch = impl_->sketch_of(query.pid, one);
        if (sketch) answers[i] = percentiles(*sketch, one.min_ns, one.max_ns);
      }
    });
    return answers;
  };
  if (!query.pid) return query_kernels(frame, query, look_up);
  Frame of_process;
  of_process.edge = frame.edge;
  of_process.since = frame.since;
  of_process.devices = frame.devices;
  impl_->ask([&] { impl_->monitor.processes().write_kernels(*query.pid, of_process); });
  return query_kernels(of_process, query, look_up);
}

std::vector<LaunchShape> Engine::shapes(std::uint64_t kernel_id, KernelKind kind) {
  std::vector<LaunchShape> found;
  impl_->ask([&] { found = impl_->monitor.shapes().of(kernel_id, kind); });
  return found;
}

std::vector<ProcessShare> Engine::shares(std::uint64_t kernel_id, KernelKind kind) {
  std::vector<ProcessShare> found;
  impl_->ask([&] { found = impl_->monitor.processes().shares(kernel_id, kind); });
  return found;
}

LatencySketch Engine::sketch(std::uint64_t kernel_id, KernelKind kind,
                             std::span<const std::uint32_t> devices) {
  LatencySketch found;
  impl_->ask([&] {
    if (auto sketch = impl_->monitor.sketch_of(kernel_id, kind, devices))
      found = std::move(*sketch);
  });
  return found;
}

Recorder& Engine::recorder() {
  return impl_->recorder;
}

void Engine::update_device(std::uint32_t recorded_device, const DeviceSample& sample) {
  const bool taken =
      impl_->ask([&] { impl_->monitor.sample(impl_->slot_of_recorded(recorded_device), sample); });
  if (!taken) impl_->samples_dropped.fetch_add(1, std::memory_order_relaxed);
}

bool Engine::submit(Submission submission, std::function<void()> visible) {
  return impl_->tasks.post([this, what = std::make_shared<const Submission>(std::move(submission)),
                            visible = std::move(visible)] {
    impl_->desk.book(*what, impl_->monitor);
    impl_->wait_for_publication.push_back(visible);
  });
}

bool Engine::change_alerts(AlertChange change, std::function<void()> visible) {
  return impl_->tasks.post([this, change = std::move(change), visible = std::move(visible)] {
    std::ranges::move(change(impl_->alerts, impl_->last_until),
                      std::back_inserter(impl_->late_changes));
    // At once: who is told that it is done must find it there, and not at the next edge.
    impl_->tell_living(impl_->last_until);
    impl_->wait_for_publication.push_back(visible);
  });
}

std::shared_ptr<const std::vector<LivingAlert>> Engine::living_alerts() const {
  return impl_->living.get();
}

void Engine::set_disk_free(Percent free) {
  impl_->disk_free = free.count();
}

void Engine::count_refused() {
  impl_->refused.fetch_add(1, std::memory_order_relaxed);
}

EngineStats Engine::stats() const {
  const auto& counted = impl_->counted;
  return {.edges = counted.edges,
          .peeks = counted.peeks,
          .last_build = Duration(counted.last_build_ns),
          .longest_build = Duration(counted.longest_build_ns),
          .samples_dropped = impl_->samples_dropped.load(std::memory_order_relaxed)};
}

const Clock& Engine::clock() const {
  return impl_->clock;
}

Duration Engine::frame_period() const {
  return impl_->options.frame_period;
}

bool Engine::sources_finished() const {
  return impl_->finished;
}

}  // namespace gpuvigil
