// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdlib>
#include <functional>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace gpuvigil::testing {

/// A child that is made before the test has threads and works when it is told to. The sanitizers
/// of GCC 12 know nothing of fork(): a thread that allocates at that moment leaves the child a lock
/// that nobody opens.
class EarlyChild {
 public:
  /// `work` runs in the child, which ends by exit(0) after it, and after a minute in any case.
  explicit EarlyChild(const std::function<void()>& work) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) std::abort();
    UniqueFd wait_end(ends[0]);
    let_go_ = UniqueFd(ends[1]);
    child_ = ::fork();
    if (child_ != 0) return;
    let_go_.reset();
    char byte = 0;
    static_cast<void>(::read(wait_end.get(), &byte, 1));
    wait_end.reset();
    ::alarm(60);
    work();
    std::exit(0);
  }
  ~EarlyChild() {
    if (let_go_) finish();
  }
  EarlyChild(const EarlyChild&) = delete;
  EarlyChild& operator=(const EarlyChild&) = delete;

  /// Lets it work; its exit code, or less than 0: the signal that ended it.
  int finish() {
    let_go_.reset();
    int status = 0;
    EXPECT_EQ(::waitpid(child_, &status, 0), child_);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  UniqueFd let_go_;
  pid_t child_ = -1;
};

}  // namespace gpuvigil::testing
