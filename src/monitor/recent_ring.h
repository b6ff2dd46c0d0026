// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "model/frame.h"

namespace gpuvigil {

/// The newest executions, in the order in which they were told.
///
/// Threading: one thread.
class RecentRing {
 public:
  /// `execution.order` is given here.
  void push(RecentExecution execution);

  /// Newest first.
  [[nodiscard]] std::vector<RecentExecution> newest_first() const;

  /// Ends of this device are later by `by`.
  void rebase(std::uint32_t device, Duration by);

 private:
  std::vector<RecentExecution> ring_;
  std::uint64_t next_order_ = 1;
};

}  // namespace gpuvigil
