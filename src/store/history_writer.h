// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/private_file.h"
#include "base/result.h"
#include "model/alert.h"
#include "model/event.h"
#include "model/history.h"
#include "store/history_file.h"
#include "store/rollup.h"
#include "store/row_codec.h"
#include "store/tier.h"

namespace gpuvigil {

/// How many columns a series has in a tier.
[[nodiscard]] constexpr std::size_t columns_per_series(TierId tier) {
  return tier == TierId::kRaw ? 1 : kRollupColumns;
}

/// How long and how much is kept.
struct HistoryLimits {
  Duration raw = std::chrono::hours(24);
  Duration minutes = std::chrono::days(30);
  Duration hours = std::chrono::days(365);
  std::uint64_t bytes = std::uint64_t{2} << 30U;          ///< Of all in the file.
  std::uint64_t ballast_bytes = std::uint64_t{4} << 20U;  ///< Given back when the disk is full.
  std::size_t series = 16'384;
};

struct HistoryOptions {
  std::string path;  ///< Empty: in memory, and gone with the object.
  HistoryLimits limits;
  bool is_simulated = false;  ///< Demo or replay: never in the file of a real machine.
};

/// What is taken of one frame.
struct HistoryRow {
  Timestamp at{};
  std::vector<std::shared_ptr<const DeviceInfo>> devices;
  std::vector<double> values;  ///< kMetrics.size() for each device; absent_value() where none is.
  std::vector<Alert> alerts;   ///< What changed.
  std::shared_ptr<const EventLog> events;
};

/// Of a frame that is an edge, on the engine's thread.
[[nodiscard]] HistoryRow history_row_of(const Frame& frame, std::span<const Alert> changes);

/// The newest rows of the columns that a query needs, as they were between two rows.
struct HeadCopy {
  struct Column {
    TierId tier = TierId::kRaw;
    std::size_t column = 0;
    ColumnCopy rows;
  };
  std::vector<Column> columns;
};

/// The one writer of history: takes a row a second, keeps the newest in memory, and makes each
/// durable with one commit.
///
///     row ─▶ head (memory, and a row of the file) ─▶ segments ─▶ gone when too old or too much
///      └──▶ minute ─▶ the same ──▶ hour ─▶ the same
///
/// When the file cannot be written, rows wait in memory, bounded, and are written when it can be
/// again; when it is full, the ballast is given back and the oldest goes first; when it is damaged,
/// it is set aside and a new one is begun.
///
/// Threading: one thread at a time.
class HistoryWriter {
 public:
  /// Opens or makes the file; sets aside one that is damaged. `now` is to judge what is in it.
  /// Errors: those of SqliteDatabase::open() but kCorrupt; kUnavailable for a file of a newer
  /// schema, or one that another process writes.
  [[nodiscard]] static Result<std::unique_ptr<HistoryWriter>> open(const HistoryOptions& options,
                                                                   Timestamp now);
  ~HistoryWriter();
  HistoryWriter(const HistoryWriter&) = delete;
  HistoryWriter& operator=(const HistoryWriter&) = delete;

  /// Takes a row and commits. What goes wrong is in status(), and is tried again with the next.
  void append(const HistoryRow& row);

  /// Of every series that may be asked: its name, by its number.
  [[nodiscard]] const std::vector<SeriesName>& series() const { return series_; }

  [[nodiscard]] std::optional<std::size_t> find_series(const std::string& uuid,
                                                       const std::string& metric) const;

  /// The number of series of all devices, under which rows are counted.
  static constexpr std::size_t kCoverage = 0;

  /// The newest row of a tier; of one that is rolled up, when its step begins.
  [[nodiscard]] std::optional<std::int64_t> newest_ns(TierId tier) const {
    return parts_[static_cast<std::size_t>(tier)].newest_ns;
  }

  /// Fills the rows of those columns with from <= time < to.
  void copy_head(std::int64_t from_ns, std::int64_t to_ns, HeadCopy& copy) const;

  /// Newest alerts and events of the lives before this one.
  [[nodiscard]] const std::vector<Alert>& alerts_before() const { return alerts_before_; }
  [[nodiscard]] const std::vector<Event>& events_before() const { return events_before_; }

  [[nodiscard]] const HistoryStatus& status() const { return status_; }
  [[nodiscard]] const HistoryLimits& limits() const { return options_.limits; }
  /// To read where there is no file that another connection could read.
  [[nodiscard]] SqliteDatabase& database() { return file_->database(); }

 private:
  explicit HistoryWriter(HistoryOptions options);

  /// A tier with what makes it durable.
  struct Part {
    explicit Part(const TierShape& shape) : tier(shape) {}
    Tier tier;
    RowState state;  ///< Of the last row that was packed.
    std::size_t rows_since_key = 0;
    std::deque<std::int64_t> keys;          ///< Times of the rows in the file that are keys.
    std::optional<std::int64_t> newest_ns;  ///< Of its rows, in memory or not.
  };

  [[nodiscard]] Result<void> open_file(Timestamp now);
  [[nodiscard]] Result<void> load(Timestamp now);
  [[nodiscard]] Result<void> load_tier(Part& part);
  void rebuild_rollups();
  bool is_taken(Timestamp at);
  void take_values(const HistoryRow& row);
  std::optional<std::size_t> series_of(const std::string& uuid, std::size_t metric);
  std::size_t new_series(SeriesName name);
  void roll_up(Timestamp at);
  void add_row(Part& part, Timestamp at, std::span<const double> values);
  [[nodiscard]] static std::string key_of(const Event& event);
  void note_lists(const HistoryRow& row);
  void commit();
  [[nodiscard]] Result<void> write_pending();
  [[nodiscard]] Result<void> keep_bounds();
  [[nodiscard]] Result<void> keep_size();
  void failed(const Error& error);
  [[nodiscard]] Result<void> begin_anew();
  void resize_segments();
  void update_ballast();
  Part& part_of(TierId tier) { return parts_[static_cast<std::size_t>(tier)]; }

  HistoryOptions options_;
  std::optional<FileLock> lock_;  ///< Of the file, while this object lives.
  std::unique_ptr<HistoryFile> file_;
  std::vector<Part> parts_;
  Rollup minute_{std::chrono::minutes(1)};
  Rollup hour_{std::chrono::hours(1)};
  ColumnCodec codec_;

  std::vector<SeriesName> series_;
  std::map<std::pair<std::string, std::string>, std::size_t> numbers_;
  std::map<std::string, std::vector<std::int32_t>, std::less<>> by_metric_;  ///< By UUID; -1: none.

  std::vector<double> row_;  ///< Of the raw tier; kept for its memory.
  Timestamp last_at_{};
  bool has_last_ = false;

  // What is not in the file yet.
  std::size_t series_in_file_ = 0;
  std::deque<StoredRow> pending_rows_;
  std::vector<SealedSegment> pending_segments_;
  std::vector<Alert> pending_alerts_;
  std::vector<Event> pending_events_;
  std::shared_ptr<const EventLog> seen_events_;
  std::set<std::string> seen_event_keys_;

  std::vector<Alert> alerts_before_;
  std::vector<Event> events_before_;
  bool has_ballast_ = false;
  bool is_failing_ = false;
  std::uint64_t commits_ = 0;
  HistoryStatus status_;
};

}  // namespace gpuvigil
