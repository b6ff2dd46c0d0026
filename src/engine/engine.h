// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "alert/alert_book.h"
#include "base/clock.h"
#include "base/result.h"
#include "engine/query.h"
#include "engine/submission.h"
#include "model/frame.h"
#include "model/source.h"
#include "monitor/monitor.h"
#include "monitor/recorder.h"

namespace gpuvigil {

struct EngineOptions {
  Duration frame_period = std::chrono::seconds(1);  ///< 100 ms to 10 s, on the timeline.
  MonitorLimits limits;
  AlertSettings alerts;          ///< Of the built-in rules, until change_alerts() says otherwise.
  std::string no_device_reason;  ///< Shown while there is no device.
};

/// What closing frames has cost so far.
struct EngineStats {
  std::uint64_t edges = 0;  ///< Frames closed.
  std::uint64_t peeks = 0;
  Duration last_build{};  ///< Of an edge or a peek, sources included.
  Duration longest_build{};
  std::uint64_t samples_dropped =
      0;  ///< Of update_device(): the engine was too busy, or had ended.
};

/// The one writer: closes a frame at every edge of its timeline and publishes it.
///
///     sources --feed--> monitor --build--> frame --alerts--> published --> listeners
///
/// A peek is a frame made between two edges, on demand. It waits until the last build is twenty
/// times its own cost away, at most 50 ms, so that peeks never take more than a twentieth of a
/// core however many are asked for.
///
/// Threading: start() makes the engine's thread; sources, the monitor and the listeners are only
/// touched there. frame(), peek() and the recorder are safe from any thread.
class Engine {
 public:
  /// `clock` is the timeline and must outlive the engine.
  Engine(EngineOptions options, const Clock& clock);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Before start() only.
  void add_source(std::unique_ptr<Source> source);

  /// Where frames learn who a pid is; without one they do not. Before start() only.
  void set_processes(std::unique_ptr<ProcessDirectory> directory);

  /// What happened before this life: alerts that are over, newest first, and events. Before start()
  /// only.
  void remember(std::span<const Alert> alerts, std::span<const Event> events);

  /// Called on the engine's thread with each published edge, after its alerts were reckoned, and
  /// with what changed among the alerts.
  using Listener =
      std::function<void(const std::shared_ptr<const Frame>&, std::span<const Alert> changes)>;
  enum class ListenerId : std::uint64_t {};

  /// From the next edge on. Any thread but the engine's; not at the same time as start() or stop().
  ListenerId add_listener(Listener listener);

  /// When it returns the listener is not running and never will again. Threads: as add_listener().
  void remove_listener(ListenerId id);

  /// Publishes the first frame before it returns. Called at most once.
  void start();

  /// Ends the thread; the last frame stays readable. Idempotent.
  void stop();

  /// The newest frame, edge or peek. Never null after start().
  [[nodiscard]] std::shared_ptr<const Frame> frame() const;

  /// A frame whose collection begins after this call: what was recorded before is in it.
  /// After stop(): the last frame.
  [[nodiscard]] std::shared_ptr<const Frame> peek();

  /// Asks for a peek to be published, and does not wait for it.
  void request_peek();

  /// Answers a kernel query from `frame`; what the frame does not hold is asked of the monitor.
  [[nodiscard]] KernelList kernels(const Frame& frame, const KernelQuery& query);

  /// How a kernel was launched, as far as its sources tell.
  [[nodiscard]] std::vector<LaunchShape> shapes(std::uint64_t kernel_id, KernelKind kind);

  /// Which processes ran a kernel, of those that report themselves.
  [[nodiscard]] std::vector<ProcessShare> shares(std::uint64_t kernel_id, KernelKind kind);

  /// The latency sketch of one kernel over some devices; empty when it is not known any more.
  [[nodiscard]] LatencySketch sketch(std::uint64_t kernel_id, KernelKind kind,
                                     std::span<const std::uint32_t> devices);

  /// Where programs record kernels that they ran themselves.
  [[nodiscard]] Recorder& recorder();

  /// Books a sample that this program tells of its own device; it is in the next frame. When 4096
  /// other things wait for the engine already it is dropped, and counted.
  void update_device(std::uint32_t recorded_device, const DeviceSample& sample);

  /// Books what a program tells of itself. `visible` is called once, on the engine's thread, when
  /// the newest frame shows all of it; never when the engine ends before. False, and nothing is
  /// booked, when 4096 other things wait for the engine already.
  [[nodiscard]] bool submit(Submission submission, std::function<void()> visible);

  /// Changes what alerts there are, on the engine's thread; what `change` returns is told with the
  /// next edge. `visible` is called there once the newest frame shows it; both never, when the
  /// engine ends before. False, and nothing happens, when 4096 other things wait already.
  using AlertChange = std::function<std::vector<Alert>(AlertBook& book, Timestamp now)>;
  [[nodiscard]] bool change_alerts(AlertChange change, std::function<void()> visible = [] {});

  /// What lives now of all alerts, to outlast a restart; of the last edge. Null before the first.
  [[nodiscard]] std::shared_ptr<const std::vector<LivingAlert>> living_alerts() const;

  /// Tells how much room is left where state is kept, in percent; frames show it from now on.
  void set_disk_free(Percent free);

  /// Counts a recording call that was refused for its arguments.
  void count_refused();

  [[nodiscard]] EngineStats stats() const;

  [[nodiscard]] const Clock& clock() const;
  [[nodiscard]] Duration frame_period() const;  ///< On the timeline.

  /// True once every source has nothing more to come; false without sources.
  [[nodiscard]] bool sources_finished() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gpuvigil
