// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gpuvigil {

namespace detail {
struct SqliteConnection;
struct StatementCloser {
  void operator()(void* statement) const;
};
}  // namespace detail

/// A prepared query over a SqliteFile and the row it stands on.
///
/// Threading: as its file, which must outlive it.
class SqliteStatement {
 public:
  /// Steps to the next row: true when there is one, false at the end.
  /// Errors: kCorrupt (the damaged page is named where it can be found, also when the query asks
  /// for more work than the file's size can explain), kTooLarge (a value beyond the limit), kIo.
  [[nodiscard]] Result<bool> step();

  /// Starts over, with `value` for the parameter ?1.
  void restart_with(std::int64_t value);

  /// The value in a column, counted from 0, if it is stored as that type: nothing is converted.
  [[nodiscard]] std::optional<std::int64_t> integer(int column) const;
  /// Valid until the next step.
  [[nodiscard]] std::optional<std::string_view> text(int column) const;

 private:
  friend class SqliteFile;
  explicit SqliteStatement(detail::SqliteConnection& connection) : connection_(&connection) {}

  detail::SqliteConnection* connection_;
  std::unique_ptr<void, detail::StatementCloser> handle_;
};

/// A SQLite database that somebody else wrote, opened to be read and trusted in nothing: read-only
/// and immutable (no journal, no lock, no side file), without extensions, views, triggers or
/// functions of its own, with a small page cache and a budget of work in proportion to its size.
///
/// Threading: one thread at a time.
class SqliteFile {
 public:
  /// Errors: kNotFound, kPermission, kInvalidArgument (a directory or a device), kCorrupt (not
  /// SQLite, or cut short), kIo; each names the file.
  [[nodiscard]] static Result<SqliteFile> open(const std::string& path);

  /// The same from bytes in memory, which must outlive the file; `name` stands in messages.
  [[nodiscard]] static Result<SqliteFile> from_bytes(std::string name,
                                                     std::span<const std::byte> bytes);

  /// Errors: as step(), kInternal for text that is no SQL.
  [[nodiscard]] Result<SqliteStatement> prepare(std::string_view sql);

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] std::uint64_t size_bytes() const;

 private:
  explicit SqliteFile(std::shared_ptr<detail::SqliteConnection> connection)
      : connection_(std::move(connection)) {}

  std::shared_ptr<detail::SqliteConnection> connection_;  ///< Of an incomplete type; not shared.
};

/// A name as it stands in SQL text: quoted, its quotes doubled.
[[nodiscard]] std::string sqlite_quoted(std::string_view identifier);

}  // namespace gpuvigil
