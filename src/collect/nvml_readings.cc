// SPDX-License-Identifier: Apache-2.0
#include "collect/nvml_readings.h"

#include <cmath>
#include <limits>

namespace gpuvigil {
namespace {

using U64 = unsigned long long;

/// No device has it, so that it is refused and counted wherever it would be shown.
constexpr double kNonsense = std::numeric_limits<double>::infinity();

/// All bits set is no number of anything.
template <class Number>
double number(Number value) {
  return value == static_cast<Number>(~Number{0}) ? kNonsense : static_cast<double>(value);
}

/// Calls that fill one number of 32 bits.
template <auto member>
NvmlCode one(const NvmlFunctions& call, NvmlDevice device, double* values) {
  std::uint32_t value = 0;
  const NvmlCode code = (call.*member)(device, &value);
  values[0] = number(value);
  return code;
}

/// Utilization of an engine, which comes with the length of its window.
template <auto member>
NvmlCode engine(const NvmlFunctions& call, NvmlDevice device, double* values) {
  std::uint32_t value = 0;
  std::uint32_t period_us = 0;
  const NvmlCode code = (call.*member)(device, &value, &period_us);
  values[0] = number(value);
  return code;
}

/// Calls with a selector.
template <auto member, int which>
NvmlCode selected(const NvmlFunctions& call, NvmlDevice device, double* values) {
  std::uint32_t value = 0;
  const NvmlCode code = (call.*member)(device, which, &value);
  values[0] = number(value);
  return code;
}

NvmlCode utilization(const NvmlFunctions& call, NvmlDevice device, double* values) {
  NvmlUtilization value{};
  const NvmlCode code = call.utilization(device, &value);
  values[0] = number(value.gpu);
  values[1] = number(value.memory);
  return code;
}

/// `used` with what the driver keeps for itself, which only the newer call tells apart.
NvmlCode memory(const NvmlFunctions& call, NvmlDevice device, double* values) {
  NvmlMemoryV2 newer{.version = nvml_version<NvmlMemoryV2>(2)};
  NvmlCode code = call.memory_v2(device, &newer);
  if (code == kNvmlOk) {
    values[0] = number(newer.total);
    values[1] = number(newer.used) + number(newer.reserved);
    values[2] = number(newer.free);
    values[3] = number(newer.reserved);
    return code;
  }
  NvmlMemory older{};
  code = call.memory(device, &older);
  values[0] = number(older.total);
  values[1] = number(older.used);
  values[2] = number(older.free);
  return code;
}

NvmlCode bar1(const NvmlFunctions& call, NvmlDevice device, double* values) {
  NvmlBar1Memory value{};
  const NvmlCode code = call.bar1(device, &value);
  values[0] = number(value.used);
  values[1] = number(value.total);
  return code;
}

NvmlCode temperature(const NvmlFunctions& call, NvmlDevice device, double* values) {
  NvmlTemperature newer{.version = nvml_version<NvmlTemperature>(1)};
  if (call.temperature_v1(device, &newer) == kNvmlOk) {
    values[0] = static_cast<double>(newer.celsius);
    return kNvmlOk;
  }
  return selected<&NvmlFunctions::temperature, 0>(call, device, values);
}

NvmlCode performance_state(const NvmlFunctions& call, NvmlDevice device, double* values) {
  constexpr int kUnknownState = 32;
  int value = 0;
  const NvmlCode code = call.performance_state(device, &value);
  if (code == kNvmlOk && value == kUnknownState) return kNvmlNotSupported;
  values[0] = static_cast<double>(value);
  return code;
}

NvmlCode energy(const NvmlFunctions& call, NvmlDevice device, double* values) {
  U64 value = 0;
  const NvmlCode code = call.energy(device, &value);
  values[0] = number(value);
  return code;
}

NvmlCode clock_reasons(const NvmlFunctions& call, NvmlDevice device, double* values) {
  U64 value = 0;
  const NvmlCode code = call.clock_reasons(device, &value);
  values[0] = number(value);
  return code;
}

NvmlCode power_range(const NvmlFunctions& call, NvmlDevice device, double* values) {
  std::uint32_t least = 0;
  std::uint32_t most = 0;
  const NvmlCode code = call.power_limits(device, &least, &most);
  values[0] = number(least);
  values[1] = number(most);
  return code;
}

NvmlCode nvlinks(const NvmlFunctions& call, NvmlDevice device, double* values) {
  constexpr std::uint32_t kMostLinks = 36;
  std::uint32_t active = 0;
  for (std::uint32_t link = 0; link < kMostLinks; ++link) {
    std::uint32_t state = 0;
    const NvmlCode code = call.nvlink_state(device, link, &state);
    if (code != kNvmlOk) {
      if (link == 0) return code;
      break;  // there is no further link
    }
    active += state == kNvmlEnabled ? 1 : 0;
  }
  values[0] = static_cast<double>(active);
  return kNvmlOk;
}

constexpr NvmlPlace kNoPlace = NvmlPlace::kCount;
constexpr double kMilli = 1e-3;
constexpr double kNano = 1e-9;
constexpr double kKibi = 1024;

constexpr NvmlQuestion row(std::string_view function, Pace pace, double scale,
                           NvmlCode (*ask)(const NvmlFunctions&, NvmlDevice, double*),
                           NvmlPlace first, NvmlPlace second = kNoPlace, NvmlPlace third = kNoPlace,
                           NvmlPlace fourth = kNoPlace) {
  const std::array places = {first, second, third, fourth};
  std::size_t answers = 0;
  while (answers < places.size() && places[answers] != kNoPlace) ++answers;
  return {function, pace, scale, places, answers, ask};
}

using enum MetricId;
using F = NvmlFunctions;
constexpr Pace kFast = Pace::kEveryRound;
constexpr Pace kSlow = Pace::kSlow;

constexpr std::array kQuestions = {
    row("GetUtilizationRates", kFast, 1, utilization, NvmlPlace::kGpuUtilization,
        place_of(kMemoryCopyUtilization)),
    row("GetMemoryInfo_v2", kFast, 1, memory, NvmlPlace::kMemoryTotal, NvmlPlace::kMemoryUsed,
        place_of(kMemoryFree), place_of(kMemoryReserved)),
    row("GetTemperatureV", kFast, 1, temperature, NvmlPlace::kTemperature),
    row("GetPowerUsage", kFast, kMilli, one<&F::power>, NvmlPlace::kPower),
    row("GetEnforcedPowerLimit", kFast, kMilli, one<&F::power_limit>, NvmlPlace::kPowerLimit),
    row("GetTotalEnergyConsumption", kFast, kMilli, energy, place_of(kEnergy)),
    row("GetClockInfo(SM)", kFast, 1, selected<&F::clock, kNvmlClockSm>, NvmlPlace::kSmClock),
    row("GetClockInfo(MEM)", kFast, 1, selected<&F::clock, kNvmlClockMemory>,
        NvmlPlace::kMemoryClock),
    row("GetClockInfo(GRAPHICS)", kFast, 1, selected<&F::clock, kNvmlClockGraphics>,
        place_of(kGraphicsClock)),
    row("GetClockInfo(VIDEO)", kFast, 1, selected<&F::clock, kNvmlClockVideo>,
        place_of(kVideoClock)),
    row("GetCurrentClocksEventReasons", kFast, 1, clock_reasons, NvmlPlace::kClockReasons),
    row("GetPerformanceState", kFast, 1, performance_state, place_of(kPerformanceState)),
    row("GetFanSpeed", kFast, 1, one<&F::fan_speed>, place_of(kFanSpeed)),
    row("GetEncoderUtilization", kFast, 1, engine<&F::encoder>, place_of(kEncoderUtilization)),
    row("GetDecoderUtilization", kFast, 1, engine<&F::decoder>, place_of(kDecoderUtilization)),
    row("GetJpgUtilization", kFast, 1, engine<&F::jpeg>, place_of(kJpegUtilization)),
    row("GetOfaUtilization", kFast, 1, engine<&F::ofa>, place_of(kOpticalFlowUtilization)),
    row("GetBAR1MemoryInfo", kFast, 1, bar1, place_of(kBar1Used), place_of(kBar1Total)),
    row("GetCurrPcieLinkGeneration", kFast, 1, one<&F::pcie_generation>, place_of(kPcieGeneration)),
    row("GetCurrPcieLinkWidth", kFast, 1, one<&F::pcie_width>, place_of(kPcieWidth)),
    row("GetPcieReplayCounter", kFast, 1, one<&F::pcie_replays>, place_of(kPcieReplays)),
    row("GetMaxPcieLinkGeneration", kSlow, 1, one<&F::max_pcie_generation>,
        place_of(kPcieGenerationMax)),
    row("GetMaxPcieLinkWidth", kSlow, 1, one<&F::max_pcie_width>, place_of(kPcieWidthMax)),
    row("GetMaxClockInfo(GRAPHICS)", kSlow, 1, selected<&F::max_clock, kNvmlClockGraphics>,
        place_of(kGraphicsClockMax)),
    row("GetMaxClockInfo(SM)", kSlow, 1, selected<&F::max_clock, kNvmlClockSm>,
        place_of(kSmClockMax)),
    row("GetMaxClockInfo(MEM)", kSlow, 1, selected<&F::max_clock, kNvmlClockMemory>,
        place_of(kMemoryClockMax)),
    row("GetMaxClockInfo(VIDEO)", kSlow, 1, selected<&F::max_clock, kNvmlClockVideo>,
        place_of(kVideoClockMax)),
    row("GetPowerManagementDefaultLimit", kSlow, kMilli, one<&F::default_power_limit>,
        place_of(kPowerLimitDefault)),
    row("GetPowerManagementLimitConstraints", kSlow, kMilli, power_range, place_of(kPowerLimitMin),
        place_of(kPowerLimitMax)),
    row("GetTemperatureThreshold(SLOWDOWN)", kSlow, 1,
        selected<&F::temperature_threshold, kNvmlThresholdSlowdown>,
        place_of(kSlowdownTemperature)),
    row("GetTemperatureThreshold(SHUTDOWN)", kSlow, 1,
        selected<&F::temperature_threshold, kNvmlThresholdShutdown>,
        place_of(kShutdownTemperature)),
    row("GetNvLinkState", kSlow, 1, nvlinks, place_of(kNvlinkLinksActive)),
};

constexpr std::array kFields = {
    NvmlFieldRow{82, 0, kFast, place_of(kMemoryTemperature), 1, false},
    NvmlFieldRow{185, 0, kFast, place_of(kPowerAverage), kMilli, false},
    NvmlFieldRow{186, 0, kFast, place_of(kPowerInstant), kMilli, false},
    NvmlFieldRow{3, 0, kFast, place_of(kEccCorrectedVolatile), 1, false},
    NvmlFieldRow{4, 0, kFast, place_of(kEccUncorrectedVolatile), 1, false},
    NvmlFieldRow{5, 0, kFast, place_of(kEccCorrectedTotal), 1, false},
    NvmlFieldRow{6, 0, kFast, place_of(kEccUncorrectedTotal), 1, false},
    NvmlFieldRow{197, 0, kFast, place_of(kPcieSent), 1, false},
    NvmlFieldRow{198, 0, kFast, place_of(kPcieReceived), 1, false},
    NvmlFieldRow{138, kNvmlAllLinks, kFast, place_of(kNvlinkSent), kKibi, false},
    NvmlFieldRow{139, kNvmlAllLinks, kFast, place_of(kNvlinkReceived), kKibi, false},
    NvmlFieldRow{74, 0, kFast, place_of(kThrottlePowerCapTime), kNano, false},
    NvmlFieldRow{76, 0, kFast, place_of(kThrottleSyncBoostTime), kNano, false},
    NvmlFieldRow{269, 0, kFast, place_of(kThrottleSwThermalTime), kNano, false},
    NvmlFieldRow{270, 0, kFast, place_of(kThrottleHwThermalTime), kNano, false},
    NvmlFieldRow{271, 0, kFast, place_of(kThrottlePowerBrakeTime), kNano, false},
    NvmlFieldRow{38, 0, kSlow, place_of(kNvlinkCrcErrors), 1, false},
    NvmlFieldRow{45, 0, kSlow, place_of(kNvlinkCrcErrors), 1, true},
    NvmlFieldRow{52, 0, kSlow, place_of(kNvlinkReplayErrors), 1, false},
    NvmlFieldRow{59, 0, kSlow, place_of(kNvlinkRecoveryErrors), 1, false},
    NvmlFieldRow{29, 0, kSlow, place_of(kRetiredPagesSingleBit), 1, false},
    NvmlFieldRow{30, 0, kSlow, place_of(kRetiredPagesDoubleBit), 1, false},
    NvmlFieldRow{31, 0, kSlow, place_of(kRetiredPagesPending), 1, false},
    NvmlFieldRow{142, 0, kSlow, place_of(kRemappedRowsCorrectable), 1, false},
    NvmlFieldRow{143, 0, kSlow, place_of(kRemappedRowsUncorrectable), 1, false},
    NvmlFieldRow{144, 0, kSlow, place_of(kRemapPending), 1, false},
    NvmlFieldRow{145, 0, kSlow, place_of(kRemapFailed), 1, false},
    NvmlFieldRow{230, 0, kSlow, NvmlPlace::kRecoveryAction, 1, false},
};

constexpr std::array kGpm = {
    NvmlGpmRow{1, kGraphicsActive}, NvmlGpmRow{2, kSmActive},     NvmlGpmRow{3, kSmOccupancy},
    NvmlGpmRow{4, kIntegerActive},  NvmlGpmRow{5, kTensorActive}, NvmlGpmRow{10, kDramActive},
    NvmlGpmRow{11, kFp64Active},    NvmlGpmRow{12, kFp32Active},  NvmlGpmRow{13, kFp16Active},
};

}  // namespace

std::span<const NvmlQuestion> nvml_questions() {
  return kQuestions;
}

std::span<const NvmlFieldRow> nvml_fields() {
  return kFields;
}

std::span<const NvmlGpmRow> nvml_gpm_rows() {
  return kGpm;
}

double number_in(const NvmlField& field) {
  switch (field.type) {
    case NvmlValueType::kDouble:
      return std::isnan(field.value.f64) ? kNonsense : field.value.f64;
    case NvmlValueType::kU32:
      return number(field.value.u32);
    case NvmlValueType::kUlong:
    case NvmlValueType::kU64:
      return number(field.value.u64);
    case NvmlValueType::kI64:
      return static_cast<double>(field.value.i64);
    case NvmlValueType::kI32:
      return static_cast<double>(field.value.i32);
    case NvmlValueType::kU16:
      return number(field.value.u16);
  }
  return kNonsense;
}

}  // namespace gpuvigil
