// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "collect/sample_report.h"

namespace gpuvigil {

/// Which driver call a thread is in, for those who wait for the answer.
///
/// Threading: safe from any thread.
class CallWatch {
 public:
  void begin(std::string what, Timestamp now) {
    CallInProgress call{.what = std::move(what), .since = now};
    const MutexLock lock(mutex_);
    call_ = std::move(call);
  }
  void end() {
    const MutexLock lock(mutex_);
    call_.reset();
  }
  [[nodiscard]] std::optional<CallInProgress> get() const {
    const MutexLock lock(mutex_);
    return call_;
  }

 private:
  mutable Mutex mutex_;
  std::optional<CallInProgress> call_ GPUVIGIL_GUARDED_BY(mutex_);
};

/// Tells the watch of a call for the length of a scope.
class Watched {
 public:
  Watched(CallWatch& watch, const Clock& clock, std::string what) : watch_(watch) {
    watch_.begin(std::move(what), clock.now());
  }
  ~Watched() { watch_.end(); }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

 private:
  CallWatch& watch_;
};

}  // namespace gpuvigil
