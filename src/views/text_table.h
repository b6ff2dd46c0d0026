// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gpuvigil {

inline constexpr std::size_t kTextColumns = 100;

enum class Align { kLeft, kRight };

/// A table of plain text: columns as wide as what stands in them, two spaces apart, and at most
/// kTextColumns in all; where it would be wider, the column that may fold gives way.
class TextTable {
 public:
  struct Column {
    std::string_view title;
    Align align = Align::kRight;
    bool folds = false;  ///< Of one column at most.
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// One cell a column.
  void add_row(std::vector<std::string> cells);

  [[nodiscard]] bool empty() const { return rows_.empty(); }

  /// Titles and rows, a line each.
  void append_to(std::string& out) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace gpuvigil
