// SPDX-License-Identifier: Apache-2.0
#include "base/thread.h"

#include <csignal>
#include <string>
#include <utility>

#include <pthread.h>

namespace gpuvigil {
namespace {

/// Everything but what the kernel raises for a fault of the thread itself.
sigset_t asynchronous_signals() {
  sigset_t set;
  sigfillset(&set);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) {
    sigdelset(&set, fault);
  }
  return set;
}

}  // namespace

std::thread start_thread(const char* name, std::function<void()> body) {
  // A thread inherits the mask of its maker, so that there is no moment in which it has another.
  const sigset_t blocked = asynchronous_signals();
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  std::thread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread.native_handle(), std::string(name).substr(0, 15).c_str());
  return thread;
}

}  // namespace gpuvigil
