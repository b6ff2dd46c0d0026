// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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
};

/// What one backend knows after one round. Immutable once published.
struct SampleReport {
  std::string backend;
  BackendState state = BackendState::kStarting;
  std::string problem;   ///< In one line; empty when there is none.
  Timestamp at{};        ///< When the round ended.
  Timestamp next_due{};  ///< When the next one is to begin.

  /// Every device that was ever there, in the order of their first appearance. The lost ones say
  /// so in their readings, and come back to the same place under the same UUID.
  std::vector<SampledDevice> devices;

  // Since the sampler began:
  std::uint64_t samples_late = 0;      ///< Device samples that missed their deadline.
  std::uint64_t readings_invalid = 0;  ///< Values that cannot be, shown as driver errors.
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

/// Replaces values that no device can have (a share outside 0 to 100, 300 degrees, all bits set)
/// by missing(kDriverError) and returns how many there were. A device with one of them is degraded.
std::uint64_t refuse_nonsense(DeviceSample& sample);

}  // namespace gpuvigil
