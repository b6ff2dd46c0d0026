// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "base/sqlite_database.h"
#include "model/history.h"
#include "store/column_codec.h"
#include "store/history_writer.h"
#include "store/rollup.h"

namespace gpuvigil {

/// What the writer says of a query before anything is read: which columns it takes, what of them is
/// in memory, and up to when which fineness is kept.
struct HistoryPlan {
  struct Series {
    std::string metric;
    std::string uuid;
    std::size_t number = 0;
  };
  /// One stretch of time, read from one tier. In order, without holes.
  struct Part {
    TierId tier = TierId::kRaw;
    std::int64_t from_ns = 0;
    std::int64_t to_ns = 0;
    HeadCopy head;  ///< In the order of needed_columns() for each series.
  };
  HistoryQuery query;
  std::int64_t first_ns = 0;
  std::int64_t step_ns = 0;
  std::size_t points = 0;
  std::vector<Series> series;
  std::vector<std::size_t> healthy;  ///< With a trend: the series "device_healthy" of `devices`.
  std::vector<std::string> devices;
  std::vector<Part> parts;
};

/// Chooses the steps and the tiers, and copies what is in memory. On the writer's thread.
/// Errors: kTooLarge beyond the limits of HistoryQuery.
[[nodiscard]] Result<HistoryPlan> plan_history(const HistoryWriter& writer, HistoryQuery query,
                                               Timestamp now);

/// Reads and sums up what was planned.
/// Errors: as SqliteDatabase::execute(). What is damaged is a gap, and counted in `damaged`.
[[nodiscard]] Result<HistoryAnswer> read_history(SqliteDatabase& db, const HistoryPlan& plan,
                                                 std::uint64_t& damaged);

/// Calls `visit(time, value)` for each value of a column in segments with from <= time < to, in
/// order; not for absent ones.
class SegmentScan {
 public:
  explicit SegmentScan(SqliteDatabase& db) : db_(db) {}

  template <class Visit>
  Result<void> each(TierId tier, std::size_t column, std::int64_t from_ns, std::int64_t to_ns,
                    Visit visit) {
    GPUVIGIL_CHECK(load(tier, column, from_ns, to_ns));
    for (std::size_t i = 0; i < times_.size(); ++i) {
      if (!is_absent(values_[i])) visit(times_[i], values_[i]);
    }
    return {};
  }

  /// All rows of a column, absent values too.
  [[nodiscard]] Result<void> load(TierId tier, std::size_t column, std::int64_t from_ns,
                                  std::int64_t to_ns);
  [[nodiscard]] const std::vector<std::int64_t>& times() const { return times_; }
  [[nodiscard]] const std::vector<double>& values() const { return values_; }
  [[nodiscard]] std::uint64_t damaged() const { return damaged_; }

 private:
  /// The segments of the group that was asked last: the next column mostly is in the same.
  [[nodiscard]] Result<void> fetch(TierId tier, std::size_t group, std::int64_t from_ns,
                                   std::int64_t to_ns);

  SqliteDatabase& db_;
  std::optional<SqliteQuery> query_;
  ColumnCodec codec_;
  TierId tier_ = TierId::kRaw;
  std::size_t group_ = SIZE_MAX;
  std::int64_t from_ns_ = 0;
  std::int64_t to_ns_ = 0;
  std::vector<std::string> blobs_;
  std::vector<std::int64_t> times_;
  std::vector<double> values_;
  std::vector<double> buffer_;
  std::uint64_t damaged_ = 0;
};

}  // namespace gpuvigil
