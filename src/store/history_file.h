// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/sqlite_database.h"
#include "model/alert.h"
#include "model/event.h"
#include "store/tier.h"

namespace gpuvigil {

/// The version of the tables; a newer one is refused, an older one is brought up to it.
inline constexpr std::int64_t kHistorySchema = 1;
/// "gpvg": by this `file` and we tell our databases from others.
inline constexpr std::int64_t kHistoryApplicationId = 0x67707667;

/// What a series is of.
struct SeriesName {
  std::string uuid;
  std::string metric;
};

/// A row that is not in a segment yet.
struct StoredRow {
  TierId tier = TierId::kRaw;
  std::int64_t at_ns = 0;
  bool is_key = false;  ///< Stands for itself; the others are told against the one before.
  std::string bytes;
};

/// How far the segments of a group reach.
struct SealedGroup {
  TierId tier = TierId::kRaw;
  std::size_t group = 0;
  std::int64_t to_ns = 0;
};

/// Makes the tables of a new database, brings older ones up to date, refuses newer ones.
/// Errors: kUnavailable for a newer schema; kCorrupt for a database that is not ours; as execute().
[[nodiscard]] Result<void> migrate_history(SqliteDatabase& db);

/// The statements with which the one writer works on its database.
///
/// Threading: one thread at a time.
class HistoryFile {
 public:
  /// Requires migrate_history(). Errors: as SqliteDatabase::execute().
  [[nodiscard]] static Result<HistoryFile> open(SqliteDatabase db);

  [[nodiscard]] Result<void> begin() { return begin_.run(); }
  [[nodiscard]] Result<void> commit() { return commit_.run(); }
  void roll_back() { (void)db_.execute("ROLLBACK"); }  // fails when there is nothing to roll back

  [[nodiscard]] Result<void> add_series(std::size_t id, const SeriesName& name);
  [[nodiscard]] Result<void> add_row(const StoredRow& row);
  [[nodiscard]] Result<void> add_segment(const SealedSegment& segment);
  [[nodiscard]] Result<void> drop_rows(TierId tier, std::int64_t before_ns);
  [[nodiscard]] Result<void> put_alert(const Alert& alert);
  [[nodiscard]] Result<void> add_event(const Event& event);

  /// At most `limit` segments that ended before then; how many went.
  [[nodiscard]] Result<std::size_t> drop_segments(TierId tier, std::int64_t before_ns,
                                                  std::size_t limit);
  /// The oldest ones of a tier.
  [[nodiscard]] Result<std::size_t> drop_oldest_segments(TierId tier, std::size_t limit);
  [[nodiscard]] Result<void> bound_lists(std::int64_t before_ns);
  /// Everything that says that it is of a time after this.
  [[nodiscard]] Result<void> drop_future(std::int64_t after_ns);

  /// What is real and what is not never share a file. Errors: kInvalidArgument when they would.
  [[nodiscard]] Result<void> check_kind(bool is_simulated);

  [[nodiscard]] Result<std::vector<SeriesName>> load_series();
  [[nodiscard]] Result<std::vector<StoredRow>> load_rows(TierId tier);
  [[nodiscard]] Result<std::vector<SealedGroup>> load_sealed();
  [[nodiscard]] Result<std::vector<Alert>> load_alerts(std::size_t limit);
  [[nodiscard]] Result<std::vector<Event>> load_events(std::size_t limit);
  /// Of all segments and rows.
  [[nodiscard]] Result<std::optional<std::int64_t>> oldest_ns();
  [[nodiscard]] Result<std::optional<std::int64_t>> newest_ns();

  /// What is in use, free pages not counted.
  [[nodiscard]] Result<std::uint64_t> used_bytes();

  [[nodiscard]] SqliteDatabase& database() { return db_; }

 private:
  explicit HistoryFile(SqliteDatabase db) : db_(std::move(db)) {}

  SqliteDatabase db_;
  SqliteQuery begin_;
  SqliteQuery commit_;
  SqliteQuery add_row_;
  SqliteQuery add_segment_;
};

}  // namespace gpuvigil
