// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/backend_status.h"
#include "model/device.h"

namespace gpuvigil {

struct SamplerOptions {
  Duration period = std::chrono::seconds(1);    ///< kMinPeriod to kMaxPeriod.
  Duration deadline = std::chrono::seconds(1);  ///< After the due time; then readings are stale.

  static constexpr Duration kMinPeriod = std::chrono::milliseconds(100);
  static constexpr Duration kMaxPeriod = std::chrono::seconds(10);
};

/// One device and what it said last, or why it says nothing.
struct SampledDevice {
  std::shared_ptr<const DeviceInfo> info;
  DeviceSample sample;
  bool is_listed = true;  ///< In a roster: it is there, and its board says what it reads.
};

/// What one backend, its roster or one of its boards knows after a round. Immutable once published.
struct SampleReport {
  std::string backend;
  BackendState state = BackendState::kStarting;
  std::string problem;   ///< In one line; empty when there is none.
  Timestamp at{};        ///< When the round ended; the oldest where it is made of several.
  Timestamp next_due{};  ///< When the next one is to begin; the first of several.

  /// Every device that was ever there, in the order of their first appearance. The lost ones say
  /// so in their readings, and come back to the same place under the same UUID.
  std::vector<SampledDevice> devices;

  // Since the sampler began:
  std::uint64_t samples_late = 0;      ///< Device samples that missed their deadline.
  std::uint64_t readings_invalid = 0;  ///< Values that cannot be, shown as driver errors.
  std::uint64_t clients_unread = 0;    ///< Users of devices for whom there was no room.
  std::uint64_t devices_refused = 0;  ///< Listed without a usable UUID, twice, or beyond the limit.
  std::uint64_t calls_failed = 0;     ///< Driver calls that returned an error.
};

/// A driver call that has not come back yet.
struct CallInProgress {
  std::string what;  ///< "sample of GPU-1234".
  Timestamp since{};
};

/// How many rounds that were to begin at or after `due` have missed their deadline at `now`.
[[nodiscard]] std::uint64_t missed_deadlines(const SamplerOptions& options, Timestamp due,
                                             Timestamp now);

/// What `report` is worth at `now`: itself while the next round is not late. Then a copy in which
/// the backend is hung, every value is stale, and the samples that should have come are counted.
[[nodiscard]] std::shared_ptr<const SampleReport> as_of(
    const std::shared_ptr<const SampleReport>& report, const SamplerOptions& options,
    const std::optional<CallInProgress>& call, Timestamp now);

/// The same for a report of which devices there are: only its state and problem change, because
/// those that read the devices go on.
[[nodiscard]] std::shared_ptr<const SampleReport> as_of_roster(
    const std::shared_ptr<const SampleReport>& roster, const SamplerOptions& options,
    const std::optional<CallInProgress>& call, Timestamp now);

/// One report of a backend: which devices there are by `roster`, what those that are there say by
/// `boards`, whose devices may be ones that are there no more.
[[nodiscard]] std::shared_ptr<const SampleReport> merge_reports(
    const SampleReport& roster, std::span<const std::shared_ptr<const SampleReport>> boards);

/// The first tick after `now`; ticks are counted from `due`, so that they do not drift.
[[nodiscard]] Timestamp next_tick(Timestamp due, Duration period, Timestamp now);

/// Replaces values that no device can have (a share outside 0 to 100, 300 degrees, all bits set)
/// by missing(kDriverError) and returns how many there were. A device with one of them is degraded.
std::uint64_t refuse_nonsense(DeviceSample& sample);

}  // namespace gpuvigil
