// SPDX-License-Identifier: Apache-2.0
#include "base/wakeup.h"

#include <algorithm>

#include <poll.h>
#include <sys/eventfd.h>

#include "base/assert.h"

namespace gpuvigil {

Wakeup::Wakeup() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  GPUVIGIL_ASSERT(event_);  // no descriptor left where a thread is to be started
}

void Wakeup::wake() const {
  static_cast<void>(::eventfd_write(event_.get(), 1));  // refused when it is woken already
}

void Wakeup::wait(Duration at_most) const {
  using std::chrono::ceil;
  constexpr Duration kMost = std::chrono::hours(1);
  const auto ms = ceil<std::chrono::milliseconds>(std::clamp(at_most, Duration::zero(), kMost));
  pollfd event{.fd = event_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&event, 1, static_cast<int>(ms.count())) > 0) {
    eventfd_t count = 0;
    static_cast<void>(::eventfd_read(event_.get(), &count));
  }
}

}  // namespace gpuvigil
