// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iterator>

#include "collect/rocm_smi_abi.h"
#include "scenario.h"

using namespace fake_nvml;
using namespace gpuvigil;

#define GPUVIGIL_FAKE extern "C" __attribute__((visibility("default"))) RsmiCode

using U32 = std::uint32_t;
using U64 = std::uint64_t;

namespace {

/// What the scenario lets this call say, or what `answer` makes of the values of a key.
template <class Answer>
RsmiCode ask(const char* function, U32 index, std::string_view key, Answer answer) {
  if (const auto code = Scenario::get().enter(function, static_cast<int>(index))) {
    return static_cast<RsmiCode>(*code);
  }
  return Scenario::get().with([&](const State& state) -> RsmiCode {
    const auto gpu = state.gpus.find(index);
    if (gpu == state.gpus.end() || gpu->second.is_removed) return kRsmiInvalidArguments;
    const auto found = gpu->second.self.values.find(key);
    if (found == gpu->second.self.values.end()) return kRsmiNotSupported;
    return answer(state, found->second);
  });
}

template <class Number>
RsmiCode ask_number(const char* function, U32 index, std::string_view key, Number* out,
                    std::size_t which = 0) {
  return ask(function, index, key, [&](const State& state, const Words& words) -> RsmiCode {
    if (which >= words.size()) return kRsmiNotSupported;
    *out = static_cast<Number>(Scenario::get().integer(state, words[which]));
    return kRsmiOk;
  });
}

RsmiCode ask_text(const char* function, U32 index, std::string_view key, char* out,
                  std::size_t size) {
  return ask(function, index, key, [&](const State&, const Words& words) -> RsmiCode {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    std::snprintf(out, size, "%s", text.c_str());
    return kRsmiOk;
  });
}

const char* sensor_key(U32 sensor) {
  return sensor == kRsmiEdge ? "edge" : sensor == kRsmiJunction ? "junction" : "hbm";
}

constexpr const char* kBlocks[] = {"ecc_umc",      "ecc_sdma", "ecc_gfx",  "ecc_mmhub", "ecc_athub",
                                   "ecc_pcie_bif", "ecc_hdp",  "ecc_xgmi", "ecc_df",    "ecc_smn",
                                   "ecc_sem",      "ecc_mp0",  "ecc_mp1",  "ecc_fuse"};

}  // namespace

GPUVIGIL_FAKE rsmi_init(U64) {
  Scenario::get().open_or_close(1);
  return static_cast<RsmiCode>(Scenario::get().enter("rsmi_init", -1).value_or(0));
}
GPUVIGIL_FAKE rsmi_shut_down() {
  Scenario::get().open_or_close(-1);
  return kRsmiOk;
}
GPUVIGIL_FAKE rsmi_version_str_get(U32, char* out, U32 size) {
  return Scenario::get().with([&](const State& state) -> RsmiCode {
    const auto found = state.system.find("driver");
    if (found == state.system.end() || found->second.empty()) return kRsmiNotSupported;
    std::snprintf(out, size, "%s", found->second[0].c_str());
    return kRsmiOk;
  });
}
GPUVIGIL_FAKE rsmi_num_monitor_devices(U32* out) {
  if (const auto code = Scenario::get().enter("rsmi_num_monitor_devices", -1)) {
    return static_cast<RsmiCode>(*code);
  }
  *out = Scenario::get().with([](const State& state) {
    return static_cast<U32>(
        std::ranges::count_if(state.gpus, [](const auto& gpu) { return !gpu.second.is_removed; }));
  });
  return kRsmiOk;
}
GPUVIGIL_FAKE rsmi_dev_pci_id_get(U32 index, U64* out) {
  return ask("rsmi_dev_pci_id_get", index, "pci", [&](const State&, const Words& words) {
    unsigned domain = 0;
    unsigned bus = 0;
    unsigned device = 0;
    unsigned function = 0;
    std::sscanf(words[0].c_str(), "%x:%x:%x.%x", &domain, &bus, &device, &function);
    *out = (U64{domain} << 32U) | (bus << 8U) | (device << 3U) | function;
    return kRsmiOk;
  });
}
GPUVIGIL_FAKE rsmi_dev_unique_id_get(U32 index, U64* out) {
  return ask_number("rsmi_dev_unique_id_get", index, "unique_id", out);
}
GPUVIGIL_FAKE rsmi_dev_name_get(U32 index, char* out, std::size_t size) {
  return ask_text("rsmi_dev_name_get", index, "name", out, size);
}
GPUVIGIL_FAKE rsmi_dev_serial_number_get(U32 index, char* out, U32 size) {
  return ask_text("rsmi_dev_serial_number_get", index, "serial", out, size);
}
GPUVIGIL_FAKE rsmi_dev_vbios_version_get(U32 index, char* out, U32 size) {
  return ask_text("rsmi_dev_vbios_version_get", index, "vbios", out, size);
}
GPUVIGIL_FAKE rsmi_dev_busy_percent_get(U32 index, U32* out) {
  return ask_number("rsmi_dev_busy_percent_get", index, "busy", out);
}
GPUVIGIL_FAKE rsmi_dev_memory_busy_percent_get(U32 index, U32* out) {
  return ask_number("rsmi_dev_memory_busy_percent_get", index, "memory_busy", out);
}
GPUVIGIL_FAKE rsmi_dev_memory_total_get(U32 index, U32, U64* out) {
  return ask_number("rsmi_dev_memory_total_get", index, "memory", out, 0);
}
GPUVIGIL_FAKE rsmi_dev_memory_usage_get(U32 index, U32, U64* out) {
  return ask_number("rsmi_dev_memory_usage_get", index, "memory", out, 1);
}
GPUVIGIL_FAKE rsmi_dev_temp_metric_get(U32 index, U32 sensor, U32 what, std::int64_t* out) {
  const std::size_t which = what == kRsmiCritical ? 1 : what == kRsmiEmergency ? 2 : 0;
  return ask_number("rsmi_dev_temp_metric_get", index, sensor_key(sensor), out, which);
}
GPUVIGIL_FAKE rsmi_dev_power_ave_get(U32 index, U32, U64* out) {
  return ask_number("rsmi_dev_power_ave_get", index, "power", out);
}
GPUVIGIL_FAKE rsmi_dev_power_cap_get(U32 index, U32, U64* out) {
  return ask_number("rsmi_dev_power_cap_get", index, "power_cap", out, 0);
}
GPUVIGIL_FAKE rsmi_dev_power_cap_range_get(U32 index, U32, U64* most, U64* least) {
  const char* const name = "rsmi_dev_power_cap_range_get";
  const RsmiCode code = ask_number(name, index, "power_cap", most, 2);
  return code == kRsmiOk ? ask_number(name, index, "power_cap", least, 3) : code;
}
GPUVIGIL_FAKE rsmi_dev_fan_speed_get(U32 index, U32, std::int64_t* out) {
  return ask_number("rsmi_dev_fan_speed_get", index, "fan", out, 0);
}
GPUVIGIL_FAKE rsmi_dev_fan_speed_max_get(U32 index, U32, U64* out) {
  return ask_number("rsmi_dev_fan_speed_max_get", index, "fan", out, 1);
}
GPUVIGIL_FAKE rsmi_dev_pci_replay_counter_get(U32 index, U64* out) {
  return ask_number("rsmi_dev_pci_replay_counter_get", index, "pcie_replays", out);
}
GPUVIGIL_FAKE rsmi_dev_ecc_enabled_get(U32 index, U64* out) {
  return ask_number("rsmi_dev_ecc_enabled_get", index, "ecc_enabled", out);
}
GPUVIGIL_FAKE rsmi_dev_ecc_count_get(U32 index, U64 block, RsmiErrorCount* out) {
  for (std::size_t i = 0; i < std::size(kBlocks); ++i) {
    if (block != U64{1} << i) continue;
    const char* const name = "rsmi_dev_ecc_count_get";
    const RsmiCode code = ask_number(name, index, kBlocks[i], &out->corrected, 0);
    return code == kRsmiOk ? ask_number(name, index, kBlocks[i], &out->uncorrected, 1) : code;
  }
  return kRsmiInvalidArguments;
}
GPUVIGIL_FAKE rsmi_dev_memory_reserved_pages_get(U32 index, U32* out, void*) {
  return ask_number("rsmi_dev_memory_reserved_pages_get", index, "bad_pages", out);
}
GPUVIGIL_FAKE rsmi_topo_get_link_type(U32 index, U32 other, U64* hops, U32* type) {
  *hops = 1;
  return ask_number("rsmi_topo_get_link_type", index, "links", type, other);
}
GPUVIGIL_FAKE rsmi_dev_xgmi_error_status(U32 index, U32* out) {
  return ask_number("rsmi_dev_xgmi_error_status", index, "xgmi_errors", out);
}

#ifndef FAKE_OLD

GPUVIGIL_FAKE rsmi_dev_power_get(U32 index, U64* out, U32* type) {
  const char* const name = "rsmi_dev_power_get";
  const RsmiCode code = ask_number(name, index, "power", out);
  return code == kRsmiOk ? ask_number(name, index, "power", type, 1) : code;
}
GPUVIGIL_FAKE rsmi_dev_power_cap_default_get(U32 index, U64* out) {
  return ask_number("rsmi_dev_power_cap_default_get", index, "power_cap", out, 1);
}
GPUVIGIL_FAKE rsmi_dev_energy_count_get(U32 index, U64* out, float* each, U64* at) {
  *at = 0;
  const char* const name = "rsmi_dev_energy_count_get";
  const RsmiCode code = ask_number(name, index, "energy", out);
  if (code != kRsmiOk) return code;
  return ask(name, index, "energy", [&](const State&, const Words& words) -> RsmiCode {
    *each = words.size() > 1 ? std::stof(words[1]) : 1;
    return kRsmiOk;
  });
}
GPUVIGIL_FAKE rsmi_topo_numa_affinity_get(U32 index, std::int32_t* out) {
  return ask_number("rsmi_topo_numa_affinity_get", index, "numa", out);
}
GPUVIGIL_FAKE rsmi_dev_compute_partition_get(U32 index, char* out, U32 size) {
  return ask_text("rsmi_dev_compute_partition_get", index, "compute_partition", out, size);
}
GPUVIGIL_FAKE rsmi_dev_memory_partition_get(U32 index, char* out, U32 size) {
  return ask_text("rsmi_dev_memory_partition_get", index, "memory_partition", out, size);
}

#endif
