// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/mutex.h"

namespace gpuvigil {

enum class WhenFull { kDropOldest, kDropNewest };

/// A queue between threads that never grows beyond its capacity and counts what it drops.
///
/// Threading: all members are safe from any thread; nothing blocks.
template <class T>
class BoundedQueue {
 public:
  BoundedQueue(std::size_t capacity, WhenFull when_full)
      : capacity_(capacity), when_full_(when_full) {
    GPUVIGIL_ASSERT(capacity > 0);
  }

  /// False when something had to be dropped: the oldest element, or this one.
  bool push(T value) {
    MutexLock lock(mutex_);
    const bool full = items_.size() == capacity_;
    if (full) {
      ++dropped_;
      if (when_full_ == WhenFull::kDropNewest) return false;
      items_.pop_front();
    }
    items_.push_back(std::move(value));
    return !full;
  }

  [[nodiscard]] std::optional<T> pop() {
    MutexLock lock(mutex_);
    if (items_.empty()) return std::nullopt;
    std::optional<T> front(std::move(items_.front()));
    items_.pop_front();
    return front;
  }

  /// Everything that is waiting, oldest first.
  [[nodiscard]] std::deque<T> drain() {
    MutexLock lock(mutex_);
    return std::exchange(items_, {});
  }

  [[nodiscard]] std::uint64_t dropped() const {
    MutexLock lock(mutex_);
    return dropped_;
  }

 private:
  const std::size_t capacity_;
  const WhenFull when_full_;
  mutable Mutex mutex_;
  std::deque<T> items_ GPUVIGIL_GUARDED_BY(mutex_);
  std::uint64_t dropped_ GPUVIGIL_GUARDED_BY(mutex_) = 0;
};

}  // namespace gpuvigil
