// SPDX-License-Identifier: Apache-2.0
// How HistoryWriter lives with its file: opening, committing, and what may go wrong.
#include <algorithm>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "store/history_reader.h"
#include "store/history_writer.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kCommitsBetweenBounds = 60;
constexpr std::uint64_t kCommitsBetweenSizes = 8;
constexpr std::uint64_t kCommitsBetweenBallasts = 16;
constexpr std::size_t kSegmentsAtOnce = 64;
constexpr std::size_t kMostSetAside = 2;
constexpr std::size_t kMostAlertsBefore = 1000;
constexpr int kPageBytes = 2048;
/// Values that say that they are of a later time than this were labelled by a clock that was wrong.
constexpr Duration kFarAhead = 2h;

std::string ballast_of(const std::string& path) {
  return path + "-ballast";
}

bool has_room(const std::string& path, std::uint64_t bytes) {
  struct statvfs info{};
  return ::statvfs(path.c_str(), &info) == 0 &&
         static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize >= bytes;
}

/// Those that were set aside before; the oldest goes.
void bound_set_aside(const std::string& path) {
  std::error_code error;
  const std::filesystem::path file(path);
  const std::string prefix = file.filename().string() + ".damaged-";
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(file.parent_path(), error)) {
    std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && !name.ends_with("-wal")) found.push_back(std::move(name));
  }
  std::ranges::sort(found);
  while (found.size() > kMostSetAside) {
    const std::string oldest = (file.parent_path() / found.front()).string();
    ::unlink(oldest.c_str());
    ::unlink((oldest + "-wal").c_str());
    found.erase(found.begin());
  }
}

/// Renames what is damaged; somebody may want to look at it, and none of it is shown any more.
void set_aside(const std::string& path, Timestamp now) {
  const std::string aside = fmt::format("{}.damaged-{}", path, to_unix_ns(now) / 1'000'000'000);
  for (const char* suffix : {"", "-wal"}) {
    (void)std::rename((path + suffix).c_str(), (aside + suffix).c_str());
  }
  ::unlink((path + "-shm").c_str());
  bound_set_aside(path);
}

Result<SqliteDatabase> open_database(const std::string& path) {
  if (path.empty()) return SqliteDatabase::in_memory();
  return SqliteDatabase::open(path, {.page_bytes = kPageBytes, .patience = 100ms});
}

}  // namespace

Result<std::unique_ptr<HistoryWriter>> HistoryWriter::open(const HistoryOptions& options,
                                                           Timestamp now) {
  std::unique_ptr<HistoryWriter> writer(new HistoryWriter(options));
  writer->status_.place = options.path.empty() ? "memory" : options.path;
  if (!options.path.empty()) {
    auto lock = FileLock::take(options.path + ".lock", Duration::zero());
    if (!lock && lock.error().code == Errc::kTimeout) {
      return fail(Errc::kUnavailable, fmt::format("{}: another gpuvigil writes it", options.path));
    }
    if (!lock) return std::unexpected(std::move(lock).error());
    writer->lock_.emplace(*std::move(lock));
  }
  auto opened = writer->open_file(now);
  if (!opened && opened.error().code == Errc::kCorrupt && !options.path.empty()) {
    log(LogLevel::kError, "history.damaged", {kv("why", opened.error().message)});
    FileLock lock = *std::move(writer->lock_);
    writer.reset(new HistoryWriter(options));  // nothing that came from there is to be believed
    writer->status_.place = options.path;
    writer->lock_.emplace(std::move(lock));
    set_aside(options.path, now);
    opened = writer->open_file(now);
  }
  if (!opened) return std::unexpected(std::move(opened).error());
  if (writer->series_.empty()) writer->new_series({.uuid = "", .metric = "covered"});
  writer->rebuild_rollups();
  writer->update_ballast();
  writer->status_.is_recording = true;
  return writer;
}

Result<void> HistoryWriter::open_file(Timestamp now) {
  GPUVIGIL_TRY(SqliteDatabase db, open_database(options_.path));
  GPUVIGIL_CHECK(migrate_history(db));
  GPUVIGIL_TRY(HistoryFile file, HistoryFile::open(std::move(db)));
  GPUVIGIL_CHECK(file.check_kind(options_.is_simulated));
  file_ = std::make_unique<HistoryFile>(std::move(file));
  return load(now);
}

Result<void> HistoryWriter::load(Timestamp now) {
  GPUVIGIL_TRY(auto newest, file_->newest_ns());
  if (newest && *newest > to_unix_ns(now + kFarAhead)) {
    log(LogLevel::kError, "history.future_dropped",
        {kv("newest_unix_seconds", *newest / 1'000'000'000)});
    GPUVIGIL_CHECK(file_->drop_future(to_unix_ns(now)));
    GPUVIGIL_TRY(newest, file_->newest_ns());
  }
  if (newest) {
    has_last_ = true;
    last_at_ = from_unix_ns(*newest);
    status_.newest = last_at_;
  }
  GPUVIGIL_TRY(const auto oldest, file_->oldest_ns());
  if (oldest) status_.oldest = from_unix_ns(*oldest);
  GPUVIGIL_TRY(std::vector<SeriesName> names, file_->load_series());
  for (SeriesName& name : names) new_series(std::move(name));
  series_in_file_ = series_.size();
  for (Part& part : parts_) GPUVIGIL_CHECK(load_tier(part));
  GPUVIGIL_TRY(const auto sealed, file_->load_sealed());
  for (const SealedGroup& group : sealed) {
    Part& part = part_of(group.tier);
    part.tier.trim(group.group, group.to_ns);
    part.newest_ns = std::max(part.newest_ns.value_or(INT64_MIN), group.to_ns);
  }
  GPUVIGIL_TRY(alerts_before_, file_->load_alerts(kMostAlertsBefore));
  // What still fired has no end that anybody saw; the last that is known of it was then.
  for (Alert& alert : alerts_before_) {
    if (alert.state == AlertState::kResolved) continue;
    alert.state = AlertState::kResolved;
    alert.resolved_at = std::max(alert.began, last_at_);
    pending_alerts_.push_back(alert);
  }
  GPUVIGIL_TRY(events_before_, file_->load_events(EventLog::kMostEvents));
  for (const Event& event : events_before_) seen_event_keys_.insert(key_of(event));
  GPUVIGIL_TRY(status_.file_bytes, file_->used_bytes());
  return {};
}

Result<void> HistoryWriter::load_tier(Part& part) {
  GPUVIGIL_TRY(const auto rows, file_->load_rows(part.tier.shape().id));
  RowState state;
  std::vector<double> values;
  bool is_whole = false;
  for (const StoredRow& row : rows) {
    if (part.newest_ns && row.at_ns <= *part.newest_ns) {
      return fail(Errc::kCorrupt, fmt::format("{}: its rows are not in order", options_.path));
    }
    if (row.is_key) {
      part.keys.push_back(row.at_ns);
      state.forget();
      is_whole = true;
    }
    // A row that is damaged takes those with it that are told against it.
    is_whole = is_whole && unpack_row(row.bytes, state, values).has_value() &&
               values.size() <= part.tier.columns();
    if (is_whole) {
      part.tier.append(from_unix_ns(row.at_ns), values);
      part.newest_ns = row.at_ns;
    } else {
      ++status_.segments_damaged;
    }
  }
  return {};
}

/// The minute and the hour that were running when the last life ended.
void HistoryWriter::rebuild_rollups() {
  SegmentScan scan(file_->database());
  const auto each = [&](TierId tier, std::size_t column, Timestamp from, const auto& visit) {
    const std::int64_t from_ns = to_unix_ns(from);
    ColumnCopy rows;
    const auto read = scan.load(tier, column, from_ns, INT64_MAX);
    if (read) rows = {.times = scan.times(), .values = scan.values()};
    ColumnCopy head;
    part_of(tier).tier.copy(column, from_ns, INT64_MAX, head);
    rows.times.insert(rows.times.end(), head.times.begin(), head.times.end());
    rows.values.insert(rows.values.end(), head.values.begin(), head.values.end());
    for (std::size_t i = 0; i < rows.times.size(); ++i) {
      visit(i, from_unix_ns(rows.times[i]), rows.values[i]);
    }
  };
  if (!has_last_) return;
  const auto is_begun = [this](TierId tier, Timestamp step) {
    return part_of(tier).newest_ns.value_or(INT64_MIN) < to_unix_ns(step);
  };
  const Timestamp minute = minute_.step_of(last_at_);
  for (std::size_t s = 0; is_begun(TierId::kMinute, minute) && s < series_.size(); ++s) {
    each(TierId::kRaw, s, minute, [&](std::size_t, Timestamp at, double value) {
      if (!is_absent(value)) minute_.add(at, s, value);
    });
  }
  const auto last_minute = part_of(TierId::kMinute).newest_ns;
  if (!last_minute) return;
  const Timestamp hour = hour_.step_of(from_unix_ns(*last_minute));
  if (!is_begun(TierId::kHour, hour)) return;
  for (std::size_t s = 0; s < series_.size(); ++s) {
    std::vector<RollupRecord> records;
    std::vector<Timestamp> times;
    for (std::size_t c = 0; c < kRollupColumns; ++c) {
      each(TierId::kMinute, s * kRollupColumns + c, hour,
           [&](std::size_t i, Timestamp at, double value) {
             if (i >= records.size()) {
               records.resize(i + 1);
               times.resize(i + 1);
             }
             times[i] = at;
             if (is_absent(value)) return;
             RollupRecord& record = records[i];
             const std::array<double*, kRollupColumns> fields = {
                 &record.count, &record.min, &record.max, &record.last, &record.sum};
             *fields[c] = value;
           });
    }
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (records[i].count > 0) hour_.add(times[i], s, records[i]);
    }
  }
}

void HistoryWriter::commit() {
  ++commits_;
  if (!file_) {
    if (const auto begun = begin_anew(); !begun) {
      status_.problem = begun.error().message;
      return;
    }
  }
  if (const auto written = write_pending(); !written) {
    file_->roll_back();
    failed(written.error());
    return;
  }
  if (is_failing_) {
    is_failing_ = false;
    status_.problem.clear();
    log(LogLevel::kInfo, "history.recovered", {kv("rows_dropped", status_.rows_dropped)});
  }
  if (commits_ % kCommitsBetweenBallasts == 0) update_ballast();
}

Result<void> HistoryWriter::write_pending() {
  if (failpoint("store.commit")) return fail(Errc::kIo, "failpoint");
  GPUVIGIL_CHECK(file_->begin());
  for (std::size_t i = series_in_file_; i < series_.size(); ++i) {
    GPUVIGIL_CHECK(file_->add_series(i, series_[i]));
  }
  for (const StoredRow& row : pending_rows_) GPUVIGIL_CHECK(file_->add_row(row));
  for (const SealedSegment& segment : pending_segments_) {
    if (!segment.bytes.empty()) GPUVIGIL_CHECK(file_->add_segment(segment));
  }
  for (const Alert& alert : pending_alerts_) GPUVIGIL_CHECK(file_->put_alert(alert));
  for (const Event& event : pending_events_) GPUVIGIL_CHECK(file_->add_event(event));
  // Rows whose values lie in segments are dropped by whole runs that begin with a key.
  std::array<std::size_t, kTiers> unused{};
  for (std::size_t i = 0; i < kTiers; ++i) {
    const auto& keys = parts_[i].keys;
    const std::int64_t needed = parts_[i].tier.first_unsealed_ns().value_or(INT64_MAX);
    while (unused[i] + 1 < keys.size() && keys[unused[i] + 1] <= needed) ++unused[i];
    if (unused[i] == 0) continue;
    GPUVIGIL_CHECK(file_->drop_rows(static_cast<TierId>(i), keys[unused[i]]));
  }
  if (commits_ % kCommitsBetweenBounds == 0) GPUVIGIL_CHECK(keep_bounds());
  if (commits_ % kCommitsBetweenSizes == 0) GPUVIGIL_CHECK(keep_size());
  if (failpoint("store.before_commit")) return fail(Errc::kIo, "failpoint");
  GPUVIGIL_CHECK(file_->commit());

  series_in_file_ = series_.size();
  for (const StoredRow& row : pending_rows_) {
    if (row.is_key) part_of(row.tier).keys.push_back(row.at_ns);
  }
  for (std::size_t i = 0; i < kTiers; ++i) {
    auto& keys = parts_[i].keys;
    keys.erase(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(unused[i]));
  }
  pending_rows_.clear();
  pending_segments_.clear();
  pending_alerts_.clear();
  pending_events_.clear();
  return {};
}

Result<void> HistoryWriter::keep_bounds() {
  const auto& limits = options_.limits;
  for (const auto& [tier, age] :
       {std::pair{TierId::kRaw, limits.raw}, std::pair{TierId::kMinute, limits.minutes},
        std::pair{TierId::kHour, limits.hours}}) {
    GPUVIGIL_CHECK(file_->drop_segments(tier, to_unix_ns(last_at_ - age), kSegmentsAtOnce));
  }
  GPUVIGIL_CHECK(file_->bound_lists(to_unix_ns(last_at_ - limits.hours)));
  GPUVIGIL_TRY(const auto oldest, file_->oldest_ns());
  if (oldest) status_.oldest = from_unix_ns(*oldest);
  return {};
}

/// Over its size, the finest goes first: a day of seconds is worth less than a year of hours.
Result<void> HistoryWriter::keep_size() {
  GPUVIGIL_TRY(status_.file_bytes, file_->used_bytes());
  if (status_.file_bytes <= options_.limits.bytes) return {};
  for (const TierId tier : {TierId::kRaw, TierId::kMinute, TierId::kHour}) {
    GPUVIGIL_TRY(const std::size_t gone, file_->drop_oldest_segments(tier, kSegmentsAtOnce));
    if (gone > 0) return {};
  }
  return {};
}

void HistoryWriter::failed(const Error& error) {
  ++status_.commits_failed;
  status_.problem = error.message;
  if (!is_failing_) log(LogLevel::kError, "history.failing", {kv("why", error.message)});
  is_failing_ = true;
  if (error.code == Errc::kTooLarge && has_ballast_) {
    ::unlink(ballast_of(options_.path).c_str());
    has_ballast_ = false;
    log(LogLevel::kWarn, "history.ballast_given_back", {});
  }
  if (error.code == Errc::kCorrupt && !options_.path.empty()) {
    log(LogLevel::kError, "history.damaged", {kv("why", error.message)});
    file_.reset();
    set_aside(options_.path, last_at_);
    if (const auto begun = begin_anew(); !begun) status_.problem = begun.error().message;
  }
}

/// A new file. What is in memory goes there in its segments; only a crash before that loses it.
Result<void> HistoryWriter::begin_anew() {
  pending_rows_.clear();
  series_in_file_ = 0;
  for (Part& part : parts_) {
    part.state.forget();
    part.keys.clear();
  }
  GPUVIGIL_TRY(SqliteDatabase db, open_database(options_.path));
  GPUVIGIL_CHECK(migrate_history(db));
  GPUVIGIL_TRY(HistoryFile file, HistoryFile::open(std::move(db)));
  GPUVIGIL_CHECK(file.check_kind(options_.is_simulated));
  file_ = std::make_unique<HistoryFile>(std::move(file));
  return {};
}

void HistoryWriter::update_ballast() {
  const std::uint64_t size = options_.limits.ballast_bytes;
  if (has_ballast_ || size == 0 || options_.path.empty()) return;
  const std::string path = ballast_of(options_.path);
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return;
  // It must not be what fills the disk.
  has_ballast_ = has_room(options_.path, 3 * size) &&
                 ::posix_fallocate(file.get(), 0, static_cast<off_t>(size)) == 0;
  if (!has_ballast_) ::unlink(path.c_str());
}

}  // namespace gpuvigil
