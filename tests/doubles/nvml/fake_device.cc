// SPDX-License-Identifier: Apache-2.0
#include "answers.h"

// What a device is and what it says now.

using namespace fake_nvml;
using namespace gpuvigil;

using U32 = std::uint32_t;
using U64 = unsigned long long;

GPUVIGIL_FAKE nvmlDeviceGetUUID(NvmlDevice device, char* out, U32 size) {
  return ask_text("nvmlDeviceGetUUID", device, "uuid", out, size);
}
GPUVIGIL_FAKE nvmlDeviceGetName(NvmlDevice device, char* out, U32 size) {
  return ask_text("nvmlDeviceGetName", device, "name", out, size);
}
GPUVIGIL_FAKE nvmlDeviceGetSerial(NvmlDevice device, char* out, U32 size) {
  return ask_text("nvmlDeviceGetSerial", device, "serial", out, size);
}
GPUVIGIL_FAKE nvmlDeviceGetVbiosVersion(NvmlDevice device, char* out, U32 size) {
  return ask_text("nvmlDeviceGetVbiosVersion", device, "vbios", out, size);
}
GPUVIGIL_FAKE nvmlDeviceGetPciInfo_v3(NvmlDevice device, NvmlPci* out) {
  *out = {};
  return ask_text("nvmlDeviceGetPciInfo_v3", device, "bus_id", out->bus_id, sizeof out->bus_id);
}
GPUVIGIL_FAKE nvmlDeviceGetMinorNumber(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetMinorNumber", device, "minor", out);
}
GPUVIGIL_FAKE nvmlDeviceGetArchitecture(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetArchitecture", device, "architecture", out);
}
GPUVIGIL_FAKE nvmlDeviceGetCudaComputeCapability(NvmlDevice device, int* major, int* minor) {
  const char* const name = "nvmlDeviceGetCudaComputeCapability";
  const int code = ask_number(name, device, "compute_capability", major);
  return code == kNvmlOk ? ask_number(name, device, "compute_capability", minor, 1) : code;
}
GPUVIGIL_FAKE nvmlDeviceGetNumGpuCores(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetNumGpuCores", device, "cores", out);
}
GPUVIGIL_FAKE nvmlDeviceGetAttributes_v2(NvmlDevice device, NvmlAttributes* out) {
  return ask("nvmlDeviceGetAttributes_v2", device, "attributes",
             [&](const State& state, const Words& words) {
               const auto number = [&](std::size_t i) {
                 return i < words.size() ? Scenario::get().integer(state, words[i]) : 0;
               };
               const auto small = [&](std::size_t i) { return static_cast<U32>(number(i)); };
               *out = {small(0), small(1), small(2), small(3), small(4),
                       small(5), small(6), small(7), number(8)};
               return kNvmlOk;
             });
}
GPUVIGIL_FAKE nvmlDeviceGetMaxPcieLinkGeneration(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetMaxPcieLinkGeneration", device, "pcie_max", out, 0);
}
GPUVIGIL_FAKE nvmlDeviceGetMaxPcieLinkWidth(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetMaxPcieLinkWidth", device, "pcie_max", out, 1);
}
GPUVIGIL_FAKE nvmlDeviceGetMaxClockInfo(NvmlDevice device, int clock, U32* out) {
  return ask_number("nvmlDeviceGetMaxClockInfo", device, "max_clocks", out,
                    static_cast<std::size_t>(clock));
}
GPUVIGIL_FAKE nvmlDeviceGetPowerManagementDefaultLimit(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetPowerManagementDefaultLimit", device, "power_default", out);
}
GPUVIGIL_FAKE nvmlDeviceGetPowerManagementLimitConstraints(NvmlDevice device, U32* least,
                                                           U32* most) {
  const char* const name = "nvmlDeviceGetPowerManagementLimitConstraints";
  const int code = ask_number(name, device, "power_range", least);
  return code == kNvmlOk ? ask_number(name, device, "power_range", most, 1) : code;
}
GPUVIGIL_FAKE nvmlDeviceGetTemperatureThreshold(NvmlDevice device, int which, U32* out) {
  return ask_number("nvmlDeviceGetTemperatureThreshold", device, "thresholds", out,
                    static_cast<std::size_t>(which));
}
GPUVIGIL_FAKE nvmlDeviceGetEccMode(NvmlDevice device, U32* current, U32* pending) {
  const int code = ask_number("nvmlDeviceGetEccMode", device, "ecc", current);
  if (code == kNvmlOk) *pending = *current;
  return code;
}
GPUVIGIL_FAKE nvmlDeviceGetPersistenceMode(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetPersistenceMode", device, "persistence", out);
}
GPUVIGIL_FAKE nvmlDeviceGetComputeMode(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetComputeMode", device, "compute_mode", out);
}

GPUVIGIL_FAKE nvmlDeviceGetUtilizationRates(NvmlDevice device, NvmlUtilization* out) {
  const char* const name = "nvmlDeviceGetUtilizationRates";
  const int code = ask_number(name, device, "utilization", &out->gpu);
  return code == kNvmlOk ? ask_number(name, device, "utilization", &out->memory, 1) : code;
}
GPUVIGIL_FAKE nvmlDeviceGetEncoderUtilization(NvmlDevice device, U32* out, U32* period) {
  *period = 167000;
  return ask_number("nvmlDeviceGetEncoderUtilization", device, "encoder", out);
}
GPUVIGIL_FAKE nvmlDeviceGetDecoderUtilization(NvmlDevice device, U32* out, U32* period) {
  *period = 167000;
  return ask_number("nvmlDeviceGetDecoderUtilization", device, "decoder", out);
}
GPUVIGIL_FAKE nvmlDeviceGetJpgUtilization(NvmlDevice device, U32* out, U32* period) {
  *period = 167000;
  return ask_number("nvmlDeviceGetJpgUtilization", device, "jpeg", out);
}
GPUVIGIL_FAKE nvmlDeviceGetOfaUtilization(NvmlDevice device, U32* out, U32* period) {
  *period = 167000;
  return ask_number("nvmlDeviceGetOfaUtilization", device, "ofa", out);
}

GPUVIGIL_FAKE nvmlDeviceGetMemoryInfo_v2(NvmlDevice device, NvmlMemoryV2* out) {
  if (out->version != nvml_version<NvmlMemoryV2>(2)) return kNvmlArgumentVersion;
  return ask("nvmlDeviceGetMemoryInfo_v2", device, "memory",
             [&](const State& state, const Words& words) {
               if (words.size() < 3) return kNvmlNotSupported;
               out->total = Scenario::get().integer(state, words[0]);
               out->reserved = Scenario::get().integer(state, words[1]);
               out->used = Scenario::get().integer(state, words[2]);
               out->free = out->total - out->reserved - out->used;
               return kNvmlOk;
             });
}
GPUVIGIL_FAKE nvmlDeviceGetMemoryInfo(NvmlDevice device, NvmlMemory* out) {
  return ask(
      "nvmlDeviceGetMemoryInfo", device, "memory", [&](const State& state, const Words& words) {
        if (words.size() < 3) return kNvmlNotSupported;
        out->total = Scenario::get().integer(state, words[0]);
        out->used =
            Scenario::get().integer(state, words[1]) + Scenario::get().integer(state, words[2]);
        out->free = out->total - out->used;
        return kNvmlOk;
      });
}
GPUVIGIL_FAKE nvmlDeviceGetBAR1MemoryInfo(NvmlDevice device, NvmlBar1Memory* out) {
  const char* const name = "nvmlDeviceGetBAR1MemoryInfo";
  const int code = ask_number(name, device, "bar1", &out->total);
  if (code != kNvmlOk) return code;
  const int used = ask_number(name, device, "bar1", &out->used, 1);
  out->free = out->total - out->used;
  return used;
}

GPUVIGIL_FAKE nvmlDeviceGetTemperatureV(NvmlDevice device, NvmlTemperature* out) {
  if (out->version != nvml_version<NvmlTemperature>(1)) return kNvmlArgumentVersion;
  return ask_number("nvmlDeviceGetTemperatureV", device, "temperature", &out->celsius);
}
GPUVIGIL_FAKE nvmlDeviceGetTemperature(NvmlDevice device, int, U32* out) {
  return ask_number("nvmlDeviceGetTemperature", device, "temperature", out);
}
GPUVIGIL_FAKE nvmlDeviceGetClockInfo(NvmlDevice device, int clock, U32* out) {
  return ask_number("nvmlDeviceGetClockInfo", device, "clocks", out,
                    static_cast<std::size_t>(clock));
}
GPUVIGIL_FAKE nvmlDeviceGetFanSpeed(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetFanSpeed", device, "fan", out);
}
GPUVIGIL_FAKE nvmlDeviceGetPerformanceState(NvmlDevice device, int* out) {
  return ask_number("nvmlDeviceGetPerformanceState", device, "performance_state", out);
}
GPUVIGIL_FAKE nvmlDeviceGetPowerUsage(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetPowerUsage", device, "power", out);
}
GPUVIGIL_FAKE nvmlDeviceGetEnforcedPowerLimit(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetEnforcedPowerLimit", device, "power_limit", out);
}
GPUVIGIL_FAKE nvmlDeviceGetTotalEnergyConsumption(NvmlDevice device, U64* out) {
  return ask_number("nvmlDeviceGetTotalEnergyConsumption", device, "energy", out);
}
GPUVIGIL_FAKE nvmlDeviceGetCurrentClocksEventReasons(NvmlDevice device, U64* out) {
  return ask_number("nvmlDeviceGetCurrentClocksEventReasons", device, "clock_reasons", out);
}
GPUVIGIL_FAKE nvmlDeviceGetCurrentClocksThrottleReasons(NvmlDevice device, U64* out) {
  return ask_number("nvmlDeviceGetCurrentClocksThrottleReasons", device, "clock_reasons", out);
}
GPUVIGIL_FAKE nvmlDeviceGetTotalEccErrors(NvmlDevice device, int type, int since, U64* out) {
  return ask_number("nvmlDeviceGetTotalEccErrors", device, "ecc_errors", out,
                    static_cast<std::size_t>(since * 2 + type));
}
GPUVIGIL_FAKE nvmlDeviceGetCurrPcieLinkGeneration(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetCurrPcieLinkGeneration", device, "pcie", out, 0);
}
GPUVIGIL_FAKE nvmlDeviceGetCurrPcieLinkWidth(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetCurrPcieLinkWidth", device, "pcie", out, 1);
}
GPUVIGIL_FAKE nvmlDeviceGetPcieReplayCounter(NvmlDevice device, U32* out) {
  return ask_number("nvmlDeviceGetPcieReplayCounter", device, "pcie_replays", out);
}
GPUVIGIL_FAKE nvmlDeviceGetRemappedRows(NvmlDevice device, U32* corrected, U32* uncorrected,
                                        U32* pending, U32* failed) {
  U32* const places[] = {corrected, uncorrected, pending, failed};
  for (std::size_t i = 0; i < std::size(places); ++i) {
    const int code = ask_number("nvmlDeviceGetRemappedRows", device, "remapped_rows", places[i], i);
    if (code != kNvmlOk) return code;
  }
  return kNvmlOk;
}
GPUVIGIL_FAKE nvmlDeviceGetNvLinkState(NvmlDevice device, U32 link, U32* out) {
  return ask_number("nvmlDeviceGetNvLinkState", device, "nvlinks", out, link);
}
/// Blocks as the real one does, so that a test sees who calls it.
GPUVIGIL_FAKE nvmlDeviceGetPcieThroughput(NvmlDevice device, int which, U32* out) {
  wait_milliseconds(20);
  return ask_number("nvmlDeviceGetPcieThroughput", device, "pcie_throughput", out,
                    static_cast<std::size_t>(which));
}
