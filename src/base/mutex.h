// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

#if defined(__clang__)
#define GPUVIGIL_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define GPUVIGIL_THREAD_ANNOTATION(x)
#endif
#define GPUVIGIL_GUARDED_BY(x) GPUVIGIL_THREAD_ANNOTATION(guarded_by(x))

namespace gpuvigil {

/// std::mutex that clang's -Wthread-safety understands. Held for a few instructions, never
/// across a call that can block.
class GPUVIGIL_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() GPUVIGIL_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() GPUVIGIL_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class GPUVIGIL_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) GPUVIGIL_THREAD_ANNOTATION(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() GPUVIGIL_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace gpuvigil
