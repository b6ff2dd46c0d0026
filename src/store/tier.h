// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/column_codec.h"

namespace gpuvigil {

/// Rows of one fineness: raw values, or what they are rolled up into.
enum class TierId : std::int64_t { kRaw = 0, kMinute = 1, kHour = 2 };

inline constexpr std::size_t kTiers = 3;

struct TierShape {
  TierId id = TierId::kRaw;
  std::size_t columns_per_series = 1;
  std::size_t rows_per_segment = 2048;  ///< At least 16.
};

/// A segment that is ready to be kept.
struct SealedSegment {
  TierId tier = TierId::kRaw;
  std::size_t group = 0;
  std::int64_t from_ns = 0;  ///< Of the first row.
  std::int64_t to_ns = 0;    ///< Of the last row.
  std::string bytes;         ///< Empty: it held no value at all, nothing needs to be kept.
};

/// Rows and one column of them.
struct ColumnCopy {
  std::vector<std::int64_t> times;
  std::vector<double> values;
};

/// The newest rows of one tier, in memory: columns in groups of a few that become segments
/// together, each at its own time, one column a call. No append has to wait for much, however many
/// series there are.
///
/// Threading: one thread. **Invariants:** times ascend; every column of a group begins with the
/// same row.
class Tier {
 public:
  /// How many columns make a group: of at most 16, whole series.
  [[nodiscard]] static std::size_t group_columns(std::size_t columns_per_series) {
    return 16 / columns_per_series * columns_per_series;
  }

  explicit Tier(const TierShape& shape);

  [[nodiscard]] const TierShape& shape() const { return shape_; }
  [[nodiscard]] std::size_t columns() const { return columns_.size(); }
  [[nodiscard]] std::size_t rows() const { return times_.size(); }
  [[nodiscard]] std::optional<std::int64_t> newest_ns() const {
    return times_.empty() ? std::nullopt : std::optional(times_.back());
  }

  /// There are that many series from now on; never fewer.
  void set_series(std::size_t count);

  /// Another row: one value a column, or fewer, the others being absent.
  /// Requires `at` later than the last row.
  void append(Timestamp at, std::span<const double> row);

  /// Packs at most `budget` columns of what is due and adds the segments that are whole now.
  void seal_some(ColumnCodec& codec, std::size_t budget, std::vector<SealedSegment>& done);

  /// How many columns to pack with each row so that nothing falls behind.
  [[nodiscard]] std::size_t steady_budget() const;

  /// Rows up to and with this time lie in segments already: the group begins after them.
  void trim(std::size_t group, std::int64_t to_ns);

  /// Drops the oldest rows while there are more than `most`; how many went.
  std::size_t drop_beyond(std::size_t most);

  /// The first time that is in no segment yet; nothing without rows.
  [[nodiscard]] std::optional<std::int64_t> first_unsealed_ns() const;

  /// The rows of one column with from <= time < to.
  void copy(std::size_t column, std::int64_t from_ns, std::int64_t to_ns, ColumnCopy& into) const;

  /// More rows in a segment from now on, or fewer.
  void set_rows_per_segment(std::size_t rows) { shape_.rows_per_segment = rows; }

 private:
  struct Group {
    std::uint64_t first = 0;  ///< The number of its first row.
    std::size_t due = 0;      ///< Rows at which the next segment is begun.
    std::size_t sealing = 0;  ///< Rows of the segment that is being packed; 0: none is.
    std::vector<std::string> packed;
  };

  [[nodiscard]] std::size_t rows_of(const Group& group) const;
  [[nodiscard]] std::span<const std::int64_t> times_of(const Group& group) const;
  void drop_front(std::size_t index, std::size_t rows);
  void finish(std::size_t index, std::vector<SealedSegment>& done);
  void forget_unused_times();

  TierShape shape_;
  std::size_t group_columns_;
  std::uint64_t base_ = 0;  ///< The number of the row at times_[0].
  std::vector<std::int64_t> times_;
  std::vector<std::vector<double>> columns_;
  std::vector<Group> groups_;
  std::size_t turn_ = 0;  ///< The group that is looked at first.
};

}  // namespace gpuvigil
