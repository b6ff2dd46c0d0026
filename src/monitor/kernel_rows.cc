// SPDX-License-Identifier: Apache-2.0
// What KernelTable shows: rows, windows, sketches.
#include <algorithm>

#include "monitor/kernel_table.h"

namespace gpuvigil {

SeriesRow KernelTable::row_of(const Series& series) const {
  return {.kernel = kernels_[series.kernel].row,
          .device = series.key->device,
          .counters = series.counters,
          .percentiles = series.percentiles,
          .last_end = series.counters.calls > 0 ? series.last_end : Timestamp{},
          .last_duration_ns = series.last_duration_ns};
}

void KernelTable::update_rows() {
  changed_since_rows_.drain([&](std::uint32_t slot) {
    Series& series = series_[slot];
    series.percentiles = percentiles(series.sketch, series.counters.min_ns, series.counters.max_ns);
    changed_kernels_.insert(series.kernel);
    if (!layout_changed_) series_rows_[series.row] = row_of(series);
  });
  const bool laid_out = layout_changed_;
  if (laid_out) lay_out_rows();
  changed_kernels_.drain([&](std::uint32_t kernel) {
    if (!laid_out) write_kernel_sums(kernel);
    write_kernel_percentiles(kernel);
  });
}

/// All rows anew: something came or went, so that the others stand elsewhere.
void KernelTable::lay_out_rows() {
  names_ = std::make_shared<KernelNames>();
  kernel_rows_.clear();
  series_rows_.clear();
  kernel_rows_.reserve(kernel_order_.size());
  series_rows_.reserve(series_.size());
  for (const std::uint32_t index : kernel_order_) {
    Kernel& kernel = kernels_[index];
    kernel.row = static_cast<std::uint32_t>(kernel_rows_.size());
    KernelRow row;
    row.name = kernel.name;
    row.kind = kernel.kind;
    row.first_series = static_cast<std::uint32_t>(series_rows_.size());
    row.series_count = static_cast<std::uint32_t>(kernel.series.size());
    row.percentiles = kernel.percentiles;
    kernel_rows_.push_back(std::move(row));
    for (const auto& [device, slot] : kernel.series) {
      series_[slot].row = static_cast<std::uint32_t>(series_rows_.size());
      series_rows_.push_back(row_of(series_[slot]));
    }
    write_kernel_sums(index);
  }
  layout_changed_ = false;
}

void KernelTable::write_kernel_sums(std::uint32_t index) {
  KernelRow& row = kernel_rows_[kernels_[index].row];
  row.counters = {};
  row.last_end = {};
  row.last_duration_ns = 0;
  bool ran = false;
  for (std::uint32_t i = 0; i < row.series_count; ++i) {
    const SeriesRow& series = series_rows_[row.first_series + i];
    row.counters.merge(series.counters);
    if (series.counters.calls == 0 || (ran && series.last_end < row.last_end)) continue;
    ran = true;
    row.last_end = series.last_end;
    row.last_duration_ns = series.last_duration_ns;
  }
}

void KernelTable::write_kernel_percentiles(std::uint32_t index) {
  Kernel& kernel = kernels_[index];
  KernelRow& row = kernel_rows_[kernel.row];
  kernel.percentiles = row.series_count == 1
                           ? series_rows_[row.first_series].percentiles
                           : percentiles(kernel.sketch, row.counters.min_ns, row.counters.max_ns);
  row.percentiles = kernel.percentiles;
}

LadderStep KernelTable::take_delta(Timestamp from, Timestamp to) {
  WindowDelta delta;
  delta.from = from;
  delta.to = to;
  std::vector<std::uint64_t> order;
  const std::size_t changed = changed_since_delta_.size();
  delta.series.reserve(changed);
  order.reserve(changed);
  delta_scratch_.clear();
  changed_since_delta_.drain([&](std::uint32_t slot) {
    Series& series = series_[slot];
    const auto first = static_cast<std::uint32_t>(delta_scratch_.size());
    series.delta_buckets.take(delta_pool_, delta_scratch_);
    delta.series.push_back(
        {.key = series.key,
         .counters = series.delta,
         .last_end = series.last_end,
         .first_bucket = first,
         .bucket_count = static_cast<std::uint32_t>(delta_scratch_.size()) - first});
    series.delta = {};
    order.push_back((std::uint64_t{slot} << 32U) | series.generation);
  });
  delta.buckets = delta_scratch_;  // exactly as large as it has to be
  delta_pool_.clear();
  ++tick_;
  return {std::make_shared<const WindowDelta>(std::move(delta)),
          std::make_shared<const std::vector<std::uint64_t>>(std::move(order))};
}

KernelCounters KernelTable::counters_of(std::uint64_t kernel_id, KernelKind kind) const {
  KernelCounters counters;
  const auto kernel = by_id_.find(id_key(kernel_id, kind));
  if (kernel == by_id_.end()) return counters;
  for (const auto& [device, slot] : kernels_[kernel->second].series) {
    counters.merge(series_[slot].counters);
  }
  return counters;
}

std::optional<KernelTable::SketchAndExtremes> KernelTable::sketch_of(
    std::uint64_t kernel_id, KernelKind kind, std::span<const std::uint32_t> devices) const {
  const auto kernel = by_id_.find(id_key(kernel_id, kind));
  if (kernel == by_id_.end()) return std::nullopt;
  std::optional<SketchAndExtremes> found;
  KernelCounters counters;
  for (const auto& [device, slot] : kernels_[kernel->second].series) {
    if (std::ranges::find(devices, device) == devices.end()) continue;
    if (!found) found.emplace();
    found->sketch.merge(series_[slot].sketch);
    counters.merge(series_[slot].counters);
    found->min_ns = counters.min_ns;
    found->max_ns = counters.max_ns;
  }
  return found;
}

}  // namespace gpuvigil
