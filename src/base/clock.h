// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>

namespace gpuvigil {

using Duration = std::chrono::nanoseconds;

/// A point on the timeline that is stored and sent: nanoseconds since the Unix epoch, UTC.
using Timestamp = std::chrono::sys_time<Duration>;

[[nodiscard]] constexpr Timestamp from_unix_ns(std::int64_t ns) {
  return Timestamp(Duration(ns));
}
[[nodiscard]] constexpr std::int64_t to_unix_ns(Timestamp at) {
  return at.time_since_epoch().count();
}

/// Time as something that is handed in. Nobody else asks the system what time it is.
///
/// Threading: all members are safe from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Now on this clock's timeline; never goes backwards.
  [[nodiscard]] virtual Timestamp now() const = 0;

  /// How long to really wait until this clock shows `at`; zero if it already has.
  [[nodiscard]] virtual Duration until(Timestamp at) const = 0;
};

/// The steady clock, labelled with the wall time of its start: intervals are true even when
/// somebody sets the system's clock.
class SystemClock final : public Clock {
 public:
  SystemClock();
  [[nodiscard]] Timestamp now() const override;
  [[nodiscard]] Duration until(Timestamp at) const override;

 private:
  std::chrono::steady_clock::time_point steady_start_;
  Timestamp wall_start_;
};

/// Another clock's time, `speed` times as fast from the moment it was made: a recording that is
/// replayed tenfold has ten recorded seconds in each real one.
class ScaledClock final : public Clock {
 public:
  /// Requires 0 < speed. `base` must outlive this clock.
  ScaledClock(const Clock& base, double speed);
  [[nodiscard]] Timestamp now() const override;
  [[nodiscard]] Duration until(Timestamp at) const override;

 private:
  const Clock& base_;
  double speed_;
  Timestamp start_;
};

/// A clock that stands still until a test moves it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start) : now_ns_(to_unix_ns(start)) {}
  [[nodiscard]] Timestamp now() const override { return from_unix_ns(now_ns_.load()); }
  [[nodiscard]] Duration until(Timestamp at) const override;
  void advance(Duration by) { now_ns_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_ns_;
};

/// The system's wall time, which somebody may set back: for log lines and nothing else.
[[nodiscard]] Timestamp wall_time();

/// Since the machine was started, sleep included: by this the kernel tells when a process began.
[[nodiscard]] Duration time_since_boot();

/// The CPU time of this process so far, for what gpuvigil says about itself.
[[nodiscard]] Duration process_cpu_time();

}  // namespace gpuvigil
