// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "model/kernel_query.h"

namespace gpuvigil {

/// How kernels were launched, over all devices and processes.
///
/// The first kMostOfKernel shapes of a kernel and kMost of all are told apart; what comes after is
/// in no shape, so that the calls of a kernel's shapes may add up to less than its own.
/// Threading: one thread.
class ShapeBook {
 public:
  static constexpr std::size_t kMostOfKernel = 64;
  static constexpr std::size_t kMost = 16'384;

  /// `grown`: by how much its calls and time have.
  void add(std::uint64_t kernel_id, KernelKind kind, const LaunchShape& grown);

  /// The one with the most time first.
  [[nodiscard]] std::vector<LaunchShape> of(std::uint64_t kernel_id, KernelKind kind) const;

 private:
  std::unordered_map<std::uint64_t, std::vector<LaunchShape>> shapes_;  ///< By id and kind.
  std::size_t count_ = 0;
};

}  // namespace gpuvigil
