// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "gpuvigil/segment.h"
#include "profile/extras_ledger.h"
#include "profile/row_ledger.h"
#include "profile/segment_copy.h"
#include "profile/segment_delta.h"

namespace gpuvigil {

/// Reads one segment again and again, and tells what is new.
///
/// Every byte of a segment is hostile: it is copied, and only the copy is looked at. What cannot be
/// a segment is an error, after which it is not to be read again.
///
/// Threading: one thread at a time.
class SegmentReader {
 public:
  /// Looks at the parts that never change. Errors: those of read_layout().
  [[nodiscard]] static Result<SegmentReader> open(SharedBytes segment);

  /// What is new since the last time; nothing while its writer is writing. `is_last`: the writer
  /// has gone, so whatever stands there is final. Errors: kCorrupt.
  [[nodiscard]] Result<SegmentDelta> read(SharedBytes segment, const SegmentTime& time,
                                          bool is_last);

  /// The parts that never change, as they were looked at.
  [[nodiscard]] const gpuvigil_segment_header& layout() const { return layout_; }

  /// "sdk", "cuda" or "opencl".
  [[nodiscard]] std::string_view writer() const;

 private:
  explicit SegmentReader(const gpuvigil_segment_header& layout)
      : layout_(layout), extras_(layout) {}

  void take_devices(SegmentDelta& delta);
  void take_new_rows(SegmentDelta& delta);
  Result<void> take_changes(const SegmentTime& time, SegmentDelta& delta);
  Result<void> own_pages(std::uint32_t index, const gpuvigil_segment_row& row);
  Result<void> take_recent(const SegmentTime& time, SegmentDelta& delta);
  void take_busy(const SegmentTime& time, SegmentDelta& delta);
  void take_losses(SegmentDelta& delta);

  gpuvigil_segment_header layout_;
  SegmentSeen seen_;
  SegmentCopy copy_;  ///< Kept for its memory.
  std::vector<RowLedger> ledgers_;
  ExtrasLedger extras_;
  std::vector<std::uint32_t> page_owners_;  ///< By place: 1 + 9 x row + page; 0: nobody's.
  std::array<std::array<std::uint64_t, 2>, 64> busy_ns_{};  ///< Of kernels, and of all, as told.
  std::uint64_t covered_until_ns_ = 0;
  std::array<std::uint64_t, GPUVIGIL_LOSSES> losses_{};
  std::uint64_t calls_ = 0;
  bool has_read_ = false;
};

}  // namespace gpuvigil
