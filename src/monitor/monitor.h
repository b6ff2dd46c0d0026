// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/frame.h"
#include "model/source.h"
#include "monitor/event_book.h"
#include "monitor/interval_union.h"
#include "monitor/kernel_table.h"
#include "monitor/memory_sweep.h"
#include "monitor/process_kernels.h"
#include "monitor/recent_ring.h"
#include "monitor/window_ladder.h"

namespace gpuvigil {

/// What the live state may grow to.
struct MonitorLimits {
  TableLimits table;
  /// More are told apart no longer: they are all the last one, named so.
  std::size_t max_devices = 1'024;
  std::size_t max_busy_bytes = std::size_t{8} << 20U;     ///< Busy intervals of all devices.
  std::size_t max_window_bytes = std::size_t{32} << 20U;  ///< The ladder.
  std::size_t max_process_series = 20'000;                ///< Over all processes.
};

/// The live state: what sources told, and the frames made from it.
///
///   Intake ──▶ KernelTable (names, series, sketches) ──rows──────┐
///          ──▶ RecentRing, MemorySweep ──────────────────────────┼─▶ build() ─▶ Frame
///          ──▶ a device: two IntervalUnions, what was covered ───┘
///                       KernelTable ──delta of an edge──▶ LadderBuilder
///
/// Threading: one thread, the engine's. The frames it gives out are not kept and may go anywhere.
class Monitor final : public Intake {
 public:
  /// `since`: when counting began, where the first window begins; else that window has no length.
  explicit Monitor(const MonitorLimits& limits = {}, std::optional<Timestamp> since = {});

  OwnerId open_owner() override { return table_.open_owner(); }
  void close_owner(OwnerId owner) override;
  void process(OwnerId owner, std::uint32_t pid, const CaptureState& state) override {
    processes_.tell(owner, pid, state);
  }
  DeviceSlot device(const DeviceInfo& info) override;
  SeriesSlot series(OwnerId owner, DeviceSlot device, std::string_view recorded_name,
                    KernelKind kind) override;
  void execution(SeriesSlot series, const Execution& execution) override;
  void aggregate(SeriesSlot series, const Aggregate& aggregate) override;
  void attribute(OwnerId owner, SeriesSlot series, const Aggregate& aggregate) override;
  void recent(SeriesSlot series, const Execution& execution) override;
  void activity(DeviceSlot device, KernelKind kind, Timestamp from, Timestamp to) override;
  void covered(DeviceSlot device, Timestamp from, Timestamp to) override;
  void sample(DeviceSlot device, const DeviceSample& sample) override;
  void event(const Event& event) override { events_.add(event); }
  void rebase(DeviceSlot device, Duration by) override;
  void lost(Loss loss, std::uint64_t count) override { losses_.add(loss, count); }

  /// A frame of everything told so far, up to `edge`. At an edge what changed since the last one
  /// becomes a step of the windows; a peek changes nothing. `edge` never falls. The engine fills
  /// in seq, since, alerts and no_device_reason.
  [[nodiscard]] std::shared_ptr<Frame> build(Timestamp edge, bool is_edge);

  /// Which process ran what. The rows of frames hold its living processes.
  [[nodiscard]] ProcessKernels& processes() { return processes_; }

  /// The sketch of one kernel over some devices; nothing when it is unknown or never ran there.
  [[nodiscard]] std::optional<LatencySketch> sketch_of(
      std::uint64_t kernel_id, KernelKind kind, std::span<const std::uint32_t> devices) const;

  /// Its percentiles over some devices together, as a row would show them.
  [[nodiscard]] std::optional<Percentiles> percentiles_of(
      std::uint64_t kernel_id, KernelKind kind, std::span<const std::uint32_t> devices) const;

 private:
  struct DeviceState {
    std::shared_ptr<const DeviceInfo> info;
    DeviceSample sample;
    IntervalUnion kernel_busy;
    IntervalUnion gpu_busy;
    IntervalUnion covered;
    bool ever_covered = false;
    std::optional<Timestamp> first_start;  ///< Of GPU work, also of the future and of no length.
    std::optional<Timestamp> last_end;
  };

  [[nodiscard]] DeviceState& at(DeviceSlot slot) {
    return devices_[static_cast<std::size_t>(slot)];
  }
  void list(SeriesSlot series, const Execution& execution);
  void share_busy_memory();
  [[nodiscard]] DeviceRow row_of(std::uint32_t index, Timestamp edge);
  [[nodiscard]] static Activity activity_of(DeviceState& device, Timestamp edge);
  [[nodiscard]] static Reading<Percent> busy_of_last_second(DeviceState& device, Timestamp edge);

  const MonitorLimits limits_;
  KernelTable table_;
  RecentRing recent_;
  MemorySweep memory_;
  LadderBuilder windows_;
  EventBook events_;
  ProcessKernels processes_;
  std::vector<DeviceState> devices_;
  std::unordered_map<std::string, std::uint32_t> device_by_uuid_;
  LossCounters losses_;
  std::optional<Timestamp> last_edge_;  ///< Or when counting began.
};

}  // namespace gpuvigil
