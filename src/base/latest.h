// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include "base/mutex.h"

namespace gpuvigil {

/// The newest published value: one writer replaces it, readers take a share of it and keep it as
/// long as they like. The lock covers the copy of a pointer and nothing else.
///
/// Not std::atomic<std::shared_ptr>: GCC 12's spins on a lock of its own and fails under TSan.
///
/// Threading: all members are safe from any thread.
template <class T>
class Latest {
 public:
  void set(std::shared_ptr<const T> value) {
    MutexLock lock(mutex_);
    value_.swap(value);  // the old one dies after the lock is gone, with `value`
  }

  /// Null before the first set().
  [[nodiscard]] std::shared_ptr<const T> get() const {
    MutexLock lock(mutex_);
    return value_;
  }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const T> value_ GPUVIGIL_GUARDED_BY(mutex_);
};

}  // namespace gpuvigil
