// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/bounded_queue.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace gpuvigil {

/// Somebody who waits for a file descriptor.
class EventTarget {
 public:
  virtual ~EventTarget() = default;
  /// `events` as epoll(7) has them: EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP.
  virtual void on_ready(std::uint32_t events) = 0;
};

/// One thread that waits for sockets, timers and tasks of other threads.
///
/// Level-triggered epoll and nothing between it and the sockets: a request costs epoll_wait, recv
/// and send, where Asio adds one epoll_ctl or one failing recv, and takes some 500 bytes for a
/// connection that waits.
///
/// Threading: post() from any thread; all else from the thread in run(), or before it.
class EventLoop {
 public:
  using Task = std::function<void()>;

  /// Errors: kUnavailable when the system gives no descriptors.
  [[nodiscard]] static Result<std::unique_ptr<EventLoop>> open();

  /// Tells `target` about `fd` until the descriptor is closed. `target` must outlive the round of
  /// the loop in which that happens. Errors: kUnavailable (out of memory or over a limit).
  [[nodiscard]] Result<void> watch(int fd, std::uint32_t events, EventTarget& target);

  /// Changes what is waited for on a watched descriptor, and who is told.
  void rewatch(int fd, std::uint32_t events, EventTarget& target);

  /// Runs `task` on the loop's thread. False, and it never runs, when kMaxTasks wait already.
  bool post(Task task);

  /// Makes the loop go round once, from any thread.
  void wake();

  /// Runs `task` every `period` (> 0). A time that was missed is not caught up with.
  void every(Duration period, Task task);

  /// The time when this round began.
  [[nodiscard]] Timestamp now() const { return now_; }

  /// Serves until quit(). After each round of events, timers and tasks `end_of_round` runs; while
  /// it returns true there is work left and the next round does not wait.
  void run(const std::function<bool()>& end_of_round);

  /// run() returns after this round.
  void quit() { quit_ = true; }

  [[nodiscard]] std::uint64_t dropped_tasks() const { return tasks_.dropped(); }

  static constexpr std::size_t kMaxTasks = 4096;

 private:
  struct Timer {
    Timestamp next;
    Duration period;
    Task task;
  };

  EventLoop(UniqueFd epoll, UniqueFd wake);
  [[nodiscard]] int wait_milliseconds() const;
  void run_timers();
  void run_tasks();

  const SystemClock clock_;
  const UniqueFd epoll_;
  const UniqueFd wake_;  ///< An eventfd that other threads write to.
  BoundedQueue<Task> tasks_{kMaxTasks, WhenFull::kDropNewest};
  std::vector<Timer> timers_;
  Timestamp now_;
  bool quit_ = false;
};

}  // namespace gpuvigil
