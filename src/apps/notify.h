// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace gpuvigil {

/// What a service manager puts into the environment of a program that it starts; empty: not set.
struct NotifyEnvironment {
  std::string socket;         ///< NOTIFY_SOCKET: a path, or a name in the abstract namespace.
  std::string watchdog_usec;  ///< WATCHDOG_USEC: how long without a sign until it is killed.
  std::string watchdog_pid;   ///< WATCHDOG_PID: whom that is about.

  [[nodiscard]] static NotifyEnvironment of_this_process();
};

/// Tells the service manager how this program is, by the protocol of sd_notify(3): one datagram a
/// message. Without a manager it says nothing to nobody.
///
/// Threading: one thread at a time.
class ServiceNotifier {
 public:
  ServiceNotifier() = default;

  /// Errors: kInvalidArgument for a socket that is neither an absolute path nor an abstract name
  /// (or too long), or a watchdog time that is no number; kUnavailable when it cannot be had.
  [[nodiscard]] static Result<ServiceNotifier> open(const NotifyEnvironment& environment);

  /// Sends "READY=1\nSTATUS=...", lines of NAME=VALUE. Never waits. False when it was not taken.
  bool send(std::string_view state);

  /// True where there is somebody to tell.
  [[nodiscard]] bool is_connected() const { return static_cast<bool>(socket_); }

  /// How long the manager waits for WATCHDOG=1; zero: it does not watch.
  [[nodiscard]] Duration watchdog() const { return watchdog_; }

 private:
  UniqueFd socket_;
  Duration watchdog_{};
};

/// Decides when the manager's watchdog is told that all is well: at about half of its time, and
/// only when the engine has made a frame and the server's thread has done a task after they were
/// asked for that. So whoever hangs is killed and started again, though this thread still runs.
///
/// Threading: one thread at a time.
class Watchdog {
 public:
  struct Parts {
    /// A number that changes with each frame.
    std::function<std::int64_t()> newest_frame;
    /// Asks for one that comes before its time.
    std::function<void()> request_frame;
    /// Hands a task to the server's thread; false: it takes no more.
    std::function<bool(std::function<void()>)> post;
  };

  /// `limit` is the time after which the manager acts; greater than zero.
  Watchdog(Duration limit, Timestamp now, Parts parts);

  /// Looks at both; true when WATCHDOG=1 is to be sent now. To be called about every period().
  [[nodiscard]] bool look(Timestamp now);

  /// How often to look.
  [[nodiscard]] Duration period() const;

  /// Why the manager has not been told though it is time, in a clause; empty while all is well.
  [[nodiscard]] std::string_view concern(Timestamp now) const;

 private:
  [[nodiscard]] bool engine_answered() const;
  [[nodiscard]] bool net_answered() const;

  Duration limit_;
  Parts parts_;
  Timestamp told_;
  bool is_asked_ = false;  ///< Both, since the manager was told last.
  std::int64_t frame_when_asked_ = 0;
  std::uint64_t answers_when_asked_ = 0;
  /// Tasks done. Shared, because a server that hangs may still hold one when we are gone.
  std::shared_ptr<std::atomic<std::uint64_t>> answers_;
};

}  // namespace gpuvigil
