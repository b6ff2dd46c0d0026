// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "exporters/device_metrics.h"

namespace gpuvigil {
namespace {

constexpr auto kGauge = FamilyKind::kGauge;
constexpr auto kCounter = FamilyKind::kCounter;

using Read = MetricValue (*)(const Frame&, const DeviceRow&, std::uint32_t);

MetricValue ratio(const Reading<double>& percent) {
  return percent ? MetricValue::ratio(*percent) : MetricValue();
}

MetricValue number(const Reading<double>& reading) {
  return reading ? MetricValue::number(*reading) : MetricValue();
}

template <class Tag, class Rep>
MetricValue plain(const Reading<Quantity<Tag, Rep>>& reading) {
  return reading ? MetricValue::number(static_cast<double>(reading->count())) : MetricValue();
}

constexpr std::array<std::string_view, 3> kTasks = {"general", "encoder", "decoder"};
constexpr std::array<std::string_view, 2> kDirections = {"receive", "transmit"};
constexpr std::array<std::string_view, 2> kErrorTypes = {"corrected", "uncorrected"};
constexpr std::array<std::string_view, 4> kStates = {
    to_string(Health::kOk), to_string(Health::kDegraded), to_string(Health::kFailed),
    to_string(Health::kLost)};

struct Row {
  std::string_view name;
  std::string_view unit;
  FamilyKind kind;
  Read read;
  std::string_view label = {};
  std::span<const std::string_view> values = {};
};

constexpr std::array kRows = {
    Row{"hw.gpu.utilization", "1", kGauge,
        [](const Frame&, const DeviceRow& row, std::uint32_t task) {
          if (task == 1) return ratio(reading_of(row.sample, MetricId::kEncoderUtilization));
          if (task == 2) return ratio(reading_of(row.sample, MetricId::kDecoderUtilization));
          const auto& general = row.sample.gpu_utilization;
          return general ? MetricValue::ratio(general->count()) : MetricValue();
        },
        "hw.gpu.task", kTasks},
    Row{"hw.gpu.memory.usage", "By", kGauge,
        [](const Frame&, const DeviceRow& row, std::uint32_t) {
          return plain(row.sample.memory_used);
        }},
    Row{"hw.gpu.memory.limit", "By", kGauge,
        [](const Frame&, const DeviceRow& row, std::uint32_t) {
          return plain(row.sample.memory_total);
        }},
    Row{"hw.gpu.memory.utilization", "1", kGauge,
        [](const Frame&, const DeviceRow& row, std::uint32_t) {
          const MetricValue used = plain(row.sample.memory_used);
          const MetricValue total = plain(row.sample.memory_total);
          if (!used.is_there() || total.to_double() <= 0) return MetricValue();
          return MetricValue::number(used.to_double() / total.to_double());
        }},
    Row{"hw.gpu.io", "By", kCounter,
        [](const Frame&, const DeviceRow& row, std::uint32_t direction) {
          const MetricId id = direction == 0 ? MetricId::kPcieReceived : MetricId::kPcieSent;
          return number(reading_of(row.sample, id));
        },
        "network.io.direction", kDirections},
    Row{"hw.errors", "{error}", kCounter,
        [](const Frame&, const DeviceRow& row, std::uint32_t type) {
          return number(reading_of(row.sample, type == 0 ? MetricId::kEccCorrectedTotal
                                                         : MetricId::kEccUncorrectedTotal));
        },
        "error.type", kErrorTypes},
    Row{"hw.energy", "J", kCounter,
        [](const Frame&, const DeviceRow& row, std::uint32_t) {
          return number(reading_of(row.sample, MetricId::kEnergy));
        }},
    Row{"hw.power", "W", kGauge,
        [](const Frame&, const DeviceRow& row, std::uint32_t) { return plain(row.sample.power); }},
    Row{"hw.temperature", "Cel", kGauge,
        [](const Frame&, const DeviceRow& row, std::uint32_t) {
          return plain(row.sample.temperature);
        }},
    Row{"hw.status", "1", kGauge,
        [](const Frame&, const DeviceRow& row, std::uint32_t state) {
          return MetricValue::count(row.sample.health == static_cast<Health>(state) ? 1 : 0);
        },
        "hw.state", kStates},
};

std::vector<DeviceFamilyRow> make_table() {
  std::vector<DeviceFamilyRow> table;
  for (const Row& row : kRows) {
    table.push_back({.head = {.name = std::string(row.name),
                              .kind = row.kind,
                              .unit = row.unit,
                              .is_foreign = true},
                     .read = row.read,
                     .label = row.label,
                     .values = row.values});
  }
  return table;
}

}  // namespace

std::span<const DeviceFamilyRow> otel_device_families() {
  static const std::vector<DeviceFamilyRow> kTable = make_table();
  return kTable;
}

DeviceLabels otel_device_labels(const DeviceRow& device, const std::string& /*host*/) {
  const DeviceInventory none;
  const DeviceInventory& inventory = device.sample.inventory ? *device.sample.inventory : none;
  return {.all = {{"hw.id", device.info->uuid},
                  {"hw.name", "gpu" + std::to_string(device.index)},
                  {"hw.type", "gpu"},
                  {"hw.model", device.info->name},
                  {"hw.vendor", inventory.vendor},
                  {"hw.driver_version", inventory.driver_version},
                  {"hw.parent", inventory.parent_uuid}},
          .info = {}};
}

}  // namespace gpuvigil
