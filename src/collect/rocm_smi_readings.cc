// SPDX-License-Identifier: Apache-2.0
#include "collect/rocm_smi_readings.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr std::uint32_t kTextBytes = 256;
constexpr std::uint32_t kNumaLimit = 65'536;

/// Parts of the chip that count errors, by their bit (rsmi_gpu_block_t).
struct EccBlock {
  std::uint64_t bit;
  std::string_view name;
};
constexpr std::array kEccBlocks = {
    EccBlock{0x1, "umc"},    EccBlock{0x2, "sdma"},    EccBlock{0x4, "gfx"},
    EccBlock{0x8, "mmhub"},  EccBlock{0x10, "athub"},  EccBlock{0x20, "pcie_bif"},
    EccBlock{0x40, "hdp"},   EccBlock{0x80, "xgmi"},   EccBlock{0x100, "df"},
    EccBlock{0x200, "smn"},  EccBlock{0x400, "sem"},   EccBlock{0x800, "mp0"},
    EccBlock{0x1000, "mp1"}, EccBlock{0x2000, "fuse"},
};

/// What a function that fills one number says.
template <class Number>
Reading<double> number(const RsmiFunction<std::uint32_t, Number*>& function, std::uint32_t index) {
  Number value = 0;
  const RsmiCode code = function(index, &value);
  if (code != kRsmiOk) return missing(rsmi_missing(code));
  return static_cast<double>(value);
}

/// Takes over what is a value, and a reason only where there was no value.
void put(Reading<double>& at, const Reading<double>& value) {
  if (value || !at) at = value;
}

template <class Unit>
void put(Reading<Unit>& at, const Reading<double>& value) {
  if (value) {
    at = Unit(*value);
  } else if (!at) {
    at = missing(value.error());
  }
}

void read_memory(const RsmiFunctions& call, std::uint32_t index, DeviceSample& sample,
                 MetricSet& metrics) {
  std::uint64_t total = 0;
  std::uint64_t used = 0;
  const RsmiCode total_code = call.memory_total(index, kRsmiVram, &total);
  const RsmiCode used_code = call.memory_used(index, kRsmiVram, &used);
  if (total_code == kRsmiOk) sample.memory_total = Bytes(total);
  if (used_code == kRsmiOk) sample.memory_used = Bytes(used);
  if (total_code != kRsmiOk && !sample.memory_total) {
    sample.memory_total = missing(rsmi_missing(total_code));
  }
  if (used_code != kRsmiOk && !sample.memory_used) {
    sample.memory_used = missing(rsmi_missing(used_code));
  }
  if (total_code == kRsmiOk && used_code == kRsmiOk && used <= total) {
    metrics[MetricId::kMemoryFree] = static_cast<double>(total - used);
  }
}

void read_heat(const RsmiFunctions& call, std::uint32_t index, DeviceSample& sample,
               MetricSet& metrics) {
  const auto degrees = [&](std::uint32_t sensor, std::uint32_t what) -> Reading<double> {
    std::int64_t value = 0;
    const RsmiCode code = call.temperature(index, sensor, what, &value);
    if (code != kRsmiOk) return missing(rsmi_missing(code));
    return static_cast<double>(value) / 1e3;
  };
  const auto edge = degrees(kRsmiEdge, kRsmiCurrent);
  const auto hottest = degrees(kRsmiJunction, kRsmiCurrent);
  // Accelerators of the data centre have no sensor at the edge.
  put(sample.temperature, edge ? edge : hottest);
  put(metrics[MetricId::kHotspotTemperature], hottest);
  put(metrics[MetricId::kMemoryTemperature], degrees(kRsmiMemory, kRsmiCurrent));
  const std::uint32_t sensor = edge ? kRsmiEdge : kRsmiJunction;
  put(metrics[MetricId::kSlowdownTemperature], degrees(sensor, kRsmiCritical));
  put(metrics[MetricId::kShutdownTemperature], degrees(sensor, kRsmiEmergency));
  std::int64_t fan = 0;
  std::uint64_t most = 0;
  if (call.fan(index, 0, &fan) == kRsmiOk && call.fan_max(index, 0, &most) == kRsmiOk && most > 0) {
    metrics[MetricId::kFanSpeed] = static_cast<double>(fan) / static_cast<double>(most) * 100;
  }
}

void read_power(const RsmiFunctions& call, std::uint32_t index, DeviceSample& sample,
                MetricSet& metrics) {
  std::uint64_t microwatts = 0;
  std::uint32_t type = kRsmiAveragePower;
  RsmiCode code = call.power(index, &microwatts, &type);
  if (code != kRsmiOk) {  // before ROCm 6.0
    type = kRsmiAveragePower;
    code = call.power_average(index, 0, &microwatts);
  }
  const Reading<double> watts = code == kRsmiOk
                                    ? Reading<double>(static_cast<double>(microwatts) / 1e6)
                                    : missing(rsmi_missing(code));
  put(sample.power, watts);
  put(metrics[type == kRsmiInstantPower ? MetricId::kPowerInstant : MetricId::kPowerAverage],
      watts);
  const auto as_watts = [](RsmiCode answer, std::uint64_t value) -> Reading<double> {
    if (answer != kRsmiOk) return missing(rsmi_missing(answer));
    return static_cast<double>(value) / 1e6;
  };
  std::uint64_t cap = 0;
  std::uint64_t least = 0;
  code = call.power_cap(index, 0, &cap);
  const auto limit = as_watts(code, cap);
  put(sample.power_limit, limit);
  put(metrics[MetricId::kPowerLimitEnforced], limit);
  code = call.power_cap_default(index, &cap);
  put(metrics[MetricId::kPowerLimitDefault], as_watts(code, cap));
  code = call.power_cap_range(index, 0, &cap, &least);
  put(metrics[MetricId::kPowerLimitMax], as_watts(code, cap));
  put(metrics[MetricId::kPowerLimitMin], as_watts(code, least));
  std::uint64_t count = 0;
  std::uint64_t at = 0;
  float microjoules = 0;
  code = call.energy(index, &count, &microjoules, &at);
  put(metrics[MetricId::kEnergy],
      code == kRsmiOk ? Reading<double>(static_cast<double>(count) * microjoules / 1e6)
                      : missing(rsmi_missing(code)));
}

/// Sums the errors of all blocks; those that could not be corrected are findings, block by block.
void read_errors(const RsmiFunctions& call, std::uint32_t index, DeviceDetails& details) {
  std::uint64_t enabled = 0;
  if (call.ecc_blocks(index, &enabled) != kRsmiOk) enabled = ~std::uint64_t{0};
  bool is_told = false;
  RsmiErrorCount sum;
  for (const auto& [bit, name] : kEccBlocks) {
    RsmiErrorCount count;
    if ((enabled & bit) == 0 || call.ecc(index, bit, &count) != kRsmiOk) continue;
    is_told = true;
    sum.corrected += count.corrected;
    sum.uncorrected += count.uncorrected;
    if (count.uncorrected == 0 || details.findings.size() == DeviceDetails::kMaxFindings) continue;
    details.findings.push_back(
        {.code = fmt::format("ecc_uncorrected_{}", name),
         .detail = fmt::format("{} uncorrected errors in {} since the driver was loaded",
                               count.uncorrected, name),
         .advice = "reset the device; have it replaced when they come again"});
  }
  if (is_told) {
    details.metrics[MetricId::kEccCorrectedVolatile] = static_cast<double>(sum.corrected);
    details.metrics[MetricId::kEccUncorrectedVolatile] = static_cast<double>(sum.uncorrected);
  }
  std::uint32_t pages = 0;
  if (call.bad_pages(index, &pages, nullptr) == kRsmiOk) {
    details.metrics[MetricId::kRetiredPagesDoubleBit] = static_cast<double>(pages);
  }
  std::uint32_t xgmi = 0;
  if (call.xgmi_errors(index, &xgmi) == kRsmiOk && xgmi != 0) {
    details.findings.push_back(
        {.code = "xgmi_errors",
         .detail = xgmi == 1 ? "an error on an xGMI link" : "several errors on xGMI links",
         .advice = "look into the system's log (dmesg) for amdgpu's words"});
  }
}

void read_links(const RsmiFunctions& call, const RsmiDevice& device,
                std::span<const RsmiDevice> all, DeviceDetails& details) {
  for (const RsmiDevice& other : all) {
    std::uint64_t hops = 0;
    std::uint32_t type = 0;
    if (other.index == device.index || details.links.size() == DeviceDetails::kMaxLinks) continue;
    const RsmiCode code = call.link(device.index, other.index, &hops, &type);
    if (code != kRsmiOk || type != kRsmiLinkXgmi) continue;
    DeviceLink link;
    link.index = static_cast<std::uint32_t>(details.links.size());
    link.is_active = true;
    link.remote_pci_bus_id = other.info.pci_bus_id;
    link.remote_type = "gpu";
    details.links.push_back(std::move(link));
  }
}

/// The text of a function that fills a buffer; empty where there is none or it says so.
template <class Size>
std::string text(const RsmiFunction<std::uint32_t, char*, Size>& function, std::uint32_t index) {
  char out[kTextBytes] = {};
  if (function(index, out, sizeof out - 1) != kRsmiOk) return {};
  const std::string said = clean_text(out);
  return said == "N/A" || said == "0" ? std::string() : said;
}

}  // namespace

void read_rocm_smi(const RsmiFunctions& call, const RsmiDevice& device,
                   std::span<const RsmiDevice> all, DeviceSample& sample) {
  auto details = sample.details ? std::make_shared<DeviceDetails>(**sample.details)
                                : std::make_shared<DeviceDetails>();
  const std::uint32_t index = device.index;
  MetricSet& metrics = details->metrics;
  put(sample.gpu_utilization, number(call.busy, index));
  put(metrics[MetricId::kMemoryCopyUtilization], number(call.memory_busy, index));
  put(metrics[MetricId::kPcieReplays], number(call.pcie_replays, index));
  read_memory(call, index, sample, metrics);
  read_heat(call, index, sample, metrics);
  read_power(call, index, sample, metrics);
  read_errors(call, index, *details);
  read_links(call, device, all, *details);
  if (!details->findings.empty()) sample.health = Health::kDegraded;
  sample.details = std::move(details);
}

void read_rocm_smi_inventory(const RsmiFunctions& call, const RsmiDevice& device,
                             DeviceInventory& inventory) {
  const auto put_text = [](std::string& at, std::string said) {
    if (!said.empty()) at = std::move(said);
  };
  inventory.vendor = "AMD";
  put_text(inventory.serial, text(call.serial, device.index));
  put_text(inventory.vbios, text(call.vbios, device.index));
  put_text(inventory.driver_version, text(call.component_version, kRsmiDriver));
  const std::string compute = text(call.compute_partition, device.index);
  const std::string memory = text(call.memory_partition, device.index);
  if (!compute.empty()) {
    inventory.profile = memory.empty() ? compute : fmt::format("{}/{}", compute, memory);
  }
  std::int32_t node = -1;
  if (call.numa(device.index, &node) == kRsmiOk && node >= 0 &&
      node < static_cast<std::int32_t>(kNumaLimit)) {
    inventory.numa_node = node;
  }
  std::uint64_t blocks = 0;
  if (call.ecc_blocks(device.index, &blocks) == kRsmiOk) inventory.ecc_enabled = (blocks & 1U) != 0;
}

}  // namespace gpuvigil
