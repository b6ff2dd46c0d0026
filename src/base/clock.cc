// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <algorithm>

#include <time.h>

#include "base/assert.h"

namespace gpuvigil {
namespace {

Duration read_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec);
}

}  // namespace

SystemClock::SystemClock()
    : steady_start_(std::chrono::steady_clock::now()), wall_start_(wall_time()) {}

Timestamp SystemClock::now() const {
  return wall_start_ + (std::chrono::steady_clock::now() - steady_start_);
}

Duration SystemClock::until(Timestamp at) const {
  return std::max(at - now(), Duration::zero());
}

ScaledClock::ScaledClock(const Clock& base, double speed)
    : base_(base), speed_(speed), start_(base.now()) {
  GPUVIGIL_ASSERT(speed > 0);
}

Timestamp ScaledClock::now() const {
  const auto real = static_cast<double>((base_.now() - start_).count());
  return start_ + Duration(static_cast<std::int64_t>(real * speed_));
}

Duration ScaledClock::until(Timestamp at) const {
  const auto recorded = static_cast<double>((at - now()).count());
  return std::max(Duration(static_cast<std::int64_t>(recorded / speed_)), Duration::zero());
}

Duration ManualClock::until(Timestamp at) const {
  return std::max(at - now(), Duration::zero());
}

Timestamp wall_time() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

Duration time_since_boot() {
  return read_clock(CLOCK_BOOTTIME);
}

Duration process_cpu_time() {
  return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

}  // namespace gpuvigil
