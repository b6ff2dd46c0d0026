// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/kernel.h"
#include "model/latency_sketch.h"
#include "model/window.h"

namespace gpuvigil {

/// What one kernel did over time.
struct KernelHistoryQuery {
  static constexpr std::size_t kMaxPoints = 10'000;  ///< More are refused before anything is read.

  std::uint64_t kernel_id = 0;
  std::optional<KernelKind> kind;                   ///< Absent: the one with the most time.
  std::optional<std::vector<std::string>> devices;  ///< UUIDs; absent: all that there ever were.
  Timestamp from{};                                 ///< Less than `to`.
  Timestamp to{};
  Duration step{};  ///< Whole seconds, at least one.
};

/// What it did in one step. Percentiles are those of all its executions: sketches are merged, never
/// percentiles averaged.
struct KernelPoint {
  bool is_covered = false;  ///< Somebody looked; without calls then it did not run.
  KernelCounters counters;
  Percentiles percentiles;
};

struct KernelHistory {
  std::shared_ptr<const KernelName> name;
  KernelKind kind = KernelKind::kCompute;
  Timestamp first{};                ///< When the first step begins: a multiple of `step`.
  Duration step{};                  ///< What was asked, or coarser: ten seconds are the finest.
  std::vector<KernelPoint> points;  ///< One a step.
  KernelPoint total;                ///< Of all of them.
  double coverage = 0;              ///< Share of the steps in which anybody looked.
};

/// What every kernel did in one window.
struct KernelWindow {
  std::vector<std::string> devices;  ///< UUIDs, by SeriesKey::device of `delta`.
  WindowDelta delta;                 ///< From and to: what it really covers.
};

}  // namespace gpuvigil
