// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gpuvigil {

/// What a row is told against: the last value of each column.
struct RowState {
  struct Column {
    std::int64_t number = 0;
    std::uint8_t exponent = kNone;
  };
  static constexpr std::uint8_t kNone = 0xFF;  ///< Nothing is known of the column.
  std::vector<Column> columns;

  /// The next row stands for itself.
  void forget() { columns.clear(); }
};

/// Appends one value of each column to `out`, about a byte each: what is not sealed yet is made
/// durable in this shape, a row a second. Columns beyond those of the last row are new.
void pack_row(std::span<const double> row, RowState& state, std::string& out);

/// The row back, bit by bit. Errors: kCorrupt.
[[nodiscard]] Result<void> unpack_row(std::string_view packed, RowState& state,
                                      std::vector<double>& row);

/// No more columns than this are read.
inline constexpr std::size_t kMaxRowColumns = 1U << 20U;

}  // namespace gpuvigil
