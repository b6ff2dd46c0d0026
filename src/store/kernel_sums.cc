// SPDX-License-Identifier: Apache-2.0
#include "store/kernel_sums.h"

#include <algorithm>
#include <vector>

namespace gpuvigil {

const std::shared_ptr<const KernelName>& other_kernels() {
  static const std::shared_ptr<const KernelName> name = make_kernel_name(kOtherName);
  return name;
}

void KernelSum::merge(const KernelSum& other) {
  if (!name) name = other.name;
  counters.merge(other.counters);
  last_end = std::max(last_end, other.last_end);
  sketch.merge(other.sketch);
}

void KernelSums::cover(Timestamp from, Timestamp to) {
  from_ = from_ ? std::min(*from_, from) : from;
  to_ = std::max(to_, to);
}

KernelSum& KernelSums::at(const KernelSeriesId& id) {
  if (sums_.size() > 2 * most_ && !sums_.contains(id)) fold_to(most_);
  return sums_[id];
}

void KernelSums::merge(const KernelSums& other) {
  if (!other.from_) return;
  cover(*other.from_, other.to_);
  for (const auto& [id, sum] : other.sums_) at(id).merge(sum);
}

void KernelSums::fold_to(std::size_t most) {
  const std::uint64_t other = other_kernels()->id;
  std::vector<Map::iterator> ranked;
  for (auto it = sums_.begin(); it != sums_.end(); ++it) {
    if (it->first.kernel != other) ranked.push_back(it);
  }
  if (ranked.size() <= most) return;
  // By id where the time is equal: what stays does not depend on chance.
  const auto before = [](Map::iterator a, Map::iterator b) {
    return std::tuple(b->second.counters.sum_ns, b->second.counters.calls, a->first) <
           std::tuple(a->second.counters.sum_ns, a->second.counters.calls, b->first);
  };
  const auto end = ranked.begin() + static_cast<std::ptrdiff_t>(most);
  std::ranges::nth_element(ranked, end, before);
  for (auto it = end; it != ranked.end(); ++it) {
    const KernelSeriesId& id = (*it)->first;
    KernelSum& rest = sums_[{.kernel = other, .kind = id.kind, .device = id.device}];
    rest.name = other_kernels();
    rest.merge((*it)->second);
    sums_.erase(*it);
  }
}

void KernelSums::clear() {
  sums_.clear();
  from_.reset();
  to_ = Timestamp();
}

}  // namespace gpuvigil
