// SPDX-License-Identifier: Apache-2.0
#include "base/sqlite.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/failpoint.h"
#include "base/file.h"

namespace gpuvigil {
namespace detail {

/// The open database and what is left of its budget of work.
struct SqliteConnection {
  SqliteConnection() = default;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;
  ~SqliteConnection() { sqlite3_close_v2(db); }

  sqlite3* db = nullptr;
  std::string name;
  std::uint64_t size_bytes = 0;
  std::uint64_t ticks_left = 0;  ///< In units of kOpsPerTick.
};

void StatementCloser::operator()(void* statement) const {
  sqlite3_finalize(static_cast<sqlite3_stmt*>(statement));
}

}  // namespace detail

namespace {

using detail::SqliteConnection;

constexpr std::size_t kHeaderBytes = 100;
constexpr std::string_view kMagic("SQLite format 3\0", 16);
constexpr int kCacheKib = 8192;
constexpr int kMaxValueBytes = 16 << 20;
constexpr int kOpsPerTick = 10'000;

/// A row of a sound file takes at least ten bytes and a scan spends some forty instructions of
/// SQLite's machine on it. Damaged pages that refer to one another in loops ask for far more.
constexpr std::uint64_t kOpsPerByte = 40;
constexpr std::uint64_t kOpsAlways = 5'000'000;
constexpr std::uint64_t kOpsToFindDamage = 5'000'000;

std::uint32_t big_endian(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (const std::byte b : bytes) value = value << 8U | std::to_integer<std::uint32_t>(b);
  return value;
}

sqlite3_stmt* raw(void* handle) {
  return static_cast<sqlite3_stmt*>(handle);
}

int on_tick(void* connection) {
  auto& ticks_left = static_cast<SqliteConnection*>(connection)->ticks_left;
  if (ticks_left == 0) return 1;
  --ticks_left;
  return 0;
}

/// The first complaint of SQLite's own check, which names a page; empty when it finds none.
std::string find_damage(SqliteConnection& connection) {
  connection.ticks_left = kOpsToFindDamage / kOpsPerTick;
  sqlite3_stmt* check = nullptr;
  std::string found;
  if (sqlite3_prepare_v2(connection.db, "PRAGMA quick_check(1)", -1, &check, nullptr) ==
          SQLITE_OK &&
      sqlite3_step(check) == SQLITE_ROW) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(check, 0));
    found = text != nullptr ? text : "";
  }
  sqlite3_finalize(check);
  connection.ticks_left = 0;
  if (found == "ok") return "";
  if (found.starts_with("***")) found.erase(0, found.find('\n') + 1);
  return found.substr(0, found.find('\n'));
}

std::unexpected<Error> sqlite_error(SqliteConnection& connection, int code) {
  const std::string& name = connection.name;
  switch (code & 0xFF) {
    case SQLITE_CORRUPT: {
      const std::string where = find_damage(connection);
      return fail(Errc::kCorrupt, fmt::format("{}: damaged SQLite file{}{}; export it again", name,
                                              where.empty() ? "" : ": ", where));
    }
    case SQLITE_INTERRUPT:
      return fail(Errc::kCorrupt, fmt::format("{}: damaged SQLite file: reading its {} bytes does "
                                              "not come to an end; export it again",
                                              name, connection.size_bytes));
    case SQLITE_NOTADB:
      return fail(Errc::kCorrupt, fmt::format("{}: not a SQLite file", name));
    case SQLITE_TOOBIG:
      return fail(Errc::kTooLarge,
                  fmt::format("{}: a value is larger than {} MiB", name, kMaxValueBytes >> 20));
    case SQLITE_NOMEM:
      return fail(Errc::kTooLarge, fmt::format("{}: not enough memory to read it", name));
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return fail(Errc::kIo,
                  fmt::format("{}: cannot be read: {}", name, sqlite3_errmsg(connection.db)));
    default:
      return fail(Errc::kInternal, fmt::format("{}: {}", name, sqlite3_errmsg(connection.db)));
  }
}

/// SQLite opens by URI, in which these characters mean something.
std::string file_uri(const std::string& path) {
  std::string uri = path.starts_with('/') ? "file://" : "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

/// What the first hundred bytes promise (https://sqlite.org/fileformat2.html, 1.3), against what
/// is there: SQLite itself would say of all this only that something is malformed.
Result<void> check_header(const std::string& name, std::span<const std::byte> header,
                          std::uint64_t size) {
  const bool has_magic = header.size() >= kMagic.size() &&
                         std::memcmp(header.data(), kMagic.data(), kMagic.size()) == 0;
  if (!has_magic) return fail(Errc::kCorrupt, fmt::format("{}: byte 0: not a SQLite file", name));
  if (header.size() < kHeaderBytes) {
    return fail(Errc::kCorrupt, fmt::format("{}: cut short: {} bytes are less than the header of "
                                            "a SQLite file; export it again",
                                            name, size));
  }
  const std::uint32_t stored_page_size = big_endian(header.subspan(16, 2));
  const std::uint64_t page_size = stored_page_size == 1 ? 65536 : stored_page_size;
  const std::uint64_t pages = big_endian(header.subspan(28, 4));
  const bool pages_are_valid =
      big_endian(header.subspan(24, 4)) == big_endian(header.subspan(92, 4));
  if (pages_are_valid && pages * page_size > size) {
    return fail(Errc::kCorrupt,
                fmt::format("{}: cut short: its header tells of {} bytes, the file has {}; copy or "
                            "export it again",
                            name, pages * page_size, size));
  }
  return {};
}

Result<void> run(SqliteConnection& connection, const char* sql) {
  const int code = sqlite3_exec(connection.db, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(connection, code);
  return {};
}

Result<void> distrust(SqliteConnection& connection) {
  sqlite3* db = connection.db;
  for (const auto& [option, value] :
       {std::pair{SQLITE_DBCONFIG_DEFENSIVE, 1}, std::pair{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        std::pair{SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        std::pair{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, std::pair{SQLITE_DBCONFIG_ENABLE_VIEW, 0}}) {
    sqlite3_db_config(db, option, value, nullptr);
  }
  for (const auto& [limit, value] :
       {std::pair{SQLITE_LIMIT_LENGTH, kMaxValueBytes}, std::pair{SQLITE_LIMIT_SQL_LENGTH, 1 << 20},
        std::pair{SQLITE_LIMIT_EXPR_DEPTH, 100}, std::pair{SQLITE_LIMIT_ATTACHED, 0},
        std::pair{SQLITE_LIMIT_WORKER_THREADS, 0}}) {
    sqlite3_limit(db, limit, value);
  }
  connection.ticks_left = (kOpsAlways + connection.size_bytes * kOpsPerByte) / kOpsPerTick;
  sqlite3_progress_handler(db, kOpsPerTick, &on_tick, &connection);
  const std::string settings = fmt::format(
      "PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA automatic_index=OFF;"
      "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-{}",
      kCacheKib);
  return run(connection, settings.c_str());
}

}  // namespace

Result<bool> SqliteStatement::step() {
  if (failpoint("sqlite.step")) {
    return fail(Errc::kIo, fmt::format("{}: cannot be read: failpoint", connection_->name));
  }
  const int code = sqlite3_step(raw(handle_.get()));
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return sqlite_error(*connection_, code);
}

void SqliteStatement::restart_with(std::int64_t value) {
  sqlite3_reset(raw(handle_.get()));  // its result repeats the error that step() returned
  sqlite3_bind_int64(raw(handle_.get()), 1, value);
}

std::optional<std::int64_t> SqliteStatement::integer(int column) const {
  sqlite3_stmt* statement = raw(handle_.get());
  if (sqlite3_column_type(statement, column) != SQLITE_INTEGER) return std::nullopt;
  return sqlite3_column_int64(statement, column);
}

std::optional<std::string_view> SqliteStatement::text(int column) const {
  sqlite3_stmt* statement = raw(handle_.get());
  if (sqlite3_column_type(statement, column) != SQLITE_TEXT) return std::nullopt;
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  if (text == nullptr) return std::nullopt;
  return std::string_view(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
}

Result<SqliteFile> SqliteFile::open(const std::string& path) {
  GPUVIGIL_TRY(const FileSource file, FileSource::open(path));
  GPUVIGIL_TRY(const std::string header, file.head(kHeaderBytes));
  GPUVIGIL_CHECK(check_header(path, std::as_bytes(std::span(header)), file.file_size()));
  auto connection = std::make_shared<SqliteConnection>();
  connection->name = path;
  connection->size_bytes = file.file_size();

  constexpr int kFlags =
      SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  const int code = sqlite3_open_v2(file_uri(path).c_str(), &connection->db, kFlags, nullptr);
  if (code != SQLITE_OK) return sqlite_error(*connection, code);
  GPUVIGIL_CHECK(distrust(*connection));
  return SqliteFile(std::move(connection));
}

Result<SqliteFile> SqliteFile::from_bytes(std::string name, std::span<const std::byte> bytes) {
  GPUVIGIL_CHECK(
      check_header(name, bytes.first(std::min(bytes.size(), kHeaderBytes)), bytes.size()));
  auto connection = std::make_shared<SqliteConnection>();
  connection->name = std::move(name);
  connection->size_bytes = bytes.size();
  int code = sqlite3_open_v2(":memory:", &connection->db,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) return sqlite_error(*connection, code);
  // SQLite takes a pointer to non-const also where it promises, by the flag, not to write.
  auto* data = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(bytes.data()));
  const auto size = static_cast<sqlite3_int64>(bytes.size());
  code = sqlite3_deserialize(connection->db, "main", data, size, size, SQLITE_DESERIALIZE_READONLY);
  if (code != SQLITE_OK) return sqlite_error(*connection, code);
  GPUVIGIL_CHECK(distrust(*connection));
  return SqliteFile(std::move(connection));
}

Result<SqliteStatement> SqliteFile::prepare(std::string_view sql) {
  SqliteStatement statement(*connection_);
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v2(connection_->db, sql.data(), static_cast<int>(sql.size()),
                                      &handle, nullptr);
  statement.handle_.reset(handle);
  if (code != SQLITE_OK) return sqlite_error(*connection_, code);
  return statement;
}

const std::string& SqliteFile::name() const {
  return connection_->name;
}
std::uint64_t SqliteFile::size_bytes() const {
  return connection_->size_bytes;
}

std::string sqlite_quoted(std::string_view identifier) {
  std::string quoted = "\"";
  for (const char c : identifier) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace gpuvigil
