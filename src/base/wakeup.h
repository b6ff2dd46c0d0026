// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "base/unique_fd.h"

namespace gpuvigil {

/// How one thread tells another that there is something to do, whatever that is: a call of wake()
/// is never lost, several are as good as one.
///
/// Threading: wake() from any thread; wait() from one.
class Wakeup {
 public:
  Wakeup();

  void wake() const;

  /// Returns when it was woken since the last wait(), or at the latest after that time.
  void wait(Duration at_most) const;

 private:
  UniqueFd event_;
};

}  // namespace gpuvigil
