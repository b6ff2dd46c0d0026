// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace gpuvigil {

namespace detail {
struct DatabaseConnection;
}

/// A prepared statement of a SqliteDatabase, which must outlive it. Parameters are counted from 1,
/// columns from 0. Texts and blobs that are bound must live until the statement has run.
///
/// Threading: as its database.
class SqliteQuery {
 public:
  SqliteQuery() = default;
  ~SqliteQuery();
  SqliteQuery(SqliteQuery&& other) noexcept;
  SqliteQuery& operator=(SqliteQuery&& other) noexcept;

  SqliteQuery& bind(int parameter, std::int64_t value);
  SqliteQuery& bind(int parameter, double value);
  SqliteQuery& bind_text(int parameter, std::string_view text);
  SqliteQuery& bind_blob(int parameter, std::string_view blob);
  SqliteQuery& bind_null(int parameter);

  /// Steps to the next row: true when there is one; false at the end, and the statement begins
  /// anew. Errors: as SqliteDatabase::execute(); then too the statement begins anew.
  [[nodiscard]] Result<bool> step();

  /// Runs to the end, whatever rows there are.
  [[nodiscard]] Result<void> run();

  /// Begins anew before the end was reached; what is bound stays.
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  /// Text or blob; valid until the next step.
  [[nodiscard]] std::string_view bytes(int column) const;

 private:
  friend class SqliteDatabase;
  detail::DatabaseConnection* connection_ = nullptr;
  void* handle_ = nullptr;
};

/// A SQLite database of our own: written ahead of (WAL) by one connection, read by others.
///
/// Files are made with mode 0600, are never followed through a symbolic link in the last place of
/// their path, and must belong to this user or root.
/// Threading: one thread at a time.
class SqliteDatabase {
 public:
  enum class Access { kReadOnly, kReadWrite };
  struct Options {
    Access access = Access::kReadWrite;
    int page_bytes = 4096;  ///< Of a file that is made.
    int cache_kib = 2048;
    Duration patience = std::chrono::seconds(2);  ///< With another connection that writes.
  };

  /// Opens, and for writing makes, the file.
  /// Errors: kNotFound, kPermission (also a link, or somebody else's), kInvalidArgument (not a
  /// regular file), kCorrupt (not SQLite), kIo.
  [[nodiscard]] static Result<SqliteDatabase> open(const std::string& path, const Options& options);

  /// One that lives in memory, and as long as this object.
  [[nodiscard]] static Result<SqliteDatabase> in_memory();

  /// Runs statements that have no parameters; rows are dropped.
  /// Errors: kCorrupt (damaged, or no database), kTooLarge (no room on the disk, or beyond a
  /// limit), kUnavailable (another connection holds it), kTimeout (the time limit), kPermission,
  /// kIo, kInternal (text that is no SQL).
  [[nodiscard]] Result<void> execute(const std::string& sql);

  /// Errors: as execute().
  [[nodiscard]] Result<SqliteQuery> prepare(std::string_view sql);

  /// The one number of a query such as a pragma. Errors: as execute(); kCorrupt without a row.
  [[nodiscard]] Result<std::int64_t> number(std::string_view sql);

  /// From now on statements end with kTimeout once `is_over` says so; it is asked every few
  /// hundred steps of SQLite's machine. Null: no limit.
  void set_limit(std::function<bool()> is_over);

  /// Copies everything into a new file while others go on writing; the copy is of one moment.
  /// Errors: as execute(); kInvalidArgument when the file is there already.
  [[nodiscard]] Result<void> backup_to(const std::string& path);

  /// Moves what was written ahead into the file, and cuts the other one off where nobody reads.
  [[nodiscard]] Result<void> checkpoint();

  [[nodiscard]] const std::string& name() const;

 private:
  explicit SqliteDatabase(std::shared_ptr<detail::DatabaseConnection> connection)
      : connection_(std::move(connection)) {}

  std::shared_ptr<detail::DatabaseConnection> connection_;  ///< Of an incomplete type; not shared.
};

}  // namespace gpuvigil
