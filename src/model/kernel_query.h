// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/kernel.h"
#include "model/latency_sketch.h"

namespace gpuvigil {

enum class KernelSort {
  kAvgTime,
  kTotalTime,
  kCalls,
  kMaxTime,
  kP50Time,
  kP95Time,
  kP99Time,
  kLastExecution,
  kAvgMemory,
  kName,
};

/// Which kinds of GPU work are meant: `kernel` is compute and collective.
enum class KindFilter { kKernel, kCompute, kCollective, kMemcpy, kMemset, kAll };

/// Which kernels, over which devices and time, in which order.
struct KernelQuery {
  KernelSort sort_by = KernelSort::kAvgTime;
  bool descending = true;
  std::size_t limit = 20;  ///< 0: all of them.
  std::size_t offset = 0;
  std::uint64_t min_calls = 1;
  KindFilter kind = KindFilter::kKernel;
  std::vector<std::string> names;  ///< Globs, one of which must match; empty: any.
  std::optional<std::vector<std::uint32_t>> devices;  ///< Indices in the frame; absent: all.
  std::optional<Timestamp> since;                     ///< Absent: since counting began.
  std::optional<std::uint32_t> pid;                   ///< Of one process alone; without `since`.
};

/// One kernel name over the selected devices and time.
struct KernelStats {
  std::shared_ptr<const KernelName> name;
  KernelKind kind = KernelKind::kCompute;
  KernelCounters counters;
  Percentiles percentiles;
  Timestamp last_end{};
  std::uint64_t last_duration_ns = 0;
  double share_percent = 0;  ///< Of the time of all rows of that kind filter and those devices.
  std::vector<std::uint32_t> devices;  ///< Ascending indices of those that ran it.
};

/// What one process did of a kernel.
struct ProcessShare {
  std::uint32_t pid = 0;
  bool is_living = true;
  KernelCounters counters;
};

/// The window that an answer really covers.
struct CoveredWindow {
  Timestamp from{};
  Timestamp to{};
  double coverage = 1.0;  ///< Share of the asked window that is covered, 0 to 1.
};

struct KernelList {
  std::vector<KernelStats> rows;
  std::size_t total_kernels = 0;  ///< That match, before offset and limit.
  CoveredWindow window;
  std::string reason;  ///< Where kernels of a process are missing: why.
};

}  // namespace gpuvigil
