// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "model/frame.h"
#include "model/kernel_query.h"

namespace gpuvigil {

/// The rows that a query chooses from: kernels of the wanted kind over the wanted devices and time,
/// by name, then kind. Over all devices and all time they are the frame's own, uncopied; otherwise
/// they are made, and what only a few are asked for (devices, percentiles of a window) is looked up
/// for those.
///
/// Lives no longer than the frame and the query that it was made from.
/// Threading: one thread.
class Candidates {
 public:
  Candidates(const Frame& frame, const KernelQuery& query);

  [[nodiscard]] std::span<const KernelRow> rows() const { return rows_; }
  /// What the rows really cover.
  [[nodiscard]] const CoveredWindow& window() const { return window_; }

  [[nodiscard]] const std::shared_ptr<const KernelName>& name_of(std::uint32_t row) const {
    return whole_.empty() ? rows_[row].name : frame_.kernels[whole_[row]].name;
  }
  /// What name_of() says, where it lies near the rows' neighbours; for queries by name.
  [[nodiscard]] std::string_view text_of(std::uint32_t row) const {
    if (texts_ == nullptr) return name_of(row)->name;
    return (*texts_)[whole_.empty() ? row : whole_[row]];
  }
  /// Ascending. Of a window: after complete().
  [[nodiscard]] std::vector<std::uint32_t> devices_of(std::uint32_t row) const;

  /// Completes those rows as far as the frame can.
  void complete(std::span<const std::uint32_t> wanted);
  /// The percentiles of this row are known only to the owner of the sketches.
  [[nodiscard]] bool needs_owner(std::uint32_t row) const {
    return !needs_owner_.empty() && needs_owner_[row] != 0;
  }
  void set_percentiles(std::uint32_t row, const Percentiles& known) {
    made_[row].percentiles = known;
    needs_owner_[row] = 0;
  }

 private:
  void over_devices();
  void over_window();
  /// Calls `visit(step, delta)` for everything in the window, always in the same order.
  template <class Visit>
  void for_each_delta(Visit visit) const;
  [[nodiscard]] bool is_selected(std::uint32_t device) const {
    return selected_.empty() || (device < selected_.size() && selected_[device] != 0);
  }

  const Frame& frame_;
  const KernelQuery& query_;
  CoveredWindow window_;
  std::vector<char> selected_;  ///< By device; empty: all.
  std::span<const KernelRow> rows_;
  std::vector<KernelRow> made_;       ///< Behind rows_, unless the frame is.
  std::vector<std::uint32_t> whole_;  ///< Of made rows over devices: the frame's, with the name.
  const KernelNames::Text* texts_ = nullptr;  ///< Of the frame's kernels; null: not needed.
  std::vector<char> needs_owner_;             ///< By row; empty: none does.

  std::vector<std::uint32_t> part_rows_;  ///< Of a window: the row of each delta of each step.
  std::vector<std::vector<std::uint32_t>> window_devices_;  ///< Of completed rows.
};

[[nodiscard]] constexpr bool matches(KindFilter filter, KernelKind kind) {
  switch (filter) {
    case KindFilter::kKernel:
      return is_kernel(kind);
    case KindFilter::kCompute:
      return kind == KernelKind::kCompute;
    case KindFilter::kCollective:
      return kind == KernelKind::kCollective;
    case KindFilter::kMemcpy:
      return kind == KernelKind::kMemcpy;
    case KindFilter::kMemset:
      return kind == KernelKind::kMemset;
    case KindFilter::kAll:
      return true;
  }
  return false;
}

}  // namespace gpuvigil
