// SPDX-License-Identifier: Apache-2.0
#include "monitor/shape_book.h"

#include <algorithm>

namespace gpuvigil {
namespace {

std::uint64_t key_of(std::uint64_t kernel_id, KernelKind kind) {
  return kernel_id + static_cast<std::uint64_t>(kind);
}

bool is_same(const LaunchShape& a, const LaunchShape& b) {
  return a.grid == b.grid && a.block == b.block && a.registers == b.registers &&
         a.static_shared == b.static_shared && a.dynamic_shared == b.dynamic_shared;
}

}  // namespace

void ShapeBook::add(std::uint64_t kernel_id, KernelKind kind, const LaunchShape& grown) {
  std::vector<LaunchShape>& known = shapes_[key_of(kernel_id, kind)];
  const auto found =
      std::ranges::find_if(known, [&](const LaunchShape& one) { return is_same(one, grown); });
  if (found != known.end()) {
    found->calls += grown.calls;
    found->sum_ns = add_saturating(found->sum_ns, grown.sum_ns);
  } else if (known.size() < kMostOfKernel && count_ < kMost) {
    known.push_back(grown);
    ++count_;
  }
}

std::vector<LaunchShape> ShapeBook::of(std::uint64_t kernel_id, KernelKind kind) const {
  const auto found = shapes_.find(key_of(kernel_id, kind));
  if (found == shapes_.end()) return {};
  std::vector<LaunchShape> all = found->second;
  std::ranges::stable_sort(
      all, [](const LaunchShape& a, const LaunchShape& b) { return a.sum_ns > b.sum_ns; });
  return all;
}

}  // namespace gpuvigil
