// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/units.h"
#include "model/device_details.h"
#include "model/reading.h"

namespace gpuvigil {

/// What a device is; never changes while it is known.
struct DeviceInfo {
  std::string uuid;        ///< The identity: "GPU-...", "MIG-...", or made by its source.
  std::string name;        ///< Product name; empty when nobody said it.
  std::string pci_bus_id;  ///< "0000:3b:00.0"; empty when it has none.
  std::string source;      ///< Who tells of it: "nvml", "rocm", "drm", "replay", "demo", "sdk".
};

/// One reason why clocks are below what was asked for, after nvmlClocksEventReasons.
struct ThrottleReason {
  std::uint32_t bit;
  std::string_view name;
};

inline constexpr std::uint32_t kThrottleGpuIdle = 1U << 0U;
inline constexpr std::uint32_t kThrottleSwPowerCap = 1U << 2U;
inline constexpr std::uint32_t kThrottleHwSlowdown = 1U << 3U;
inline constexpr std::uint32_t kThrottleSwThermal = 1U << 5U;
inline constexpr std::uint32_t kThrottleHwThermal = 1U << 6U;
inline constexpr std::uint32_t kThrottleHwPowerBrake = 1U << 7U;

inline constexpr std::array kThrottleReasons = {
    ThrottleReason{kThrottleGpuIdle, "gpu_idle"},
    ThrottleReason{1U << 1U, "applications_clocks_setting"},
    ThrottleReason{kThrottleSwPowerCap, "sw_power_cap"},
    ThrottleReason{kThrottleHwSlowdown, "hw_slowdown"},
    ThrottleReason{1U << 4U, "sync_boost"},
    ThrottleReason{kThrottleSwThermal, "sw_thermal_slowdown"},
    ThrottleReason{kThrottleHwThermal, "hw_thermal_slowdown"},
    ThrottleReason{kThrottleHwPowerBrake, "hw_power_brake_slowdown"},
    ThrottleReason{1U << 8U, "display_clock_setting"},
};

enum class Health { kOk, kDegraded, kFailed, kLost };

[[nodiscard]] constexpr std::string_view to_string(Health health) {
  switch (health) {
    case Health::kOk:
      return "ok";
    case Health::kDegraded:
      return "degraded";
    case Health::kFailed:
      return "failed";
    case Health::kLost:
      return "lost";
  }
  return "failed";
}

/// One device at one instant. Who reads it from where: the backend that made it.
struct DeviceSample {
  Timestamp at{};  ///< When the driver answered, not when we asked.
  Health health = Health::kOk;

  /// Share of the driver's last window in which some kernel ran; not how busy the SMs were.
  Reading<Percent> gpu_utilization = missing(Missing::kNotSampled);
  Reading<Bytes> memory_used = missing(Missing::kNotSampled);  ///< With the driver's reserve.
  Reading<Bytes> memory_total = missing(Missing::kNotSampled);
  Reading<Celsius> temperature = missing(Missing::kNotSampled);
  Reading<Watts> power = missing(Missing::kNotSampled);  ///< Board power.
  Reading<Watts> power_limit = missing(Missing::kNotSampled);
  Reading<Megahertz> sm_clock = missing(Missing::kNotSampled);
  Reading<Megahertz> memory_clock = missing(Missing::kNotSampled);
  Reading<std::uint32_t> throttle_reasons = missing(Missing::kNotSampled);  ///< kThrottle* bits.
  Reading<std::uint32_t> processes = missing(Missing::kNotSampled);  ///< That hold memory on it.

  /// Everything else that it says now; never null where it is there.
  Reading<std::shared_ptr<const DeviceDetails>> details = missing(Missing::kNotSampled);
  /// What is known of it; stays when it is lost. Null: nobody said anything.
  std::shared_ptr<const DeviceInventory> inventory;
};

/// A sample in which every reading is missing for the same reason.
[[nodiscard]] inline DeviceSample absent_sample(Missing why, Timestamp at) {
  const auto none = missing(why);
  return {.at = at,
          .health = why == Missing::kLost ? Health::kLost : Health::kOk,
          .gpu_utilization = none,
          .memory_used = none,
          .memory_total = none,
          .temperature = none,
          .power = none,
          .power_limit = none,
          .sm_clock = none,
          .memory_clock = none,
          .throttle_reasons = none,
          .processes = none,
          .details = none,
          .inventory = nullptr};
}

/// A reading of the catalogue.
[[nodiscard]] inline Reading<double> reading_of(const DeviceSample& sample, MetricId id) {
  if (!sample.details) return missing(sample.details.error());
  return (*sample.details)->metrics[id];
}

}  // namespace gpuvigil
