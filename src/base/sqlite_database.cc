// SPDX-License-Identifier: Apache-2.0
#include "base/sqlite_database.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/sqlite_faults.h"
#include "base/unique_fd.h"

namespace gpuvigil {
namespace detail {

struct DatabaseConnection {
  DatabaseConnection() = default;
  DatabaseConnection(const DatabaseConnection&) = delete;
  DatabaseConnection& operator=(const DatabaseConnection&) = delete;
  ~DatabaseConnection() { sqlite3_close_v2(db); }

  sqlite3* db = nullptr;
  std::string name;
  std::function<bool()> is_over;
};

}  // namespace detail

namespace {

using detail::DatabaseConnection;

constexpr int kMaxValueBytes = 64 << 20;
constexpr int kOpsBetweenLooks = 500;
constexpr int kBackupPages = 256;

sqlite3_stmt* raw(void* handle) {
  return static_cast<sqlite3_stmt*>(handle);
}

Errc code_of(int code) {
  switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_CONSTRAINT:  // our own statements break none unless the file is damaged
      return Errc::kCorrupt;
    case SQLITE_FULL:
    case SQLITE_TOOBIG:
    case SQLITE_NOMEM:
      return Errc::kTooLarge;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return Errc::kUnavailable;
    case SQLITE_INTERRUPT:
      return Errc::kTimeout;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return Errc::kPermission;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return Errc::kIo;
    default:
      return Errc::kInternal;
  }
}

std::unexpected<Error> failure(const DatabaseConnection& connection, int code) {
  return fail(code_of(code), fmt::format("{}: {}", connection.name,
                                         connection.db != nullptr ? sqlite3_errmsg(connection.db)
                                                                  : sqlite3_errstr(code)));
}

int on_progress(void* connection) {
  return static_cast<DatabaseConnection*>(connection)->is_over() ? 1 : 0;
}

Result<void> run(DatabaseConnection& connection, const std::string& sql) {
  const int code = sqlite3_exec(connection.db, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(connection, code);
  return {};
}

std::unexpected<Error> system_failure(const std::string& path) {
  const int error = errno;
  Errc code = Errc::kIo;
  if (error == ENOENT || error == ENOTDIR) code = Errc::kNotFound;
  if (error == EACCES || error == EPERM || error == EROFS) code = Errc::kPermission;
  if (error == ENOSPC || error == EDQUOT) code = Errc::kTooLarge;
  if (error == ELOOP) {
    return fail(Errc::kPermission,
                fmt::format("{}: is a symbolic link; name the file itself", path));
  }
  return fail(code, fmt::format("{}: cannot be opened: {}", path, std::strerror(error)));
}

/// SQLite would follow links, and make a file as the umask has it.
Result<void> check_file(const std::string& path, SqliteDatabase::Access access) {
  const bool writes = access == SqliteDatabase::Access::kReadWrite;
  const int flags = (writes ? O_RDWR | O_CREAT : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  struct stat info{};
  // Looked at before it is opened: to close any descriptor of a file ends all locks on it that this
  // process has, those of a connection that is open already too.
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno != ENOENT || !writes) return system_failure(path);
    const UniqueFd file(::open(path.c_str(), flags | O_EXCL, 0600));
    if (!file) return system_failure(path);
    return {};
  }
  if (S_ISLNK(info.st_mode)) {
    errno = ELOOP;
    return system_failure(path);
  }
  if (!S_ISREG(info.st_mode)) {
    return fail(Errc::kInvalidArgument, fmt::format("{}: is not a regular file", path));
  }
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    return fail(Errc::kPermission, fmt::format("{}: belongs to user {}", path, info.st_uid));
  }
  if (::access(path.c_str(), writes ? R_OK | W_OK : R_OK) != 0) return system_failure(path);
  return {};
}

Result<void> configure(DatabaseConnection& connection, const SqliteDatabase::Options& options) {
  sqlite3* db = connection.db;
  for (const auto& [option, value] :
       {std::pair{SQLITE_DBCONFIG_DEFENSIVE, 1}, std::pair{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        std::pair{SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        std::pair{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, std::pair{SQLITE_DBCONFIG_ENABLE_VIEW, 0}}) {
    sqlite3_db_config(db, option, value, nullptr);
  }
  sqlite3_extended_result_codes(db, 1);
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 1);  // VACUUM attaches its own
  sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
  const auto patience =
      std::chrono::duration_cast<std::chrono::milliseconds>(options.patience).count();
  sqlite3_busy_timeout(db, static_cast<int>(patience));
  return run(connection,
             fmt::format("PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; PRAGMA "
                         "automatic_index=OFF; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-{}",
                         options.cache_kib));
}

/// A row ahead of it is lost only with the machine, and then at most what was not yet in the file.
Result<void> prepare_to_write(DatabaseConnection& connection,
                              const SqliteDatabase::Options& options) {
  return run(connection,
             fmt::format("PRAGMA page_size={}; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                         "PRAGMA foreign_keys=OFF; PRAGMA journal_size_limit=8388608",
                         options.page_bytes));
}

}  // namespace

SqliteQuery::~SqliteQuery() {
  sqlite3_finalize(raw(handle_));
}

SqliteQuery::SqliteQuery(SqliteQuery&& other) noexcept
    : connection_(other.connection_), handle_(std::exchange(other.handle_, nullptr)) {}

SqliteQuery& SqliteQuery::operator=(SqliteQuery&& other) noexcept {
  std::swap(connection_, other.connection_);
  std::swap(handle_, other.handle_);
  return *this;
}

SqliteQuery& SqliteQuery::bind(int parameter, std::int64_t value) {
  sqlite3_bind_int64(raw(handle_), parameter, value);
  return *this;
}

SqliteQuery& SqliteQuery::bind(int parameter, double value) {
  sqlite3_bind_double(raw(handle_), parameter, value);
  return *this;
}

SqliteQuery& SqliteQuery::bind_text(int parameter, std::string_view text) {
  sqlite3_bind_text64(raw(handle_), parameter, text.empty() ? "" : text.data(), text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

SqliteQuery& SqliteQuery::bind_blob(int parameter, std::string_view blob) {
  sqlite3_bind_blob64(raw(handle_), parameter, blob.empty() ? "" : blob.data(), blob.size(),
                      SQLITE_STATIC);
  return *this;
}

SqliteQuery& SqliteQuery::bind_null(int parameter) {
  sqlite3_bind_null(raw(handle_), parameter);
  return *this;
}

Result<bool> SqliteQuery::step() {
  GPUVIGIL_ASSERT(handle_ != nullptr);
  const int code = sqlite3_step(raw(handle_));
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(raw(handle_));
    return false;
  }
  auto failed = failure(*connection_, code);
  sqlite3_reset(raw(handle_));
  return failed;
}

Result<void> SqliteQuery::run() {
  while (true) {
    GPUVIGIL_TRY(const bool more, step());
    if (!more) return {};
  }
}

void SqliteQuery::reset() {
  sqlite3_reset(raw(handle_));
}

std::int64_t SqliteQuery::integer(int column) const {
  return sqlite3_column_int64(raw(handle_), column);
}

double SqliteQuery::real(int column) const {
  return sqlite3_column_double(raw(handle_), column);
}

bool SqliteQuery::is_null(int column) const {
  return sqlite3_column_type(raw(handle_), column) == SQLITE_NULL;
}

std::string_view SqliteQuery::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(raw(handle_), column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(raw(handle_), column))};
}

Result<SqliteDatabase> SqliteDatabase::open(const std::string& path, const Options& options) {
  GPUVIGIL_CHECK(check_file(path, options.access));
  auto connection = std::make_shared<DatabaseConnection>();
  connection->name = path;
  const bool writes = options.access == Access::kReadWrite;
  const int flags = (writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX |
                    SQLITE_OPEN_PRIVATECACHE;
  const int code = sqlite3_open_v2(path.c_str(), &connection->db, flags, faulty_vfs_name());
  if (code != SQLITE_OK) return failure(*connection, code);
  GPUVIGIL_CHECK(configure(*connection, options));
  if (writes) GPUVIGIL_CHECK(prepare_to_write(*connection, options));
  return SqliteDatabase(std::move(connection));
}

Result<SqliteDatabase> SqliteDatabase::in_memory() {
  auto connection = std::make_shared<DatabaseConnection>();
  connection->name = "history in memory";
  const int code = sqlite3_open_v2(":memory:", &connection->db,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) return failure(*connection, code);
  GPUVIGIL_CHECK(configure(*connection, {}));
  return SqliteDatabase(std::move(connection));
}

Result<void> SqliteDatabase::execute(const std::string& sql) {
  return run(*connection_, sql);
}

Result<SqliteQuery> SqliteDatabase::prepare(std::string_view sql) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(connection_->db, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  SqliteQuery query;
  query.connection_ = connection_.get();
  query.handle_ = handle;
  if (code != SQLITE_OK) return failure(*connection_, code);
  return query;
}

Result<std::int64_t> SqliteDatabase::number(std::string_view sql) {
  GPUVIGIL_TRY(SqliteQuery query, prepare(sql));
  GPUVIGIL_TRY(const bool found, query.step());
  if (!found) return fail(Errc::kCorrupt, fmt::format("{}: no answer to {}", name(), sql));
  return query.integer(0);
}

void SqliteDatabase::set_limit(std::function<bool()> is_over) {
  connection_->is_over = std::move(is_over);
  const bool limited = static_cast<bool>(connection_->is_over);
  sqlite3_progress_handler(connection_->db, limited ? kOpsBetweenLooks : 0,
                           limited ? &on_progress : nullptr, connection_.get());
}

Result<void> SqliteDatabase::backup_to(const std::string& path) {
  const UniqueFd made(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!made && errno == EEXIST) {
    return fail(Errc::kInvalidArgument, fmt::format("{}: is there already", path));
  }
  if (!made) return system_failure(path);
  DatabaseConnection target;
  target.name = path;
  int code = sqlite3_open_v2(path.c_str(), &target.db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             nullptr);
  if (code != SQLITE_OK) return failure(target, code);
  // Read in one transaction: pages that are copied while others write would be begun anew.
  GPUVIGIL_CHECK(run(*connection_, "BEGIN; SELECT count(*) FROM sqlite_schema"));
  sqlite3_backup* backup = sqlite3_backup_init(target.db, "main", connection_->db, "main");
  if (backup == nullptr) {
    code = sqlite3_errcode(target.db);
  } else {
    do {
      code = sqlite3_backup_step(backup, kBackupPages);
    } while (code == SQLITE_OK);
    sqlite3_backup_finish(backup);
  }
  const auto ended = run(*connection_, "COMMIT");
  if (code != SQLITE_DONE) {
    auto failed = failure(target, code);
    ::unlink(path.c_str());
    return failed;
  }
  return ended;
}

Result<void> SqliteDatabase::checkpoint() {
  const int code = sqlite3_wal_checkpoint_v2(connection_->db, nullptr, SQLITE_CHECKPOINT_TRUNCATE,
                                             nullptr, nullptr);
  if (code != SQLITE_OK && code != SQLITE_BUSY) return failure(*connection_, code);
  return {};
}

const std::string& SqliteDatabase::name() const {
  return connection_->name;
}

}  // namespace gpuvigil
