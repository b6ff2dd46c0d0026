// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sqlite.h"

namespace gpuvigil::detail {

/// A table of an export, as far as a reader asks.
struct NsightTable {
  std::set<std::string, std::less<>> columns;
  std::vector<std::string> key;  ///< Columns of its primary key.
};

/// Which tables and columns an export has. Views, virtual tables and computed columns do not
/// count: no version of nsys writes them, and reading them would run what the file says.
class NsightSchema {
 public:
  /// Errors: those of SqliteFile, kTooLarge beyond 4096 tables.
  [[nodiscard]] static Result<NsightSchema> read(SqliteFile& file);

  [[nodiscard]] bool has(std::string_view table) const { return tables_.contains(table); }
  [[nodiscard]] bool has(std::string_view table, std::string_view column) const;

  /// All rows with these columns, in this order and NULL for each that the table lacks; nothing
  /// without the table.
  [[nodiscard]] Result<std::optional<SqliteStatement>> select(
      SqliteFile& file, std::string_view table, std::span<const char* const> columns) const;

  [[nodiscard]] const std::map<std::string, NsightTable, std::less<>>& tables() const {
    return tables_;
  }

 private:
  std::map<std::string, NsightTable, std::less<>> tables_;
};

}  // namespace gpuvigil::detail
