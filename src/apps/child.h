// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/result.h"

namespace gpuvigil {

/// How a program ended.
struct ChildEnd {
  int exit_code = 0;  ///< As shells say it: 128 and the signal's number, where one ended it.
  std::optional<int> signal;  ///< That ended it.
};

/// Whether a signal that reached us is to be passed on to the child: what somebody sent to us
/// alone. What a terminal sends goes to the child by itself, and what the child sends it knows.
[[nodiscard]] bool should_forward(const siginfo_t& signal, pid_t child);

/// A program that this one starts, waits for, and stands in for: signals go through.
///
/// It stays in our process group, so that a terminal treats both as one: what is typed (^C, ^\, ^Z)
/// reaches both, and job control stops and continues both.
/// Threading: one thread, the one that made it.
class Child {
 public:
  /// Holds back, for this thread and those it starts, the signals that are to go through. Made
  /// before other threads are.
  Child();
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Starts `command`, found as a shell finds it, with that environment and the signals that we
  /// had. Errors: kNotFound (there is no such command), kPermission (it cannot be executed), kIo.
  [[nodiscard]] Result<void> start(const std::vector<std::string>& command,
                                   const std::vector<std::string>& environment);

  /// Waits at most that long for its end, and passes on what comes meanwhile; nothing while it
  /// runs. Requires that it was started, and has not ended.
  [[nodiscard]] std::optional<ChildEnd> wait(Duration at_most);

 private:
  [[nodiscard]] std::optional<ChildEnd> reap() const;

  sigset_t awaited_{};
  sigset_t before_{};
  pid_t pid_ = 0;
};

}  // namespace gpuvigil
