// SPDX-License-Identifier: Apache-2.0
#include "store/history_file.h"

#include <fmt/format.h>

#include "base/failpoint.h"

namespace gpuvigil {
namespace {

constexpr std::int64_t kMaxEvents = 10'000;
constexpr std::int64_t kMaxAlerts = 10'000;

/// From schema 0, an empty file, to 1. Never changed: what comes later is a step of its own.
///
/// Rows and segments are told by number (`series.id`), so names are stored once. A segment is a
/// table by rowid: what is written together lies together, and large blobs waste the least.
constexpr std::string_view kSchema1 = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE series(id INTEGER PRIMARY KEY, uuid TEXT NOT NULL, metric TEXT NOT NULL,
                    UNIQUE(uuid, metric));
CREATE TABLE head(tier INTEGER NOT NULL, at INTEGER NOT NULL, is_key INTEGER NOT NULL,
                  data BLOB NOT NULL, PRIMARY KEY(tier, at)) WITHOUT ROWID;
CREATE TABLE segment(id INTEGER PRIMARY KEY, tier INTEGER NOT NULL, grp INTEGER NOT NULL,
                     from_ns INTEGER NOT NULL, to_ns INTEGER NOT NULL, data BLOB NOT NULL);
CREATE UNIQUE INDEX segment_place ON segment(tier, grp, from_ns, to_ns);
CREATE TABLE kernel(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, kind INTEGER NOT NULL,
                    name TEXT NOT NULL, UNIQUE(hash, kind));
CREATE TABLE kernel_step(tier INTEGER NOT NULL, block INTEGER NOT NULL, from_ns INTEGER NOT NULL,
                         to_ns INTEGER NOT NULL, data BLOB NOT NULL,
                         PRIMARY KEY(tier, block, from_ns)) WITHOUT ROWID;
CREATE TABLE event(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, uuid TEXT NOT NULL,
                   kind TEXT NOT NULL, code INTEGER, severity INTEGER NOT NULL,
                   message TEXT NOT NULL, advice TEXT NOT NULL);
CREATE INDEX event_at ON event(at);
CREATE TABLE alert(id TEXT PRIMARY KEY, rule TEXT NOT NULL, severity INTEGER NOT NULL,
                   state INTEGER NOT NULL, message TEXT NOT NULL, began INTEGER NOT NULL,
                   resolved_at INTEGER, metric TEXT NOT NULL, value REAL NOT NULL,
                   threshold REAL NOT NULL, device INTEGER NOT NULL, uuid TEXT NOT NULL,
                   acknowledged INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX alert_began ON alert(began);
)";

std::int64_t number_of(TierId tier) {
  return static_cast<std::int64_t>(tier);
}

std::string text(const SqliteQuery& query, int column) {
  return std::string(query.bytes(column));
}

}  // namespace

Result<void> migrate_history(SqliteDatabase& db) {
  GPUVIGIL_TRY(const std::int64_t version, db.number("PRAGMA user_version"));
  GPUVIGIL_TRY(const std::int64_t application, db.number("PRAGMA application_id"));
  if (version > kHistorySchema && application == kHistoryApplicationId) {
    return fail(Errc::kUnavailable,
                fmt::format("{}: was written by a newer gpuvigil (schema {}, this one knows {}); "
                            "use that one, or another file",
                            db.name(), version, kHistorySchema));
  }
  if (version == kHistorySchema && application == kHistoryApplicationId) return {};
  GPUVIGIL_TRY(const std::int64_t tables, db.number("SELECT count(*) FROM sqlite_schema"));
  if (tables > 0) {
    return fail(Errc::kInvalidArgument,
                fmt::format("{}: is a database of some other program", db.name()));
  }
  if (failpoint("store.migrate")) return fail(Errc::kIo, "failpoint");
  return db.execute(
      fmt::format("BEGIN IMMEDIATE; {} PRAGMA application_id={}; PRAGMA user_version={}; COMMIT",
                  kSchema1, kHistoryApplicationId, kHistorySchema));
}

Result<HistoryFile> HistoryFile::open(SqliteDatabase db) {
  HistoryFile file(std::move(db));
  GPUVIGIL_TRY(file.begin_, file.db_.prepare("BEGIN IMMEDIATE"));
  GPUVIGIL_TRY(file.commit_, file.db_.prepare("COMMIT"));
  GPUVIGIL_TRY(file.add_row_, file.db_.prepare("INSERT INTO head VALUES(?,?,?,?)"));
  GPUVIGIL_TRY(file.add_segment_,
               file.db_.prepare("INSERT INTO segment(tier, grp, from_ns, to_ns, data) "
                                "VALUES(?,?,?,?,?)"));
  return file;
}

Result<void> HistoryFile::add_series(std::size_t id, const SeriesName& name) {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("INSERT INTO series VALUES(?,?,?)"));
  query.bind(1, static_cast<std::int64_t>(id)).bind_text(2, name.uuid).bind_text(3, name.metric);
  return query.run();
}

Result<void> HistoryFile::add_row(const StoredRow& row) {
  add_row_.bind(1, number_of(row.tier)).bind(2, row.at_ns).bind(3, std::int64_t{row.is_key});
  return add_row_.bind_blob(4, row.bytes).run();
}

Result<void> HistoryFile::add_segment(const SealedSegment& segment) {
  add_segment_.bind(1, number_of(segment.tier)).bind(2, static_cast<std::int64_t>(segment.group));
  add_segment_.bind(3, segment.from_ns).bind(4, segment.to_ns).bind_blob(5, segment.bytes);
  return add_segment_.run();
}

Result<void> HistoryFile::drop_rows(TierId tier, std::int64_t before_ns) {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("DELETE FROM head WHERE tier=? AND at<?"));
  return query.bind(1, number_of(tier)).bind(2, before_ns).run();
}

Result<void> HistoryFile::put_alert(const Alert& alert) {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("INSERT OR REPLACE INTO alert VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  query.bind_text(1, alert.id).bind_text(2, alert.rule);
  query.bind(3, static_cast<std::int64_t>(alert.severity));
  query.bind(4, static_cast<std::int64_t>(alert.state)).bind_text(5, alert.message);
  query.bind(6, to_unix_ns(alert.began)).bind_null(7);
  if (alert.resolved_at) query.bind(7, to_unix_ns(*alert.resolved_at));
  query.bind_text(8, alert.metric).bind(9, alert.value).bind(10, alert.threshold);
  query.bind(11, std::int64_t{alert.device}).bind_text(12, alert.uuid);
  return query.bind(13, std::int64_t{alert.acknowledged}).run();
}

Result<void> HistoryFile::add_event(const Event& event) {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("INSERT INTO event(at, uuid, kind, code, severity, message, advice) "
                           "VALUES(?,?,?,?,?,?,?)"));
  query.bind(1, to_unix_ns(event.at)).bind_text(2, event.uuid).bind_text(3, event.kind);
  query.bind_null(4);
  if (event.code) query.bind(4, std::int64_t{*event.code});
  query.bind(5, static_cast<std::int64_t>(event.severity)).bind_text(6, event.message);
  return query.bind_text(7, event.advice).run();
}

Result<std::size_t> HistoryFile::drop_segments(TierId tier, std::int64_t before_ns,
                                               std::size_t limit) {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("DELETE FROM segment WHERE id IN (SELECT id FROM segment INDEXED BY "
                           "segment_place WHERE tier=? AND to_ns<? LIMIT ?)"));
  query.bind(1, number_of(tier)).bind(2, before_ns).bind(3, static_cast<std::int64_t>(limit));
  GPUVIGIL_CHECK(query.run());
  GPUVIGIL_TRY(const std::int64_t gone, db_.number("SELECT changes()"));
  return static_cast<std::size_t>(gone);
}

Result<std::size_t> HistoryFile::drop_oldest_segments(TierId tier, std::size_t limit) {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("DELETE FROM segment WHERE id IN (SELECT id FROM segment INDEXED BY "
                           "segment_place WHERE tier=? ORDER BY to_ns LIMIT ?)"));
  GPUVIGIL_CHECK(query.bind(1, number_of(tier)).bind(2, static_cast<std::int64_t>(limit)).run());
  GPUVIGIL_TRY(const std::int64_t gone, db_.number("SELECT changes()"));
  return static_cast<std::size_t>(gone);
}

Result<void> HistoryFile::bound_lists(std::int64_t before_ns) {
  return db_.execute(fmt::format(
      "DELETE FROM event WHERE at<{0}; DELETE FROM alert WHERE began<{0};"
      "DELETE FROM event WHERE id<=(SELECT id FROM event ORDER BY id DESC LIMIT 1 OFFSET {1});"
      "DELETE FROM alert WHERE began<=(SELECT began FROM alert ORDER BY began DESC LIMIT 1 OFFSET "
      "{2})",
      before_ns, kMaxEvents, kMaxAlerts));
}

Result<void> HistoryFile::drop_future(std::int64_t after_ns) {
  return db_.execute(fmt::format(
      "BEGIN IMMEDIATE; DELETE FROM segment WHERE to_ns>{0}; DELETE FROM head WHERE at>{0};"
      "DELETE FROM kernel_step WHERE to_ns>{0}; DELETE FROM event WHERE at>{0};"
      "DELETE FROM alert WHERE began>{0}; COMMIT",
      after_ns));
}

Result<void> HistoryFile::check_kind(bool is_simulated) {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("SELECT value FROM meta WHERE key='simulated'"));
  GPUVIGIL_TRY(const bool found, query.step());
  if (!found) {
    return db_.execute(
        fmt::format("INSERT INTO meta VALUES('simulated', {})", is_simulated ? 1 : 0));
  }
  const bool was_simulated = query.integer(0) != 0;
  query.reset();
  if (was_simulated == is_simulated) return {};
  return fail(Errc::kInvalidArgument,
              fmt::format("{}: holds what a {} machine did; take another file for this one",
                          db_.name(), was_simulated ? "simulated or replayed" : "real"));
}

Result<std::vector<SeriesName>> HistoryFile::load_series() {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("SELECT id, uuid, metric FROM series ORDER BY id"));
  std::vector<SeriesName> names;
  while (true) {
    GPUVIGIL_TRY(const bool more, query.step());
    if (!more) return names;
    if (query.integer(0) != static_cast<std::int64_t>(names.size())) {
      return fail(Errc::kCorrupt, fmt::format("{}: its series are not in order", db_.name()));
    }
    names.push_back({.uuid = text(query, 1), .metric = text(query, 2)});
  }
}

Result<std::vector<StoredRow>> HistoryFile::load_rows(TierId tier) {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("SELECT at, is_key, data FROM head WHERE tier=? ORDER BY at"));
  query.bind(1, number_of(tier));
  std::vector<StoredRow> rows;
  while (true) {
    GPUVIGIL_TRY(const bool more, query.step());
    if (!more) return rows;
    rows.push_back({.tier = tier,
                    .at_ns = query.integer(0),
                    .is_key = query.integer(1) != 0,
                    .bytes = text(query, 2)});
  }
}

Result<std::vector<SealedGroup>> HistoryFile::load_sealed() {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("SELECT tier, grp, max(to_ns) FROM segment INDEXED "
                                              "BY segment_place GROUP BY tier, grp"));
  std::vector<SealedGroup> groups;
  while (true) {
    GPUVIGIL_TRY(const bool more, query.step());
    if (!more) return groups;
    const std::int64_t tier = query.integer(0);
    if (tier < 0 || tier >= static_cast<std::int64_t>(kTiers) || query.integer(1) < 0) {
      return fail(Errc::kCorrupt, fmt::format("{}: a segment of no tier", db_.name()));
    }
    groups.push_back({.tier = static_cast<TierId>(tier),
                      .group = static_cast<std::size_t>(query.integer(1)),
                      .to_ns = query.integer(2)});
  }
}

Result<std::vector<Alert>> HistoryFile::load_alerts(std::size_t limit) {
  GPUVIGIL_TRY(SqliteQuery query, db_.prepare("SELECT * FROM alert ORDER BY began DESC LIMIT ?"));
  query.bind(1, static_cast<std::int64_t>(limit));
  std::vector<Alert> alerts;
  while (true) {
    GPUVIGIL_TRY(const bool more, query.step());
    if (!more) return alerts;
    Alert alert{.id = text(query, 0),
                .rule = text(query, 1),
                .severity = query.integer(2) == 0 ? Severity::kWarning : Severity::kCritical,
                .state = query.integer(3) == static_cast<std::int64_t>(AlertState::kResolved)
                             ? AlertState::kResolved
                             : AlertState::kFiring,
                .message = text(query, 4),
                .began = from_unix_ns(query.integer(5)),
                .resolved_at = {},
                .metric = text(query, 7),
                .value = query.real(8),
                .threshold = query.real(9),
                .device = static_cast<std::uint32_t>(query.integer(10)),
                .uuid = text(query, 11),
                .acknowledged = query.integer(12) != 0};
    if (!query.is_null(6)) alert.resolved_at = from_unix_ns(query.integer(6));
    alerts.push_back(std::move(alert));
  }
}

Result<std::vector<Event>> HistoryFile::load_events(std::size_t limit) {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("SELECT at, uuid, kind, code, severity, message, advice FROM event "
                           "ORDER BY at DESC LIMIT ?"));
  query.bind(1, static_cast<std::int64_t>(limit));
  std::vector<Event> events;
  while (true) {
    GPUVIGIL_TRY(const bool more, query.step());
    if (!more) return events;
    const std::int64_t severity = query.integer(4);
    Event event{.at = from_unix_ns(query.integer(0)),
                .uuid = text(query, 1),
                .kind = text(query, 2),
                .code = {},
                .severity = severity == 0   ? EventSeverity::kInfo
                            : severity == 1 ? EventSeverity::kWarning
                                            : EventSeverity::kCritical,
                .message = text(query, 5),
                .advice = text(query, 6)};
    if (!query.is_null(3)) event.code = static_cast<std::uint32_t>(query.integer(3));
    events.push_back(std::move(event));
  }
}

Result<std::optional<std::int64_t>> HistoryFile::oldest_ns() {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("SELECT min(t) FROM (SELECT min(from_ns) AS t FROM segment UNION ALL "
                           "SELECT min(at) FROM head)"));
  GPUVIGIL_TRY(const bool found, query.step());
  if (!found || query.is_null(0)) return std::optional<std::int64_t>();
  return std::optional(query.integer(0));
}

Result<std::optional<std::int64_t>> HistoryFile::newest_ns() {
  GPUVIGIL_TRY(SqliteQuery query,
               db_.prepare("SELECT max(t) FROM (SELECT max(to_ns) AS t FROM segment WHERE tier=0 "
                           "UNION ALL SELECT max(at) FROM head WHERE tier=0)"));
  GPUVIGIL_TRY(const bool found, query.step());
  if (!found || query.is_null(0)) return std::optional<std::int64_t>();
  return std::optional(query.integer(0));
}

Result<std::uint64_t> HistoryFile::used_bytes() {
  GPUVIGIL_TRY(const std::int64_t pages, db_.number("PRAGMA page_count"));
  GPUVIGIL_TRY(const std::int64_t free, db_.number("PRAGMA freelist_count"));
  GPUVIGIL_TRY(const std::int64_t size, db_.number("PRAGMA page_size"));
  return static_cast<std::uint64_t>((pages - free) * size);
}

}  // namespace gpuvigil
