// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/source.h"
#include "trace/timeline.h"
#include "trace/trace_reader.h"

namespace gpuvigil {

/// Reads one file into a visitor: read_trace(), or in tests something made up.
using TraceFileReader = std::function<Result<std::vector<TraceSummary>>(
    const std::string& path, TraceVisitor& visitor, const ReadProgress& progress)>;

struct PlayerOptions {
  std::vector<std::string> paths;  ///< Recordings and archives of them, at least one.
  bool loop = false;               ///< Begin again at the end.
  ReplayAlign align = ReplayAlign::kStart;
  TimelineLimits limits;
  ReadProgress progress;  ///< Of each file in turn.
  TraceFileReader read = &read_trace;
};

/// Plays recordings as if they happened now: the beginning of their timeline is laid on a moment
/// of the clock that drives feed(), and everything comes in when its time has come.
///
/// An execution is handed in once it has ended, the time that it occupies once it has begun. A
/// device has of samples what its recording holds, which is the allocator's memory; after its
/// recording's end, and until the next loop begins, it has the reason "recording ended".
///
/// A loop takes up where the last ended, without a gap, and its executions add to the totals.
/// (A loop takes at least a millisecond, and 100 ns an execution, that a recording of almost no
/// length cannot keep the machine busy for ever.)
///
/// Devices are "REC-<file_id>-<n>", n counting them over all files in the order of the arguments;
/// they are registered at the first feed(), in that order.
///
/// Threading: one thread at a time, the engine's.
class Player final : public Source {
 public:
  /// Reads all files. `start` is the moment on which the beginning is laid; absent: that of the
  /// first feed(), so that reading does not eat into the recording. Errors: those of the reader;
  /// kTooLarge and kInvalidArgument of TimelineBuilder::build.
  [[nodiscard]] static Result<std::unique_ptr<Player>> open(const PlayerOptions& options,
                                                            std::optional<Timestamp> start = {});

  void feed(Timestamp until, Intake& intake) override;
  [[nodiscard]] bool finished() const override { return finished_; }

  /// What was read, damage included, in the order of the files.
  [[nodiscard]] const std::vector<TraceSummary>& summaries() const { return timeline_.summaries; }

  /// From the beginning of the timeline to its last event.
  [[nodiscard]] Duration length() const { return Duration(timeline_.length_ns); }

  /// From the beginning of one loop to that of the next.
  [[nodiscard]] Duration period() const { return Duration(period_ns_); }

 private:
  Player(Timeline timeline, std::optional<Timestamp> start, bool loop);

  void begin(Intake& intake);
  void advance(std::int64_t to_ns, Intake& intake);
  void hand_in_ended(std::int64_t to_ns, Intake& intake);
  void cover(std::int64_t to_ns, Intake& intake);
  void next_loop();
  void tell_samples(std::int64_t now_ns, Timestamp at, Intake& intake) const;
  [[nodiscard]] SeriesSlot slot_of(std::uint32_t series, Intake& intake);

  /// An execution that has begun: when it ends, and which it is.
  using Running = std::pair<std::int64_t, std::size_t>;

  Timeline timeline_;
  bool loop_;
  std::int64_t period_ns_;
  std::optional<Timestamp> given_start_;
  Timestamp loop_start_{};  ///< Where the timeline's beginning lies in this loop.
  bool begun_ = false;
  bool finished_ = false;
  OwnerId owner_{};
  std::vector<DeviceSlot> devices_;
  std::vector<std::optional<SeriesSlot>> series_;

  // Of this loop:
  std::size_t next_execution_ = 0;
  std::size_t next_memory_ = 0;
  std::int64_t covered_to_ns_ = 0;
  std::priority_queue<Running, std::vector<Running>, std::greater<>> running_;
  std::vector<std::optional<std::uint64_t>> memory_;  ///< By device, as last told.
};

}  // namespace gpuvigil
