// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "exporters/device_metrics.h"

namespace gpuvigil {
namespace {

using Read = MetricValue (*)(const Frame&, const DeviceRow&, std::uint32_t);

/// A row whose value is one of the catalogue's, times a factor.
struct CatalogueRow {
  std::string_view name;
  FamilyKind kind;
  MetricId id;
  double factor;
  std::string_view help;
};

struct CoreRow {
  std::string_view name;
  std::string_view help;
  Read read;
};

constexpr auto kGauge = FamilyKind::kGauge;
constexpr auto kCounter = FamilyKind::kCounter;
constexpr double kRatio = 0.01;
constexpr double kMilli = 1000;
constexpr double kMebi = 1 / kBytesPerMebibyte;

/// As NVIDIA's default-counters.csv has them: percent, MiB, W, mJ, MHz, and ratios for the
/// profiling fields. Its PCIe and NVLink fields are rates that only a difference could tell; ours
/// are counters and go by our names.
constexpr CatalogueRow kCatalogueRows[] = {
    {"DCGM_FI_DEV_MEM_COPY_UTIL", kGauge, MetricId::kMemoryCopyUtilization, 1,
     "Memory utilization (in %)."},
    {"DCGM_FI_DEV_ENC_UTIL", kGauge, MetricId::kEncoderUtilization, 1,
     "Encoder utilization (in %)."},
    {"DCGM_FI_DEV_DEC_UTIL", kGauge, MetricId::kDecoderUtilization, 1,
     "Decoder utilization (in %)."},
    {"DCGM_FI_DEV_FB_FREE", kGauge, MetricId::kMemoryFree, kMebi, "Free device memory (in MiB)."},
    {"DCGM_FI_DEV_FB_RESERVED", kGauge, MetricId::kMemoryReserved, kMebi,
     "Reserved device memory (in MiB)."},
    {"DCGM_FI_DEV_MEMORY_TEMP", kGauge, MetricId::kMemoryTemperature, 1,
     "Memory temperature (in C)."},
    {"DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", kCounter, MetricId::kEnergy, kMilli,
     "Energy since the driver was loaded (in mJ)."},
    {"DCGM_FI_DEV_PCIE_REPLAY_COUNTER", kCounter, MetricId::kPcieReplays, 1, "PCIe retries."},
    {"DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", kCounter, MetricId::kRemappedRowsUncorrectable, 1,
     "Rows remapped for uncorrectable errors."},
    {"DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS", kCounter, MetricId::kRemappedRowsCorrectable, 1,
     "Rows remapped for correctable errors."},
    {"DCGM_FI_DEV_ROW_REMAP_FAILURE", kGauge, MetricId::kRemapFailed, 1,
     "Whether remapping of rows has failed."},
    {"DCGM_FI_PROF_GR_ENGINE_ACTIVE", kGauge, MetricId::kGraphicsActive, kRatio,
     "Ratio of time the graphics engine is active."},
    {"DCGM_FI_PROF_SM_ACTIVE", kGauge, MetricId::kSmActive, kRatio,
     "Ratio of time an SM has a warp."},
    {"DCGM_FI_PROF_SM_OCCUPANCY", kGauge, MetricId::kSmOccupancy, kRatio,
     "Ratio of resident warps."},
    {"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", kGauge, MetricId::kTensorActive, kRatio,
     "Ratio of time the tensor pipes are active."},
    {"DCGM_FI_PROF_DRAM_ACTIVE", kGauge, MetricId::kDramActive, kRatio,
     "Ratio of time device memory is sending or receiving."},
};

template <class Tag, class Rep>
MetricValue plain(const Reading<Quantity<Tag, Rep>>& reading) {
  return reading ? MetricValue::number(static_cast<double>(reading->count())) : MetricValue();
}

MetricValue mebibytes(const Reading<Bytes>& reading) {
  return reading ? MetricValue::number(to_mebibytes(*reading)) : MetricValue();
}

/// The newest XID of a device; 0: none since we look. Only where events are looked for.
MetricValue last_xid(const Frame& frame, const DeviceRow& device, std::uint32_t) {
  if (device.info->source != "nvml") return {};
  const auto& events = frame.events->events;
  const auto found = std::ranges::find_if(events, [&](const Event& event) {
    return event.kind == "xid" && event.code && event.uuid == device.info->uuid;
  });
  return MetricValue::count(found == events.end() ? 0 : *found->code);
}

constexpr CoreRow kCoreRows[] = {
    {"DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %).",
     [](const Frame&, const DeviceRow& row, std::uint32_t) {
       return plain(row.sample.gpu_utilization);
     }},
    {"DCGM_FI_DEV_FB_USED", "Used device memory (in MiB).",
     [](const Frame&, const DeviceRow& row, std::uint32_t) {
       return mebibytes(row.sample.memory_used);
     }},
    {"DCGM_FI_DEV_FB_TOTAL", "Device memory (in MiB).",
     [](const Frame&, const DeviceRow& row, std::uint32_t) {
       return mebibytes(row.sample.memory_total);
     }},
    {"DCGM_FI_DEV_GPU_TEMP", "GPU temperature (in C).",
     [](const Frame&, const DeviceRow& row, std::uint32_t) {
       return plain(row.sample.temperature);
     }},
    {"DCGM_FI_DEV_POWER_USAGE", "Power draw (in W).",
     [](const Frame&, const DeviceRow& row, std::uint32_t) { return plain(row.sample.power); }},
    {"DCGM_FI_DEV_SM_CLOCK", "SM clock (in MHz).",
     [](const Frame&, const DeviceRow& row, std::uint32_t) { return plain(row.sample.sm_clock); }},
    {"DCGM_FI_DEV_MEM_CLOCK", "Memory clock (in MHz).",
     [](const Frame&, const DeviceRow& row, std::uint32_t) {
       return plain(row.sample.memory_clock);
     }},
    {"DCGM_FI_DEV_XID_ERRORS", "The last XID.", last_xid},
};

MetricValue catalogue(const Frame&, const DeviceRow& device, std::uint32_t argument) {
  const CatalogueRow& row = kCatalogueRows[argument];
  const Reading<double> reading = reading_of(device.sample, row.id);
  if (!reading) return {};
  return row.factor == kRatio ? MetricValue::ratio(*reading)
                              : MetricValue::number(*reading * row.factor);
}

std::vector<DeviceFamilyRow> make_table() {
  std::vector<DeviceFamilyRow> table;
  for (const CoreRow& row : kCoreRows) {
    table.push_back({.head = {.name = std::string(row.name), .help = row.help, .is_foreign = true},
                     .read = row.read});
  }
  for (std::uint32_t i = 0; i < std::size(kCatalogueRows); ++i) {
    const CatalogueRow& row = kCatalogueRows[i];
    table.push_back({.head = {.name = std::string(row.name),
                              .kind = row.kind,
                              .help = row.help,
                              .is_foreign = true},
                     .read = catalogue,
                     .argument = i});
  }
  return table;
}

}  // namespace

std::span<const DeviceFamilyRow> dcgm_device_families() {
  static const std::vector<DeviceFamilyRow> kTable = make_table();
  return kTable;
}

DeviceLabels dcgm_device_labels(const DeviceRow& device, const std::string& host) {
  const DeviceInventory none;
  const DeviceInventory& inventory = device.sample.inventory ? *device.sample.inventory : none;
  const std::uint32_t minor = inventory.minor_number.value_or(device.index);
  Labels all = {{"gpu", std::to_string(device.index)},   {"UUID", device.info->uuid},
                {"pci_bus_id", device.info->pci_bus_id}, {"device", fmt::format("nvidia{}", minor)},
                {"modelName", device.info->name},        {"Hostname", host}};
  if (!inventory.profile.empty()) {
    all.emplace_back("GPU_I_PROFILE", inventory.profile);
    all.emplace_back("GPU_I_ID", std::to_string(inventory.gpu_instance.value_or(0)));
  }
  if (!inventory.driver_version.empty()) {
    all.emplace_back("DCGM_FI_DRIVER_VERSION", inventory.driver_version);
  }
  return {.all = std::move(all), .info = {}};
}

}  // namespace gpuvigil
