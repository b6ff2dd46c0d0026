// SPDX-License-Identifier: Apache-2.0
#include "base/task_queue.h"

#include <utility>

namespace gpuvigil {

bool TaskQueue::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || tasks_.size() >= capacity_) return false;
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
  return true;
}

bool TaskQueue::wait_and_run(Duration timeout) {
  std::deque<std::function<void()>> ready;
  bool open = true;
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [&] { return closed_ || !tasks_.empty(); });
    ready.swap(tasks_);
    open = !closed_;
  }
  for (auto& task : ready) task();
  return open || !ready.empty();
}

void TaskQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_one();
}

}  // namespace gpuvigil
