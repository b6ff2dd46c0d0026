// SPDX-License-Identifier: Apache-2.0
#include "trace/nsight_schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace gpuvigil::detail {
namespace {

constexpr std::size_t kMaxTables = 4096;

}  // namespace

Result<NsightSchema> NsightSchema::read(SqliteFile& file) {
  NsightSchema schema;
  {
    GPUVIGIL_TRY(auto tables, file.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' "
                                           "AND rootpage > 0 AND name NOT LIKE 'sqlite%'"));
    while (true) {
      GPUVIGIL_TRY(const bool more, tables.step());
      if (!more) break;
      if (const auto name = tables.text(0)) schema.tables_.try_emplace(std::string(*name));
      if (schema.tables_.size() > kMaxTables) {
        return fail(Errc::kTooLarge,
                    fmt::format("{}: more than {} tables", file.name(), kMaxTables));
      }
    }
  }
  for (auto& [name, table] : schema.tables_) {
    GPUVIGIL_TRY(auto columns,
                 file.prepare(fmt::format("PRAGMA table_info({})", sqlite_quoted(name))));
    while (true) {
      GPUVIGIL_TRY(const bool more, columns.step());
      if (!more) break;
      const std::string column(columns.text(1).value_or(""));
      table.columns.insert(column);
      if (columns.integer(5).value_or(0) > 0) table.key.push_back(column);
    }
  }
  return schema;
}

bool NsightSchema::has(std::string_view table, std::string_view column) const {
  const auto found = tables_.find(table);
  return found != tables_.end() && found->second.columns.contains(column);
}

Result<std::optional<SqliteStatement>> NsightSchema::select(
    SqliteFile& file, std::string_view table, std::span<const char* const> columns) const {
  if (!has(table)) return std::nullopt;
  std::vector<std::string> terms;
  for (const char* column : columns) {
    terms.push_back(has(table, column) ? sqlite_quoted(column) : "NULL");
  }
  GPUVIGIL_TRY(auto statement, file.prepare(fmt::format("SELECT {} FROM {}", fmt::join(terms, ", "),
                                                        sqlite_quoted(table))));
  return statement;
}

}  // namespace gpuvigil::detail
