// SPDX-License-Identifier: Apache-2.0
#include "exporters/kernel_board.h"

#include <algorithm>
#include <tuple>

namespace gpuvigil {
namespace {

constexpr std::size_t kPlacesForEach = 4;

bool is_same(const KernelRow& row, const KernelBoard::Entry& entry) {
  return row.kind == entry.kind && (row.name == entry.name || row.name->name == entry.name->name);
}

/// Where the entry stands in a frame; nothing where it does not.
std::optional<std::uint32_t> find(const Frame& frame, const KernelBoard::Entry& entry) {
  if (entry.row < frame.kernels.size() && is_same(frame.kernels[entry.row], entry)) {
    return entry.row;
  }
  const auto wanted = std::tuple<std::string_view, KernelKind>(entry.name->name, entry.kind);
  const auto found = std::ranges::lower_bound(frame.kernels, wanted, {}, [](const KernelRow& row) {
    return std::tuple<std::string_view, KernelKind>(row.name->name, row.kind);
  });
  if (found == frame.kernels.end() || !is_same(*found, entry)) return std::nullopt;
  return static_cast<std::uint32_t>(found - frame.kernels.begin());
}

bool has_own_name(const KernelRow& row) {
  return row.name->name != kOtherName && row.name->name != kRetiredName;
}

/// A counter of a source that began anew is smaller than what was told of it.
std::uint64_t since(std::uint64_t now, std::uint64_t base) {
  return now >= base ? now - base : now;
}

}  // namespace

void KernelBoard::refresh_entries(const Frame& frame) {
  is_listed_.assign(frame.kernels.size(), false);
  const std::size_t gone = std::erase_if(entries_, [&](Entry& entry) {
    const auto at = find(frame, entry);
    if (!at) return true;
    const KernelRow& row = frame.kernels[*at];
    entry.row = *at;
    entry.name = row.name;
    entry.calls = since(row.counters.calls, entry.base_calls);
    entry.sum_ns = since(row.counters.sum_ns, entry.base_ns);
    entry.percentiles = row.percentiles;
    is_listed_[*at] = true;
    return false;
  });
  if (gone > 0) ++generation_;
}

void KernelBoard::admit(const Frame& frame) {
  const bool all_were_listed = left_out_ == 0;
  candidates_.clear();
  for (std::uint32_t i = 0; i < frame.kernels.size(); ++i) {
    const KernelRow& row = frame.kernels[i];
    if (row.counters.calls > 0 && has_own_name(row)) candidates_.push_back(i);
  }
  left_out_ = 0;
  const auto by_time = [&](std::uint32_t a, std::uint32_t b) {
    return frame.kernels[a].counters.sum_ns > frame.kernels[b].counters.sum_ns;
  };
  const std::size_t top = std::min(top_, candidates_.size());
  if (top < candidates_.size()) {
    std::ranges::nth_element(candidates_, candidates_.begin() + static_cast<std::ptrdiff_t>(top),
                             by_time);
  }
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    const std::uint32_t at = candidates_[i];
    if (is_listed_[at]) continue;
    if (i >= top || entries_.size() >= top_ * kPlacesForEach) {
      ++left_out_;
      continue;
    }
    const KernelRow& row = frame.kernels[at];
    Entry entry{.name = row.name, .kind = row.kind, .percentiles = row.percentiles, .row = at};
    if (all_were_listed) {  // new to everybody: nobody was told anything of it yet
      entry.calls = row.counters.calls;
      entry.sum_ns = row.counters.sum_ns;
    } else {
      entry.base_calls = row.counters.calls;
      entry.base_ns = row.counters.sum_ns;
    }
    entries_.push_back(std::move(entry));
    is_listed_[at] = true;
    ++generation_;
  }
}

void KernelBoard::update(const Frame& frame) {
  refresh_entries(frame);
  admit(frame);
  std::array<Total, kKernelKinds> totals{};
  for (const KernelRow& row : frame.kernels) {
    Total& total = totals[static_cast<std::size_t>(row.kind)];
    total.calls += row.counters.calls;
    total.sum_ns = add_saturating(total.sum_ns, row.counters.sum_ns);
  }
  for (const Entry& entry : entries_) {
    Total& total = totals[static_cast<std::size_t>(entry.kind)];
    total.calls -= std::min(total.calls, entry.calls);
    total.sum_ns -= std::min(total.sum_ns, entry.sum_ns);
  }
  for (std::size_t kind = 0; kind < kKernelKinds; ++kind) {
    totals[kind].is_there = others_[kind].is_there || totals[kind].calls > 0;
    if (totals[kind].is_there && !others_[kind].is_there) ++generation_;
  }
  others_ = totals;
}

}  // namespace gpuvigil
