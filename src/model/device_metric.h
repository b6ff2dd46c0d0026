// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/metric_id.h"
#include "model/reading.h"

namespace gpuvigil {

inline constexpr std::size_t kDeviceMetricCount = static_cast<std::size_t>(MetricId::kCount);

/// One row of the catalogue.
struct DeviceMetric {
  MetricId id;
  std::string_view name;  ///< In rules, alerts and history, without its unit; never changes.
  Unit unit;
  MetricKind kind;
  double max;  ///< No device has more; what is beyond, or below 0 (-60 °C), is a driver error.
  std::string_view help;
};

namespace detail {

constexpr auto kGauge = MetricKind::kGauge;
constexpr auto kCounter = MetricKind::kCounter;
// Beyond what any board has or will have for years; all bits set, 255 %, 4095 degrees are beyond.
constexpr double kMaxPercent = 100;
constexpr double kMaxCelsius = 200;
constexpr double kMaxWatts = 20'000;
constexpr double kMaxMegahertz = 20'000;
constexpr double kMaxBytes = 1125899906842624.0;   // 2^50: device memory
constexpr double kMaxMoved = 1152921504606846976;  // 2^60: bytes ever moved
constexpr double kMaxSeconds = 1e10;
constexpr double kMaxCount = 1e15;

}  // namespace detail

/// Every metric of the catalogue, by MetricId.
inline constexpr std::array<DeviceMetric, kDeviceMetricCount> kDeviceMetrics = {{
    {MetricId::kMemoryCopyUtilization, "memory_copy_utilization", Unit::kPercent, detail::kGauge,
     detail::kMaxPercent, "Share of the driver's window in which device memory was accessed."},
    {MetricId::kEncoderUtilization, "encoder_utilization", Unit::kPercent, detail::kGauge,
     detail::kMaxPercent, "Video encoder."},
    {MetricId::kDecoderUtilization, "decoder_utilization", Unit::kPercent, detail::kGauge,
     detail::kMaxPercent, "Video decoder."},
    {MetricId::kJpegUtilization, "jpeg_utilization", Unit::kPercent, detail::kGauge,
     detail::kMaxPercent, "JPEG engine."},
    {MetricId::kOpticalFlowUtilization, "optical_flow_utilization", Unit::kPercent, detail::kGauge,
     detail::kMaxPercent, "Optical flow engine."},
    {MetricId::kGraphicsActive, "graphics_active", Unit::kPercent, detail::kGauge,
     detail::kMaxPercent, "Time in which the graphics or compute engine was active."},
    {MetricId::kSmActive, "sm_active", Unit::kPercent, detail::kGauge, detail::kMaxPercent,
     "Time in which an SM had at least one warp, averaged over all SMs."},
    {MetricId::kSmOccupancy, "sm_occupancy", Unit::kPercent, detail::kGauge, detail::kMaxPercent,
     "Resident warps over the most that there could be, averaged over all SMs."},
    {MetricId::kTensorActive, "tensor_active", Unit::kPercent, detail::kGauge, detail::kMaxPercent,
     "Time in which the tensor pipes were active."},
    {MetricId::kDramActive, "dram_active", Unit::kPercent, detail::kGauge, detail::kMaxPercent,
     "Device memory bandwidth in use over its peak."},
    {MetricId::kFp64Active, "fp64_active", Unit::kPercent, detail::kGauge, detail::kMaxPercent,
     "Time in which the FP64 pipes were active."},
    {MetricId::kFp32Active, "fp32_active", Unit::kPercent, detail::kGauge, detail::kMaxPercent,
     "Time in which the FP32 pipes were active."},
    {MetricId::kFp16Active, "fp16_active", Unit::kPercent, detail::kGauge, detail::kMaxPercent,
     "Time in which the FP16 pipes were active, tensor pipes excluded."},
    {MetricId::kIntegerActive, "integer_active", Unit::kPercent, detail::kGauge,
     detail::kMaxPercent, "Time in which the integer pipes were active."},
    {MetricId::kEncoderSessions, "encoder_sessions", Unit::kCount, detail::kGauge,
     detail::kMaxCount, "Video encoder sessions."},
    {MetricId::kMemoryFree, "memory_free", Unit::kBytes, detail::kGauge, detail::kMaxBytes,
     "Device memory that can still be allocated."},
    {MetricId::kMemoryReserved, "memory_reserved", Unit::kBytes, detail::kGauge, detail::kMaxBytes,
     "Device memory that driver and firmware keep for themselves."},
    {MetricId::kBar1Used, "bar1_used", Unit::kBytes, detail::kGauge, detail::kMaxBytes,
     "Device memory mapped for direct access from the host."},
    {MetricId::kBar1Total, "bar1_total", Unit::kBytes, detail::kGauge, detail::kMaxBytes,
     "How much can be mapped."},
    {MetricId::kMemoryTemperature, "memory_temperature", Unit::kCelsius, detail::kGauge,
     detail::kMaxCelsius, "Of the device memory."},
    {MetricId::kHotspotTemperature, "hotspot_temperature", Unit::kCelsius, detail::kGauge,
     detail::kMaxCelsius, "Of the hottest place on the chip."},
    {MetricId::kSlowdownTemperature, "slowdown_temperature", Unit::kCelsius, detail::kGauge,
     detail::kMaxCelsius, "From here on the device slows itself down."},
    {MetricId::kShutdownTemperature, "shutdown_temperature", Unit::kCelsius, detail::kGauge,
     detail::kMaxCelsius, "From here on it switches itself off."},
    {MetricId::kFanSpeed, "fan_speed", Unit::kPercent, detail::kGauge, 150,
     "Intended speed of the fan over its nominal one."},
    {MetricId::kPowerInstant, "power_instant", Unit::kWatts, detail::kGauge, detail::kMaxWatts,
     "Board power at this moment."},
    {MetricId::kPowerAverage, "power_average", Unit::kWatts, detail::kGauge, detail::kMaxWatts,
     "Board power over the driver's last second."},
    {MetricId::kPowerLimitEnforced, "power_limit_enforced", Unit::kWatts, detail::kGauge,
     detail::kMaxWatts, "The lowest of all limits that hold now."},
    {MetricId::kPowerLimitDefault, "power_limit_default", Unit::kWatts, detail::kGauge,
     detail::kMaxWatts, "The limit after a restart."},
    {MetricId::kPowerLimitMin, "power_limit_min", Unit::kWatts, detail::kGauge, detail::kMaxWatts,
     "The lowest limit that can be set."},
    {MetricId::kPowerLimitMax, "power_limit_max", Unit::kWatts, detail::kGauge, detail::kMaxWatts,
     "The highest limit that can be set."},
    {MetricId::kEnergy, "energy", Unit::kJoules, detail::kCounter, 1e15,
     "Used since the driver was loaded."},
    {MetricId::kGraphicsClock, "graphics_clock", Unit::kMegahertz, detail::kGauge,
     detail::kMaxMegahertz, "Graphics clock now."},
    {MetricId::kVideoClock, "video_clock", Unit::kMegahertz, detail::kGauge, detail::kMaxMegahertz,
     "Clock of the video engines now."},
    {MetricId::kGraphicsClockMax, "graphics_clock_max", Unit::kMegahertz, detail::kGauge,
     detail::kMaxMegahertz, "Highest graphics clock."},
    {MetricId::kSmClockMax, "sm_clock_max", Unit::kMegahertz, detail::kGauge, detail::kMaxMegahertz,
     "Highest SM clock."},
    {MetricId::kMemoryClockMax, "memory_clock_max", Unit::kMegahertz, detail::kGauge,
     detail::kMaxMegahertz, "Highest memory clock."},
    {MetricId::kVideoClockMax, "video_clock_max", Unit::kMegahertz, detail::kGauge,
     detail::kMaxMegahertz, "Highest clock of the video engines."},
    {MetricId::kSmClockApplication, "sm_clock_application", Unit::kMegahertz, detail::kGauge,
     detail::kMaxMegahertz, "SM clock that applications asked for."},
    {MetricId::kMemoryClockApplication, "memory_clock_application", Unit::kMegahertz,
     detail::kGauge, detail::kMaxMegahertz, "Memory clock that applications asked for."},
    {MetricId::kPerformanceState, "performance_state", Unit::kCount, detail::kGauge, 15,
     "P-state: 0 is the fastest, 15 the slowest."},
    {MetricId::kThrottlePowerCapTime, "throttle_sw_power_cap_time", Unit::kSeconds,
     detail::kCounter, detail::kMaxSeconds, "Time below the wanted clocks: software power cap."},
    {MetricId::kThrottleSwThermalTime, "throttle_sw_thermal_time", Unit::kSeconds, detail::kCounter,
     detail::kMaxSeconds, "Time below the wanted clocks: software thermal slowdown."},
    {MetricId::kThrottleHwThermalTime, "throttle_hw_thermal_time", Unit::kSeconds, detail::kCounter,
     detail::kMaxSeconds, "Time below the wanted clocks: hardware thermal slowdown."},
    {MetricId::kThrottlePowerBrakeTime, "throttle_power_brake_time", Unit::kSeconds,
     detail::kCounter, detail::kMaxSeconds, "Time below the wanted clocks: hardware power brake."},
    {MetricId::kThrottleSyncBoostTime, "throttle_sync_boost_time", Unit::kSeconds, detail::kCounter,
     detail::kMaxSeconds, "Time below the wanted clocks: sync boost."},
    {MetricId::kEccCorrectedVolatile, "ecc_corrected_volatile", Unit::kCount, detail::kCounter,
     detail::kMaxCount, "Corrected memory errors since the driver was loaded."},
    {MetricId::kEccUncorrectedVolatile, "ecc_uncorrected_volatile", Unit::kCount, detail::kCounter,
     detail::kMaxCount, "Uncorrected memory errors since the driver was loaded."},
    {MetricId::kEccCorrectedTotal, "ecc_corrected", Unit::kCount, detail::kCounter,
     detail::kMaxCount, "Corrected memory errors in the life of the device."},
    {MetricId::kEccUncorrectedTotal, "ecc_uncorrected", Unit::kCount, detail::kCounter,
     detail::kMaxCount, "Uncorrected memory errors in the life of the device."},
    {MetricId::kRetiredPagesSingleBit, "retired_pages_single_bit", Unit::kCount, detail::kGauge,
     detail::kMaxCount, "Pages taken out of use after several single-bit errors."},
    {MetricId::kRetiredPagesDoubleBit, "retired_pages_double_bit", Unit::kCount, detail::kGauge,
     detail::kMaxCount, "Pages taken out of use after a double-bit error."},
    {MetricId::kRetiredPagesPending, "retired_pages_pending", Unit::kFlag, detail::kGauge, 1,
     "Pages wait for a restart to be taken out of use."},
    {MetricId::kRemappedRowsCorrectable, "remapped_rows_correctable", Unit::kCount, detail::kGauge,
     detail::kMaxCount, "Memory rows replaced after corrected errors."},
    {MetricId::kRemappedRowsUncorrectable, "remapped_rows_uncorrectable", Unit::kCount,
     detail::kGauge, detail::kMaxCount, "Memory rows replaced after uncorrected errors."},
    {MetricId::kRemapPending, "row_remap_pending", Unit::kFlag, detail::kGauge, 1,
     "Rows wait for a reset to be replaced."},
    {MetricId::kRemapFailed, "row_remap_failed", Unit::kFlag, detail::kGauge, 1,
     "A row could not be replaced."},
    {MetricId::kPcieGeneration, "pcie_generation", Unit::kCount, detail::kGauge, 16,
     "PCI Express generation of the link now; it falls while the device idles."},
    {MetricId::kPcieGenerationMax, "pcie_generation_max", Unit::kCount, detail::kGauge, 16,
     "The highest that device and slot allow."},
    {MetricId::kPcieWidth, "pcie_width", Unit::kCount, detail::kGauge, 64,
     "PCI Express lanes of the link now."},
    {MetricId::kPcieWidthMax, "pcie_width_max", Unit::kCount, detail::kGauge, 64,
     "The most that device and slot allow."},
    {MetricId::kPcieReplays, "pcie_replays", Unit::kCount, detail::kCounter, detail::kMaxCount,
     "Packets that had to be sent again."},
    {MetricId::kPcieSent, "pcie_sent", Unit::kBytes, detail::kCounter, detail::kMaxMoved,
     "Sent by the device over PCI Express."},
    {MetricId::kPcieReceived, "pcie_received", Unit::kBytes, detail::kCounter, detail::kMaxMoved,
     "Received by the device over PCI Express."},
    {MetricId::kNvlinkLinksActive, "nvlink_links_active", Unit::kCount, detail::kGauge, 64,
     "NVLinks that are up."},
    {MetricId::kNvlinkSent, "nvlink_sent", Unit::kBytes, detail::kCounter, detail::kMaxMoved,
     "Sent over all NVLinks."},
    {MetricId::kNvlinkReceived, "nvlink_received", Unit::kBytes, detail::kCounter,
     detail::kMaxMoved, "Received over all NVLinks."},
    {MetricId::kNvlinkCrcErrors, "nvlink_crc_errors", Unit::kCount, detail::kCounter,
     detail::kMaxCount, "Checksum errors of all NVLinks."},
    {MetricId::kNvlinkReplayErrors, "nvlink_replay_errors", Unit::kCount, detail::kCounter,
     detail::kMaxCount, "Replays of all NVLinks."},
    {MetricId::kNvlinkRecoveryErrors, "nvlink_recovery_errors", Unit::kCount, detail::kCounter,
     detail::kMaxCount, "Recoveries of all NVLinks."},
}};

[[nodiscard]] constexpr const DeviceMetric& info_of(MetricId id) {
  return kDeviceMetrics[static_cast<std::size_t>(id)];
}

namespace detail {

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kDeviceMetricCount; ++i) {
    if (kDeviceMetrics[i].id != static_cast<MetricId>(i)) return false;
  }
  return true;
}
static_assert(rows_are_in_order(), "the rows must stand in the order of MetricId");

}  // namespace detail

/// What a name of that unit ends with in JSON: "memory_free" is "memory_free_mb" there.
[[nodiscard]] constexpr std::string_view json_suffix(Unit unit) {
  switch (unit) {
    case Unit::kPercent:
      return "_percent";
    case Unit::kBytes:
      return "_mb";
    case Unit::kCelsius:
      return "_celsius";
    case Unit::kWatts:
      return "_watts";
    case Unit::kJoules:
      return "_joules";
    case Unit::kMegahertz:
      return "_mhz";
    case Unit::kSeconds:
      return "_seconds";
    case Unit::kCount:
    case Unit::kFlag:
      return "";
  }
  return "";
}

/// As rules, alerts and history call it.
[[nodiscard]] constexpr std::string_view to_string(Unit unit) {
  switch (unit) {
    case Unit::kPercent:
      return "percent";
    case Unit::kBytes:
      return "bytes";
    case Unit::kCelsius:
      return "celsius";
    case Unit::kWatts:
      return "watts";
    case Unit::kJoules:
      return "joules";
    case Unit::kMegahertz:
      return "mhz";
    case Unit::kSeconds:
      return "seconds";
    case Unit::kCount:
      return "count";
    case Unit::kFlag:
      return "bool";
  }
  return "";
}

/// The catalogue's readings of one device at one instant; each a value or the reason why not.
class MetricSet {
 public:
  explicit MetricSet(Missing why = Missing::kUnsupported) { values_.fill(missing(why)); }

  [[nodiscard]] const Reading<double>& operator[](MetricId id) const {
    return values_[static_cast<std::size_t>(id)];
  }
  [[nodiscard]] Reading<double>& operator[](MetricId id) {
    return values_[static_cast<std::size_t>(id)];
  }

  friend bool operator==(const MetricSet&, const MetricSet&) = default;

 private:
  std::array<Reading<double>, kDeviceMetricCount> values_;
};

}  // namespace gpuvigil
