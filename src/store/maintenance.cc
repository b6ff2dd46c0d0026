// SPDX-License-Identifier: Apache-2.0
#include "store/maintenance.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "store/history_file.h"
#include "store/segment.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMostFindings = 100;
constexpr std::array<std::string_view, kTiers> kTierNames = {"raw", "minutes", "hours"};

std::uint64_t unsigned_of(std::int64_t value) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
}

}  // namespace

Result<HistoryMaintenance> HistoryMaintenance::open(const std::string& path, Purpose purpose) {
  using Access = SqliteDatabase::Access;
  // Looked at first: nothing is made, and nobody else's database is touched.
  GPUVIGIL_TRY(SqliteDatabase db, SqliteDatabase::open(path, {.access = Access::kReadOnly}));
  GPUVIGIL_TRY(const std::int64_t application, db.number("PRAGMA application_id"));
  GPUVIGIL_TRY(const std::int64_t version, db.number("PRAGMA user_version"));
  if (application != kHistoryApplicationId) {
    return fail(Errc::kInvalidArgument, fmt::format("{}: is no history of gpuvigil", path));
  }
  if (version > kHistorySchema) {
    return fail(Errc::kUnavailable,
                fmt::format("{}: was written by a newer gpuvigil (schema {}, this one knows {})",
                            path, version, kHistorySchema));
  }
  if (purpose == Purpose::kLook) return HistoryMaintenance(std::move(db));
  GPUVIGIL_TRY(SqliteDatabase writable, SqliteDatabase::open(path, {.access = Access::kReadWrite}));
  return HistoryMaintenance(std::move(writable));
}

Result<HistoryFileStats> HistoryMaintenance::stats() {
  HistoryFileStats stats;
  GPUVIGIL_TRY(stats.schema, db_.number("PRAGMA user_version"));
  GPUVIGIL_TRY(const std::int64_t page, db_.number("PRAGMA page_size"));
  for (const auto& [sql, into, unit] :
       {std::tuple{"PRAGMA page_count", &stats.file_bytes, page},
        std::tuple{"PRAGMA freelist_count", &stats.free_bytes, page},
        std::tuple{"SELECT count(DISTINCT uuid) FROM series WHERE uuid<>''", &stats.devices,
                   std::int64_t{1}},
        std::tuple{"SELECT count(*) FROM series WHERE uuid<>''", &stats.series, std::int64_t{1}},
        std::tuple{"SELECT count(*) FROM alert", &stats.alerts, std::int64_t{1}},
        std::tuple{"SELECT count(*) FROM event", &stats.events, std::int64_t{1}}}) {
    GPUVIGIL_TRY(const std::int64_t number, db_.number(sql));
    *into = unsigned_of(number * unit);
  }
  GPUVIGIL_TRY(const std::int64_t simulated,
               db_.number("SELECT coalesce(max(value), 0) FROM meta WHERE key='simulated'"));
  stats.is_simulated = simulated != 0;
  GPUVIGIL_TRY(
      SqliteQuery query,
      db_.prepare("SELECT (SELECT count(*) FROM segment WHERE tier=?1),"
                  "(SELECT coalesce(sum(length(data)), 0) FROM segment WHERE tier=?1),"
                  "(SELECT count(*) FROM head WHERE tier=?1),"
                  "(SELECT min(t) FROM (SELECT min(from_ns) AS t FROM segment WHERE tier=?1 UNION "
                  "ALL SELECT min(at) FROM head WHERE tier=?1)),"
                  "(SELECT max(t) FROM (SELECT max(to_ns) AS t FROM segment WHERE tier=?1 UNION "
                  "ALL SELECT max(at) FROM head WHERE tier=?1))"));
  for (std::size_t i = 0; i < kTiers; ++i) {
    query.bind(1, static_cast<std::int64_t>(i));
    GPUVIGIL_TRY(const bool found, query.step());
    if (!found) break;
    HistoryFileStats::Tier tier{.name = std::string(kTierNames[i]),
                                .segments = unsigned_of(query.integer(0)),
                                .segment_bytes = unsigned_of(query.integer(1)),
                                .rows = unsigned_of(query.integer(2)),
                                .oldest = {},
                                .newest = {}};
    if (!query.is_null(3)) tier.oldest = from_unix_ns(query.integer(3));
    if (!query.is_null(4)) tier.newest = from_unix_ns(query.integer(4));
    stats.tiers.push_back(std::move(tier));
    query.reset();
  }
  return stats;
}

Result<std::vector<std::string>> HistoryMaintenance::check() {
  std::vector<std::string> found;
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("PRAGMA integrity_check(100)"));
  while (true) {
    GPUVIGIL_TRY(const bool more, query.step());
    if (!more) break;
    if (query.bytes(0) != "ok") found.emplace_back(query.bytes(0));
  }
  GPUVIGIL_CHECK(check_segments(found));
  return found;
}

Result<void> HistoryMaintenance::check_segments(std::vector<std::string>& found) {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("SELECT id, data, from_ns, to_ns FROM segment"));
  ColumnCodec codec;
  std::vector<double> values;
  while (found.size() < kMostFindings) {
    GPUVIGIL_TRY(const bool more, query.step());
    if (!more) return {};
    const auto wrong = [&](std::string_view what) {
      found.push_back(fmt::format("segment {}: {}", query.integer(0), what));
    };
    const auto segment = SegmentReader::open(query.bytes(1));
    if (!segment) {
      wrong(segment.error().message);
      continue;
    }
    if (segment->times().front() != query.integer(2) ||
        segment->times().back() != query.integer(3)) {
      wrong("its times are others than its place says");
    }
    values.resize(segment->times().size());
    for (std::size_t i = 0; i < segment->columns(); ++i) {
      if (const auto read = segment->read(i, codec, values); !read) wrong(read.error().message);
    }
  }
  return {};
}

Result<void> HistoryMaintenance::vacuum() {
  GPUVIGIL_CHECK(db_.execute("VACUUM"));
  return db_.checkpoint();
}

}  // namespace gpuvigil
