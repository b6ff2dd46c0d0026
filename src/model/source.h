// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/backend_status.h"
#include "model/device.h"
#include "model/event.h"
#include "model/kernel.h"
#include "model/kernel_query.h"
#include "model/latency_sketch.h"
#include "model/loss.h"
#include "model/process.h"

namespace gpuvigil {

/// Places in the live state, given out by an Intake. Plain numbers: cheap to keep, valid as long
/// as the owner they were asked for is open.
enum class DeviceSlot : std::uint32_t {};
enum class SeriesSlot : std::uint32_t {};
enum class OwnerId : std::uint32_t {};

/// Many executions of one series, counted by their source.
struct Aggregate {
  KernelCounters counters;
  std::span<const BucketCount> buckets;  ///< Ascending; their counts add up to counters.calls.
  Timestamp last_end{};
  std::uint64_t last_duration_ns = 0;
  /// The most memory that any one execution of this series ever carried; 0 when none did.
  std::uint64_t largest_memory_bytes = 0;
  /// Counted before anybody looked: it belongs to the totals, and to no window.
  bool is_late = false;
};

/// Where sources hand in what happened; the monitor implements it.
///
/// Threading: one thread, the engine's (offline: the reader's).
class Intake {
 public:
  virtual ~Intake() = default;

  /// A source of series. While it is open its series are not evicted; a player that ended or a
  /// process that died closes its own.
  virtual OwnerId open_owner() = 0;
  virtual void close_owner(OwnerId owner) = 0;

  /// An owner is a process, or a part of what it runs, whose kernels are captured so.
  virtual void process(OwnerId owner, std::uint32_t pid, const CaptureState& state) = 0;

  /// The device with this UUID, made if it is new. Who knows more of it, and nothing less, than
  /// those before says what it is from then on.
  virtual DeviceSlot device(const DeviceInfo& info) = 0;

  /// The series of this kernel on this device, made if it is new. Where there is no room it is the
  /// series of kOtherName, and executions booked there are counted as Loss::kExecutionsToOther.
  virtual SeriesSlot series(OwnerId owner, DeviceSlot device, std::string_view recorded_name,
                            KernelKind kind) = 0;

  /// Counts one execution. Busy time is told apart, by activity(), because a source may know that
  /// something runs before it knows that it ended.
  virtual void execution(SeriesSlot series, const Execution& execution) = 0;

  /// Counts many at once; what of it is known singly is then listed by recent().
  virtual void aggregate(SeriesSlot series, const Aggregate& aggregate) = 0;

  /// Splits off which process ran what aggregate() counts; of an owner that is no process, nothing.
  virtual void attribute(OwnerId owner, SeriesSlot series, const Aggregate& aggregate) = 0;

  /// Executions that aggregate() counts were launched so; `grown`: since this was told last.
  virtual void launched(SeriesSlot series, const LaunchShape& grown) = 0;

  /// Lists, without counting it, one execution that an aggregate counts.
  virtual void recent(SeriesSlot series, const Execution& execution) = 0;

  /// GPU work occupied [from, to) of this device; any order, any overlap. Also of the future: it
  /// counts when that time has come.
  virtual void activity(DeviceSlot device, KernelKind kind, Timestamp from, Timestamp to) = 0;

  /// The source really looked at this device during [from, to); each span told once, in order.
  virtual void covered(DeviceSlot device, Timestamp from, Timestamp to) = 0;

  /// The newest sample of a device; replaces the last.
  virtual void sample(DeviceSlot device, const DeviceSample& sample) = 0;

  /// Something happened to a device; its UUID need not be known.
  virtual void event(const Event& event) = 0;

  /// Every time told of this device so far is later by `by`: for files that say only at their end
  /// what their times count from.
  virtual void rebase(DeviceSlot device, Duration by) = 0;

  virtual void lost(Loss loss, std::uint64_t count) = 0;
};

/// Something that feeds the next frame: a player of recordings, a simulated machine, agents.
///
/// Threading: all calls come from the engine's thread.
class Source {
 public:
  virtual ~Source() = default;

  /// Hands in everything that happened up to `until`. Called with ascending times, at every edge
  /// and every peek.
  virtual void feed(Timestamp until, Intake& intake) = 0;

  /// True when nothing more will ever come.
  [[nodiscard]] virtual bool finished() const = 0;

  /// How it stood with the drivers that it asks, when it was last fed; most ask none.
  [[nodiscard]] virtual std::vector<BackendStatus> backends() const { return {}; }
};

}  // namespace gpuvigil
