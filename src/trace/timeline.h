// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "model/kernel.h"
#include "trace/trace_reader.h"

namespace gpuvigil {

/// How the axes of several recordings come to lie on one timeline.
enum class ReplayAlign {
  kStart,  ///< Each recording begins at the timeline's beginning.
  kWall,   ///< They keep the distances of their wall clocks; the earliest begins there.
};

/// One execution on a timeline; 24 bytes.
struct TimelineExecution {
  std::int64_t start_ns = 0;     ///< From the timeline's beginning, >= 0.
  std::int64_t duration_ns = 0;  ///< >= 0; ends within the timeline.
  std::uint32_t series = 0;      ///< Index in Timeline::series.

  [[nodiscard]] std::int64_t end_ns() const { return start_ns + duration_ns; }
};

/// What an allocator told of a device.
struct TimelineMemory {
  std::int64_t at_ns = 0;  ///< From the timeline's beginning, >= 0.
  std::uint64_t allocated_bytes = 0;
  std::uint32_t device = 0;  ///< Index in Timeline::devices.
};

/// A kernel name of a kind on a device.
struct TimelineSeries {
  std::uint32_t name = 0;    ///< Index in Timeline::names.
  std::uint32_t device = 0;  ///< Index in Timeline::devices.
  KernelKind kind = KernelKind::kCompute;
};

struct TimelineDevice {
  TraceDevice known;
  std::uint64_t file_id = 0;  ///< Of its recording.
  std::int64_t from_ns = 0;   ///< Its recording covers [from, to) of the timeline.
  std::int64_t to_ns = 0;
};

/// All recordings of a replay on one axis, which begins at 0, sorted by time.
struct Timeline {
  std::vector<TimelineExecution> executions;  ///< By start, then end.
  std::vector<TimelineMemory> memory;         ///< By time.
  std::vector<TimelineSeries> series;
  std::deque<std::string> names;
  /// By file, then by the name of the archive's member (rank 2 before rank 10), then by number.
  std::vector<TimelineDevice> devices;
  std::int64_t length_ns = 0;  ///< Up to the last event of any kind.
  std::vector<TraceSummary> summaries;
};

struct TimelineLimits {
  std::size_t executions = 8'000'000;               ///< Beyond it the replay is refused.
  std::size_t memory_readings = 2'000'000;          ///< Beyond it readings are thinned out.
  std::size_t name_bytes = std::size_t{64} << 20U;  ///< Beyond it the replay is refused.
  std::size_t devices = 4096;                       ///< Beyond it the replay is refused.
};

/// Gathers recordings and makes one timeline of them.
///
/// Threading: one thread at a time.
class TimelineBuilder final : public TraceVisitor, private TraceSink {
 public:
  explicit TimelineBuilder(const TimelineLimits& limits) : limits_(limits) {}

  TraceSink& recording_begins(const std::string& name, std::uint64_t file_id) override;
  void recording_ends(const TraceSummary& summary) override;

  /// The recordings that follow belong to the next file.
  void next_file() { ++file_; }

  /// Errors: kTooLarge, naming the limit that was passed; kInvalidArgument where the recordings
  /// hold no GPU work, are longer than a year, or by wall clock lie more than a week apart.
  [[nodiscard]] Result<Timeline> build(ReplayAlign align) &&;

 private:
  struct Recording {
    std::string name;
    std::uint64_t file_id = 0;
    std::size_t file = 0;
    std::uint32_t first_device = 0;
    std::int64_t base_unix_ns = 0;
    std::int64_t first_ns = INT64_MAX;  ///< On its own axis: of all events.
    std::int64_t last_ns = INT64_MIN;
    std::int64_t shift_ns = 0;  ///< From its axis to the timeline's.

    [[nodiscard]] bool has_events() const { return first_ns <= last_ns; }
  };

  void execution(const TraceExecution& execution) override;
  void memory(const TraceMemory& memory) override;

  [[nodiscard]] std::optional<std::uint32_t> device_of(std::uint32_t dense);
  [[nodiscard]] std::optional<std::uint32_t> name_of(std::string_view name);
  void extend(std::int64_t from_ns, std::int64_t to_ns);
  void thin_memory();
  [[nodiscard]] Result<void> check_limits() const;
  [[nodiscard]] Result<void> align_recordings(ReplayAlign align);
  void shift_times();
  void order_devices();

  TimelineLimits limits_;
  Timeline timeline_;
  std::vector<Recording> recordings_;
  std::vector<std::uint32_t> recording_of_device_;
  std::size_t file_ = 0;
  std::unordered_map<std::string_view, std::uint32_t> name_index_;  ///< Keys in Timeline::names.
  std::unordered_map<std::uint64_t, std::uint32_t> series_index_;
  std::size_t name_bytes_ = 0;
  std::uint64_t executions_seen_ = 0;
  bool too_many_names_ = false;
  bool too_many_devices_ = false;
  std::int64_t memory_step_ns_ = 1'000'000;
};

}  // namespace gpuvigil
