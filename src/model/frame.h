// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/alert.h"
#include "model/backend_status.h"
#include "model/device.h"
#include "model/event.h"
#include "model/kernel.h"
#include "model/kernel_names.h"
#include "model/latency_sketch.h"
#include "model/loss.h"
#include "model/process.h"
#include "model/window.h"

namespace gpuvigil {

/// The busy time of one device up to an instant. Kept cumulative: a window is a difference.
struct Activity {
  std::uint64_t kernel_busy_ns = 0;      ///< Union of the intervals in which a kernel ran.
  std::uint64_t gpu_busy_ns = 0;         ///< The same with copies and sets.
  std::uint64_t covered_ns = 0;          ///< How long the source really looked.
  std::optional<Timestamp> first_start;  ///< Of any GPU work.
  std::optional<Timestamp> last_end;
};

/// One device in a frame.
struct DeviceRow {
  std::shared_ptr<const DeviceInfo> info;
  std::uint32_t index = 0;  ///< Its place in Frame::devices; for display, not an identity.
  DeviceSample sample;
  Activity activity;
  /// Busy over covered time of the last second; missing where nobody sees kernels.
  Reading<Percent> kernel_busy = missing(Missing::kUnsupported);
};

/// The scalars of one kernel name and kind over all devices, cumulative.
struct KernelRow {
  std::shared_ptr<const KernelName> name;
  KernelKind kind = KernelKind::kCompute;
  std::uint32_t first_series = 0;  ///< Its share of Frame::series: [first, first + count).
  std::uint32_t series_count = 0;
  KernelCounters counters;
  Percentiles percentiles;
  Timestamp last_end{};
  std::uint64_t last_duration_ns = 0;
};

/// The same of one kernel on one device.
struct SeriesRow {
  std::uint32_t kernel = 0;  ///< Index in Frame::kernels.
  std::uint32_t device = 0;  ///< Index in Frame::devices.
  KernelCounters counters;
  Percentiles percentiles;
  Timestamp last_end{};
  std::uint64_t last_duration_ns = 0;
};

/// One of the newest executions.
struct RecentExecution {
  std::shared_ptr<const KernelName> name;
  KernelKind kind = KernelKind::kCompute;
  std::uint32_t device = 0;
  Timestamp end{};
  Duration duration{};
  std::optional<Bytes> memory;
  std::uint64_t order = 0;  ///< Grows by one with each execution since the monitor began.
};

/// Memory of executions that carry it, for the reuse potential.
struct MemoryReuse {
  std::uint64_t largest_overlap_bytes = 0;  ///< Largest sum over executions that ran at once.
  std::uint64_t total_bytes = 0;            ///< Sum over all of them.
  std::uint64_t executions = 0;             ///< How many carried memory.
};

/// What was true at one edge in time. Immutable once published; everything that is shown is made
/// from one of these and nothing else.
///
/// Threading: a published frame is const and may be read from any thread.
struct Frame {
  std::uint64_t seq = 0;  ///< Of the edge; a peek between edges repeats the last one's.
  Timestamp edge{};       ///< Up to when it tells.
  Timestamp since{};      ///< When counting began.
  bool is_edge = true;    ///< False: a peek, made between two edges.

  std::vector<DeviceRow> devices;
  std::vector<KernelRow> kernels;                ///< By name (as bytes), then kind.
  std::vector<SeriesRow> series;                 ///< By kernel, then device.
  std::vector<RecentExecution> recent;           ///< Newest first, at most kMaxRecent.
  std::vector<ProcessRow> processes;             ///< That use a device, by pid.
  std::shared_ptr<const DeviceHolders> holders;  ///< Of devices; null where nobody says it.
  std::vector<Alert> alerts;       ///< Pending and firing ones, and the newest resolved ones.
  std::uint32_t alerts_today = 0;  ///< Began to fire since 00:00 UTC.
  std::shared_ptr<const KernelNames> names;     ///< Of `kernels`, to search; null: each row's.
  std::shared_ptr<const WindowLadder> windows;  ///< For "the last 15 minutes"; never null.
  std::shared_ptr<const WindowDelta> delta;     ///< What came since the last edge; null in a peek.
  /// What happened to devices; never null.
  std::shared_ptr<const EventLog> events = std::make_shared<const EventLog>();
  LossCounters losses;
  MemoryReuse memory_reuse;
  std::vector<BackendStatus> backends;  ///< Of all sources; bounded by those of the build.
  /// Room that is left where history and the state of alerts are kept.
  Reading<Percent> disk_free = missing(Missing::kNotSampled);
  std::string no_device_reason;  ///< With no device: how to get one.

  static constexpr std::size_t kMaxRecent = 1024;

  [[nodiscard]] std::span<const SeriesRow> series_of(const KernelRow& kernel) const {
    return std::span(series).subspan(kernel.first_series, kernel.series_count);
  }
};

}  // namespace gpuvigil
