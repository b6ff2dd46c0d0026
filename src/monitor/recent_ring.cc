// SPDX-License-Identifier: Apache-2.0
#include "monitor/recent_ring.h"

#include <utility>

#include "monitor/saturating.h"

namespace gpuvigil {

void RecentRing::push(RecentExecution execution) {
  execution.order = next_order_++;
  if (ring_.size() < Frame::kMaxRecent) {
    ring_.push_back(std::move(execution));
  } else {
    ring_[(execution.order - 1) % Frame::kMaxRecent] = std::move(execution);
  }
}

std::vector<RecentExecution> RecentRing::newest_first() const {
  std::vector<RecentExecution> newest;
  newest.reserve(ring_.size());
  for (std::size_t i = 0; i < ring_.size(); ++i) {
    newest.push_back(ring_[(next_order_ - 2 - i) % Frame::kMaxRecent]);
  }
  return newest;
}

void RecentRing::rebase(std::uint32_t device, Duration by) {
  for (RecentExecution& execution : ring_) {
    if (execution.device == device) execution.end = saturating_add(execution.end, by);
  }
}

}  // namespace gpuvigil
