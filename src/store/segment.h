// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/column_codec.h"

namespace gpuvigil {

/// The times of a segment's rows, ascending: in nanoseconds since the epoch.
void pack_times(std::span<const std::int64_t> times, std::string& out);

/// A segment is one group of columns over some rows, as it lies in the file:
///
///   version, how many rows and columns, the times, how long each column is, the columns
///
/// so that one column can be read without the others.
inline constexpr std::uint8_t kSegmentVersion = 1;
inline constexpr std::size_t kMaxSegmentRows = 65'536;
inline constexpr std::size_t kMaxSegmentColumns = 64;

/// Puts the parts of a segment together; each of `columns` is what ColumnCodec::pack() made.
[[nodiscard]] std::string make_segment(std::span<const std::int64_t> times,
                                       std::span<const std::string> columns);

/// A segment that is read. Refers to the bytes that it was made of.
class SegmentReader {
 public:
  /// Errors: kCorrupt.
  [[nodiscard]] static Result<SegmentReader> open(std::string_view bytes);

  [[nodiscard]] std::span<const std::int64_t> times() const { return times_; }
  [[nodiscard]] std::size_t columns() const { return columns_.size(); }

  /// Fills `values`, one for each of times(). Requires column < columns(). Errors: kCorrupt.
  [[nodiscard]] Result<void> read(std::size_t column, ColumnCodec& codec,
                                  std::span<double> values) const;

 private:
  std::vector<std::int64_t> times_;
  std::vector<std::string_view> columns_;
};

}  // namespace gpuvigil
