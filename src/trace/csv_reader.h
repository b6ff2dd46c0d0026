// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace gpuvigil {

/// Reads comma-separated values row by row: cells may be quoted, hold commas, line ends and quotes
/// (doubled). A byte order mark and empty lines are passed over.
///
/// Memory: one row, at most kMaxRowBytes.
///
/// Threading: one thread.
class CsvReader {
 public:
  static constexpr std::size_t kMaxRowBytes = std::size_t{4} << 20U;
  static constexpr std::size_t kMaxCells = 65'536;

  enum class Row {
    kWhole,
    kCut,      ///< The text ends inside it; nothing of it is in `cells`.
    kTooLong,  ///< Over the limits; the text cannot be followed any further.
    kEnd,
  };

  /// `text` must outlive this.
  explicit CsvReader(ByteSource& text) : text_(text) {}

  /// The next row, whose cells are valid until the next call. Errors: kIo of the source.
  [[nodiscard]] Result<Row> next(std::vector<std::string_view>& cells);

  /// Where the last row began, in bytes and in rows; the first one is row 1.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] std::uint64_t row() const { return row_; }
  /// How many bytes it has.
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  [[nodiscard]] Result<bool> more();
  [[nodiscard]] bool split(std::vector<std::string_view>& cells);

  ByteSource& text_;
  std::string buffer_;
  std::size_t begin_ = 0;  ///< Of what was not given out yet.
  bool has_ended_ = false;
  std::uint64_t offset_ = 0;
  std::uint64_t next_offset_ = 0;
  std::uint64_t row_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace gpuvigil
