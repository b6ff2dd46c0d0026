// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/alert.h"
#include "model/frame.h"

namespace gpuvigil {

/// How the values of one step become one.
enum class HistoryAggregate { kAverage, kMin, kMax, kLast };

/// Which metrics of which devices, when and how finely.
struct HistoryQuery {
  /// More of either is refused before anything is read.
  static constexpr std::size_t kMaxPoints = 100'000;         ///< Of one series.
  static constexpr std::size_t kMaxPointsInAll = 1'000'000;  ///< Of all series.
  static constexpr std::size_t kMaxSeries = 1024;

  std::vector<std::string> metrics;                 ///< Names of kMetrics, each once.
  std::optional<std::vector<std::string>> devices;  ///< UUIDs; absent: all that there ever were.
  Timestamp from{};                                 ///< Less than `to`.
  Timestamp to{};                                   ///< What is at `to` is not asked for.
  Duration step{};                                  ///< Whole seconds, at least one.
  HistoryAggregate aggregate = HistoryAggregate::kAverage;
  bool wants_trend = false;
};

/// How a series went over the whole window.
struct HistoryTrend {
  /// Of the straight line with the least squares, in the metric's unit; absent below three points.
  std::optional<double> slope_per_hour;
};

/// One metric of one device, one value a step.
struct HistorySeries {
  std::string metric;
  std::string uuid;
  std::vector<double> values;  ///< As many as HistoryAnswer::points; not a number: a gap.
  std::optional<HistoryTrend> trend;
};

/// The share of the window that history covers in which a device was there and its health was ok.
struct DeviceAvailability {
  std::string uuid;
  std::optional<double> ratio;  ///< Absent where history covers nothing of the window.
};

struct HistoryAnswer {
  Timestamp first{};  ///< When the first step begins: a multiple of `step`.
  Duration step{};    ///< What was asked, or coarser where finer values are kept no longer.
  std::size_t points = 0;
  std::vector<HistorySeries> series;             ///< By metric as asked, then device.
  std::vector<DeviceAvailability> availability;  ///< With a trend only.
  double coverage = 0;  ///< Share of the steps asked for in which anything was recorded.
};

/// How history does, for GET /system.
struct HistoryStatus {
  bool is_recording = false;
  std::string problem;             ///< Why not, or what is wrong now; empty: nothing.
  std::string place;               ///< Its file; "memory".
  std::uint64_t rows = 0;          ///< Taken since the start.
  std::uint64_t rows_dropped = 0;  ///< That found no room while the disk was full or slow.
  std::uint64_t rows_late = 0;     ///< Not newer than what was there: a clock that was set back.
  std::uint64_t commits_failed = 0;
  std::uint64_t segments_damaged = 0;
  std::uint64_t queries = 0;
  std::uint64_t queries_refused = 0;  ///< Too many at once, or too long.
  std::uint64_t file_bytes = 0;
  std::size_t series = 0;
  std::optional<Timestamp> oldest;
  std::optional<Timestamp> newest;
};

/// What was: the port to whoever keeps it.
///
/// Threading: append() from the engine's thread, the others from any. Nothing blocks.
class History {
 public:
  virtual ~History() = default;

  /// Takes what is worth keeping of a closed edge.
  virtual void append(const Frame& frame, std::span<const Alert> changes) = 0;

  /// Answers on a thread of its own: kTimeout when it takes longer than its limit, kTooLarge for
  /// more points than there may be, kUnavailable, kIo, kCorrupt. False, and `done` is not called,
  /// when too many wait already.
  [[nodiscard]] virtual bool ask(HistoryQuery query,
                                 std::function<void(Result<HistoryAnswer>)> done) = 0;

  [[nodiscard]] virtual HistoryStatus status() const = 0;
};

}  // namespace gpuvigil
