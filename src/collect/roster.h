// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "collect/backend.h"
#include "collect/call_watch.h"
#include "collect/sample_report.h"

namespace gpuvigil {

/// How long to wait after the `failures`-th failure in a row (1 or more): 100 ms, then twice as
/// long each time, at most 30 s; at most 4 s for a driver that was there before, because it is
/// probably being restarted and is to be seen again within 5 s.
[[nodiscard]] Duration backoff(std::uint64_t failures, bool was_there);

/// The sample of a device whose driver answered with this error.
[[nodiscard]] DeviceSample sample_of_error(const Error& error, Timestamp at);

/// What there is at one moment.
struct RosterReport {
  /// Every device that was ever there; why those that are not there say nothing.
  std::shared_ptr<const SampleReport> devices;
  std::shared_ptr<Backend> backend;  ///< Null while it cannot be opened or does not list.
  std::vector<Board> boards;         ///< Those that are there now, to be read by others.
};

/// Which devices one backend has, round by round: opens it, lists its boards, and decides when to
/// try again. What it does depends on the driver's answers and the clock alone.
///
/// Threading: belongs to one thread; its calls block as long as the driver does.
class Roster {
 public:
  /// At most this many devices are known at once. Beyond it the ones lost longest are forgotten;
  /// when none is lost, new ones are refused and counted.
  static constexpr std::size_t kMaxDevices = 1024;

  /// `clock` is shared because a driver may hold the thread for ever, beyond its sampler's end.
  /// `watch` must outlive the roster.
  Roster(std::string name, BackendOpener open, SamplerOptions options,
         std::shared_ptr<const Clock> clock, CallWatch& watch);

  /// One round. The report of its devices says when to call next.
  [[nodiscard]] std::shared_ptr<const RosterReport> step();

 private:
  struct Known {
    std::shared_ptr<const DeviceInfo> info;
    DeviceSample sample;
    bool is_present = false;
    Timestamp present_until{};
  };

  Result<std::vector<Board>> list();
  std::vector<Board> admit(const std::vector<Board>& listed);
  void arrive(Known& known, Timestamp now);
  Known* find_or_add(const DeviceInfo& info, Timestamp now);
  bool forget_longest_lost();
  void mark_all(const Error& error);
  std::shared_ptr<const SampleReport> make_report(std::string problem);

  const std::string name_;
  const BackendOpener open_;
  const SamplerOptions options_;
  const std::shared_ptr<const Clock> clock_;
  CallWatch& watch_;

  std::shared_ptr<Backend> backend_;
  std::vector<Known> known_;
  std::unordered_map<std::string, std::size_t> by_uuid_;  ///< Places in known_.
  Timestamp due_;
  std::uint64_t failures_in_a_row_ = 0;
  std::uint64_t devices_refused_ = 0;
  std::uint64_t clients_unread_ = 0;
  std::uint64_t calls_failed_ = 0;
};

}  // namespace gpuvigil
