// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace gpuvigil {

/// In what a metric is counted. On the wire its name carries the unit; see json_name().
enum class Unit : std::uint8_t {
  kPercent,  ///< 0 to 100.
  kBytes,
  kCelsius,
  kWatts,
  kJoules,
  kMegahertz,
  kSeconds,
  kCount,
  kFlag,  ///< 0 or 1.
};

/// A gauge says what is now; a counter only grows, but begins again with its driver.
enum class MetricKind : std::uint8_t { kGauge, kCounter };

/// What a device may tell beyond the readings that DeviceSample has by name. One row of
/// kDeviceMetrics each; the order is that of the rows.
enum class MetricId : std::uint8_t {
  // How busy its parts are.
  kMemoryCopyUtilization,
  kEncoderUtilization,
  kDecoderUtilization,
  kJpegUtilization,
  kOpticalFlowUtilization,
  kGraphicsActive,
  kSmActive,
  kSmOccupancy,
  kTensorActive,
  kDramActive,
  kFp64Active,
  kFp32Active,
  kFp16Active,
  kIntegerActive,
  kEncoderSessions,
  // Memory.
  kMemoryFree,
  kMemoryReserved,
  kBar1Used,
  kBar1Total,
  // Heat and power.
  kMemoryTemperature,
  kHotspotTemperature,
  kSlowdownTemperature,
  kShutdownTemperature,
  kFanSpeed,
  kPowerInstant,
  kPowerAverage,
  kPowerLimitEnforced,
  kPowerLimitDefault,
  kPowerLimitMin,
  kPowerLimitMax,
  kEnergy,
  // Clocks.
  kGraphicsClock,
  kVideoClock,
  kGraphicsClockMax,
  kSmClockMax,
  kMemoryClockMax,
  kVideoClockMax,
  kSmClockApplication,
  kMemoryClockApplication,
  kPerformanceState,
  kThrottlePowerCapTime,
  kThrottleSwThermalTime,
  kThrottleHwThermalTime,
  kThrottlePowerBrakeTime,
  kThrottleSyncBoostTime,
  // Errors of memory.
  kEccCorrectedVolatile,
  kEccUncorrectedVolatile,
  kEccCorrectedTotal,
  kEccUncorrectedTotal,
  kRetiredPagesSingleBit,
  kRetiredPagesDoubleBit,
  kRetiredPagesPending,
  kRemappedRowsCorrectable,
  kRemappedRowsUncorrectable,
  kRemapPending,
  kRemapFailed,
  // Links.
  kPcieGeneration,
  kPcieGenerationMax,
  kPcieWidth,
  kPcieWidthMax,
  kPcieReplays,
  kPcieSent,
  kPcieReceived,
  kNvlinkLinksActive,
  kNvlinkSent,
  kNvlinkReceived,
  kNvlinkCrcErrors,
  kNvlinkReplayErrors,
  kNvlinkRecoveryErrors,
  kCount,  ///< How many there are; not a metric.
};

}  // namespace gpuvigil
