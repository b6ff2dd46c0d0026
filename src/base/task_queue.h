// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

#include "base/clock.h"

namespace gpuvigil {

/// Work handed to the one thread that owns some state, and that thread's way to wait for it.
///
/// Threading: post() and close() from any thread; wait_and_run() from the owning thread only.
class TaskQueue {
 public:
  explicit TaskQueue(std::size_t capacity) : capacity_(capacity) {}

  /// False, and the task is not taken, when the queue is full or closed.
  [[nodiscard]] bool post(std::function<void()> task);

  /// Waits for a task or for `timeout`, then runs everything that is queued, in order.
  /// False once closed and empty.
  bool wait_and_run(Duration timeout);

  /// No more tasks; those that are queued still run.
  void close();

 private:
  const std::size_t capacity_;
  std::mutex mutex_;  // not base/mutex.h: a condition variable waits on it
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool closed_ = false;
};

}  // namespace gpuvigil
