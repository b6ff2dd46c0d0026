// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "collect/backend.h"
#include "collect/sample_report.h"

namespace gpuvigil {

/// Which driver call a sampler's thread is in, for those who wait for the answer.
///
/// Threading: safe from any thread.
class CallWatch {
 public:
  void begin(std::string what, Timestamp now);
  void end();
  [[nodiscard]] std::optional<CallInProgress> get() const;

 private:
  mutable Mutex mutex_;
  std::optional<CallInProgress> call_ GPUVIGIL_GUARDED_BY(mutex_);
};

/// How long to wait after the `failures`-th failure in a row (1 or more): 100 ms, then twice as
/// long each time, at most 30 s; at most 4 s for a driver that was there before, because it is
/// probably being restarted and is to be seen again within 5 s.
[[nodiscard]] Duration backoff(std::uint64_t failures, bool was_there);

/// One backend, round by round: opens it, lists and samples its devices, says of each reading why
/// it is absent, and decides when to try again. What it does depends on the driver's answers and
/// the clock alone.
///
/// Threading: belongs to one thread; its calls block as long as the driver does.
class Poller {
 public:
  /// At most this many devices are known at once. Beyond it the ones lost longest are forgotten;
  /// when none is lost, new ones are refused and counted.
  static constexpr std::size_t kMaxDevices = 1024;

  /// `clock` is shared because a driver may hold the thread for ever, beyond its sampler's end.
  /// `watch` must outlive the poller.
  Poller(std::string name, BackendOpener open, SamplerOptions options,
         std::shared_ptr<const Clock> clock, CallWatch& watch);

  /// One round. Its report says when to call next.
  [[nodiscard]] std::shared_ptr<const SampleReport> step();

 private:
  struct Known {
    std::shared_ptr<const DeviceInfo> info;
    DeviceSample sample;
    bool is_present = false;
    Timestamp present_until{};
  };

  Result<std::vector<DeviceInfo>> list();
  void close();
  void admit(const std::vector<DeviceInfo>& listed);
  void arrive(Known& known, Timestamp now);
  Known* find_or_add(const DeviceInfo& info, Timestamp now);
  bool forget_longest_lost();
  static void replace(Known& known, DeviceSample sample);
  void sample(Known& known);
  void mark_all(const Error& error);
  Timestamp next_tick(Timestamp now) const;
  std::shared_ptr<const SampleReport> make_report(std::string problem);

  const std::string name_;
  const BackendOpener open_;
  const SamplerOptions options_;
  const std::shared_ptr<const Clock> clock_;
  CallWatch& watch_;

  std::unique_ptr<Backend> backend_;
  std::vector<Known> known_;
  std::unordered_map<std::string, std::size_t> by_uuid_;  ///< Places in known_.
  Timestamp due_;
  std::uint64_t failures_in_a_row_ = 0;
  std::uint64_t samples_late_ = 0;
  std::uint64_t readings_invalid_ = 0;
  std::uint64_t devices_refused_ = 0;
  std::uint64_t calls_failed_ = 0;
};

}  // namespace gpuvigil
