// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/execution_trace.h"
#include "model/frame.h"
#include "model/source.h"
#include "views/chrome_trace.h"

namespace gpuvigil {

/// Passes everything on to another intake, and keeps what it sees of programs: how their kernels
/// are captured, and if it is asked to, each execution that is known singly.
///
/// Threading: one thread.
class ExecutionLog final : public Intake {
 public:
  /// Keeps at most `most` executions; more are counted. `next` must outlive it.
  ExecutionLog(Intake& next, std::size_t most) : next_(next), most_(most) {}

  OwnerId open_owner() override { return next_.open_owner(); }
  void close_owner(OwnerId owner) override { next_.close_owner(owner); }
  void process(OwnerId owner, std::uint32_t pid, const CaptureState& state) override;
  DeviceSlot device(const DeviceInfo& info) override { return next_.device(info); }
  SeriesSlot series(OwnerId owner, DeviceSlot device, std::string_view recorded_name,
                    KernelKind kind) override;
  void execution(SeriesSlot series, const Execution& execution) override;
  void aggregate(SeriesSlot series, const Aggregate& aggregate) override {
    next_.aggregate(series, aggregate);
  }
  void attribute(OwnerId owner, SeriesSlot series, const Aggregate& aggregate) override {
    next_.attribute(owner, series, aggregate);
  }
  void launched(SeriesSlot series, const LaunchShape& grown) override {
    next_.launched(series, grown);
  }
  void recent(SeriesSlot series, const Execution& execution) override;
  void activity(DeviceSlot device, KernelKind kind, Timestamp from, Timestamp to) override {
    next_.activity(device, kind, from, to);
  }
  void covered(DeviceSlot device, Timestamp from, Timestamp to) override {
    next_.covered(device, from, to);
  }
  void sample(DeviceSlot device, const DeviceSample& sample) override {
    next_.sample(device, sample);
  }
  void event(const Event& event) override { next_.event(event); }
  void rebase(DeviceSlot device, Duration by) override { next_.rebase(device, by); }
  void lost(Loss loss, std::uint64_t count) override { next_.lost(loss, count); }

  [[nodiscard]] const std::vector<ExecutionTrace::Series>& series() const { return series_; }
  [[nodiscard]] const std::vector<ExecutionTrace::Event>& executions() const { return executions_; }

  /// The last that each writer of each process said of itself.
  [[nodiscard]] std::vector<CaptureState> captures() const;

 private:
  void keep(SeriesSlot series, const Execution& execution);

  Intake& next_;
  const std::size_t most_;
  std::vector<ExecutionTrace::Series> series_;
  std::unordered_map<std::uint32_t, std::uint32_t> newest_;  ///< Of a slot, which is reused.
  std::vector<ExecutionTrace::Event> executions_;
  std::map<OwnerId, CaptureState> captures_;
};

/// What a trace holds of everything that happened.
struct TraceCounts {
  std::uint64_t in_file = 0;
  std::uint64_t total = 0;  ///< Executions of every kind that were counted.
};

/// Writes what a log kept as a Chrome trace. `frame` names the devices; `total` executions were
/// counted. Errors: those of `sink`.
[[nodiscard]] Result<void> write_trace(const ExecutionLog& log, const Frame& frame,
                                       std::uint64_t total, const TextSink& sink);

}  // namespace gpuvigil
