// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "exporters/device_metrics.h"
#include "model/base_unit.h"

namespace gpuvigil {
namespace {

constexpr double kHertzPerMegahertz = 1e6;

MetricValue scaled(double value, Unit unit) {
  if (unit == Unit::kPercent) return MetricValue::ratio(value);
  return MetricValue::number(unit == Unit::kMegahertz ? value * kHertzPerMegahertz : value);
}

template <class Tag, class Rep>
MetricValue plain(const Reading<Quantity<Tag, Rep>>& reading) {
  return reading ? MetricValue::number(static_cast<double>(reading->count())) : MetricValue();
}

MetricValue ratio(const Reading<Percent>& reading) {
  return reading ? MetricValue::ratio(reading->count()) : MetricValue();
}

MetricValue bytes(const Reading<Bytes>& reading) {
  return reading ? MetricValue::count(reading->count()) : MetricValue();
}

MetricValue hertz(const Reading<Megahertz>& reading) {
  return reading ? scaled(reading->count(), Unit::kMegahertz) : MetricValue();
}

MetricValue catalogue(const Frame&, const DeviceRow& device, std::uint32_t argument) {
  const auto id = static_cast<MetricId>(argument);
  const Reading<double> reading = reading_of(device.sample, id);
  return reading ? scaled(*reading, info_of(id).unit) : MetricValue();
}

/// What was covered by a source that sees kernels; without one there is nothing to tell.
MetricValue activity(const DeviceRow& device, std::uint64_t ns) {
  return device.activity.covered_ns > 0 ? MetricValue::seconds(ns) : MetricValue();
}

constexpr std::array<std::string_view, 4> kHealthStates = {
    to_string(Health::kOk), to_string(Health::kDegraded), to_string(Health::kFailed),
    to_string(Health::kLost)};

constexpr auto kThrottleNames = [] {
  std::array<std::string_view, kThrottleReasons.size()> names{};
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kThrottleReasons[i].name;
  return names;
}();

using Read = MetricValue (*)(const Frame&, const DeviceRow&, std::uint32_t);

struct CoreRow {
  std::string_view name;
  std::string_view unit;
  FamilyKind kind;
  std::string_view help;
  Read read;
  std::string_view label = {};
  std::span<const std::string_view> values = {};
};

constexpr auto kGauge = FamilyKind::kGauge;
constexpr auto kCounter = FamilyKind::kCounter;

/// What a sample and a row tell beside the catalogue. Names without "gpuvigil_gpu_".
constexpr std::array kCoreRows = {
    CoreRow{"utilization_ratio", "ratio", kGauge,
            "Share of the driver's last window in which some kernel ran.",
            [](const Frame&, const DeviceRow& row, std::uint32_t) {
              return ratio(row.sample.gpu_utilization);
            }},
    CoreRow{
        "kernel_busy_ratio", "ratio", kGauge,
        "Share of the last second, as far as it was seen, in which a kernel ran.",
        [](const Frame&, const DeviceRow& row, std::uint32_t) { return ratio(row.kernel_busy); }},
    CoreRow{"kernel_busy_seconds", "seconds", kCounter, "Time in which at least one kernel ran.",
            [](const Frame&, const DeviceRow& row, std::uint32_t) {
              return activity(row, row.activity.kernel_busy_ns);
            }},
    CoreRow{"busy_seconds", "seconds", kCounter,
            "Time in which at least one kernel, copy or set ran.",
            [](const Frame&, const DeviceRow& row, std::uint32_t) {
              return activity(row, row.activity.gpu_busy_ns);
            }},
    CoreRow{"covered_seconds", "seconds", kCounter,
            "Time in which kernels were looked for: what busy times are a share of.",
            [](const Frame&, const DeviceRow& row, std::uint32_t) {
              return activity(row, row.activity.covered_ns);
            }},
    CoreRow{"memory_used_bytes", "bytes", kGauge,
            "Device memory in use, with the driver's reserve.",
            [](const Frame&, const DeviceRow& row, std::uint32_t) {
              return bytes(row.sample.memory_used);
            }},
    CoreRow{"memory_total_bytes", "bytes", kGauge, "Device memory that there is.",
            [](const Frame&, const DeviceRow& row, std::uint32_t) {
              return bytes(row.sample.memory_total);
            }},
    CoreRow{"temperature_celsius", "celsius", kGauge, "Of the chip.",
            [](const Frame&, const DeviceRow& row, std::uint32_t) {
              return plain(row.sample.temperature);
            }},
    CoreRow{
        "power_watts", "watts", kGauge, "Board power.",
        [](const Frame&, const DeviceRow& row, std::uint32_t) { return plain(row.sample.power); }},
    CoreRow{"power_limit_watts", "watts", kGauge, "The limit that was set.",
            [](const Frame&, const DeviceRow& row, std::uint32_t) {
              return plain(row.sample.power_limit);
            }},
    CoreRow{"sm_clock_hertz", "hertz", kGauge, "Clock of the multiprocessors now.",
            [](const Frame&, const DeviceRow& row, std::uint32_t) {
              return hertz(row.sample.sm_clock);
            }},
    CoreRow{"memory_clock_hertz", "hertz", kGauge, "Clock of the device memory now.",
            [](const Frame&, const DeviceRow& row, std::uint32_t) {
              return hertz(row.sample.memory_clock);
            }},
    CoreRow{"processes", "", kGauge, "Processes that hold memory on the device.",
            [](const Frame&, const DeviceRow& row, std::uint32_t) {
              return row.sample.processes ? MetricValue::count(*row.sample.processes)
                                          : MetricValue();
            }},
    CoreRow{"sample_timestamp_seconds", "seconds", kGauge,
            "When the driver last answered, in seconds since 1970.",
            [](const Frame&, const DeviceRow& row, std::uint32_t) {
              const std::int64_t ns = to_unix_ns(row.sample.at);
              return ns > 0 ? MetricValue::seconds(static_cast<std::uint64_t>(ns)) : MetricValue();
            }},
    CoreRow{"throttled", "", kGauge,
            "Clocks are below what was asked for, for this reason: 1, else 0.",
            [](const Frame&, const DeviceRow& row, std::uint32_t reason) {
              const auto& reasons = row.sample.throttle_reasons;
              if (!reasons) return MetricValue();
              return MetricValue::count((*reasons & kThrottleReasons[reason].bit) != 0 ? 1 : 0);
            },
            "reason", kThrottleNames},
    CoreRow{"health", "", kGauge, "How well the device is: 1 for the state that it is in, else 0.",
            [](const Frame&, const DeviceRow& row, std::uint32_t state) {
              return MetricValue::count(row.sample.health == static_cast<Health>(state) ? 1 : 0);
            },
            "state", kHealthStates},
};

std::vector<DeviceFamilyRow> make_table() {
  std::vector<DeviceFamilyRow> table;
  for (const CoreRow& row : kCoreRows) {
    table.push_back({.head = {.name = fmt::format("gpuvigil_gpu_{}", row.name),
                              .kind = row.kind,
                              .unit = row.unit,
                              .help = row.help},
                     .read = row.read,
                     .label = row.label,
                     .values = row.values});
  }
  for (const DeviceMetric& metric : kDeviceMetrics) {
    const std::string_view unit = base_unit(metric.unit);
    table.push_back({.head = {.name = fmt::format("gpuvigil_gpu_{}{}{}", metric.name,
                                                  unit.empty() ? "" : "_", unit),
                              .kind = metric.kind == MetricKind::kCounter ? kCounter : kGauge,
                              .unit = unit,
                              .help = metric.help},
                     .read = catalogue,
                     .argument = static_cast<std::uint32_t>(metric.id)});
  }
  return table;
}

}  // namespace

std::span<const DeviceFamilyRow> own_device_families() {
  static const std::vector<DeviceFamilyRow> kTable = make_table();
  return kTable;
}

DeviceLabels own_device_labels(const DeviceRow& device, const std::string& host) {
  Labels all = {{"gpu", std::to_string(device.index)},
                {"uuid", device.info->uuid},
                {"name", device.info->name},
                {"host", host}};
  Labels info = all;
  info.emplace_back("pci_bus_id", device.info->pci_bus_id);
  info.emplace_back("source", device.info->source);
  const DeviceInventory none;
  const DeviceInventory& inventory = device.sample.inventory ? *device.sample.inventory : none;
  info.emplace_back("vendor", inventory.vendor);
  info.emplace_back("driver_version", inventory.driver_version);
  info.emplace_back("parent_uuid", inventory.parent_uuid);
  info.emplace_back("profile", inventory.profile);
  return {.all = std::move(all), .info = std::move(info)};
}

}  // namespace gpuvigil
