// SPDX-License-Identifier: Apache-2.0
#include "exporters/device_metrics.h"

#include <algorithm>

#include <fmt/format.h>

namespace gpuvigil {

DeviceMetrics::DeviceMetrics(std::span<const DeviceFamilyRow> table, MakeDeviceLabels make_labels,
                             std::string host)
    : table_(table), make_labels_(make_labels), host_(std::move(host)) {
  for (const DeviceFamilyRow& row : table_) families_.push_back({.head = row.head});
  families_.push_back({.head = {.name = "gpuvigil_gpu",
                                .kind = FamilyKind::kInfo,
                                .help = "What a device is and who tells of it."}});
}

bool DeviceMetrics::is_current(std::span<const DeviceRow> devices) {
  return std::ranges::equal(shown_, devices, [this](Shown& shown, const DeviceRow& device) {
    if (shown.index != device.index) return false;
    if (shown.info == device.info && shown.inventory == device.sample.inventory) return true;
    const DeviceLabels labels = make_labels_(device, host_);
    if (shown.labels.all != labels.all || shown.labels.info != labels.info) return false;
    shown.info = device.info;  // the same was said once more
    shown.inventory = device.sample.inventory;
    return true;
  });
}

void DeviceMetrics::prepare(std::span<const DeviceRow> devices) {
  shown_.clear();
  for (const DeviceRow& device : devices) {
    shown_.push_back({.info = device.info,
                      .inventory = device.sample.inventory,
                      .index = device.index,
                      .labels = make_labels_(device, host_)});
  }
  for (std::size_t f = 0; f < families_.size(); ++f) {
    MetricFamily& family = families_[f];
    ++family.generation;
    family.series.clear();
    for (const Shown& shown : shown_) {
      if (f == table_.size()) {
        if (!shown.labels.info.empty()) family.series.push_back({.labels = &shown.labels.info});
        continue;
      }
      const DeviceFamilyRow& row = table_[f];
      if (row.values.empty()) family.series.push_back({.labels = &shown.labels.all});
      for (const std::string_view value : row.values) {
        family.series.push_back(
            {.labels = &shown.labels.all, .own_name = row.label, .own_value = value});
      }
    }
    family.values.assign(family.series.size(), MetricValue());
  }
}

void DeviceMetrics::update(const Frame& frame) {
  std::span<const DeviceRow> devices(frame.devices);
  left_out_ = devices.size() - std::min(devices.size(), kMaxDevices);
  devices = devices.first(devices.size() - left_out_);
  if (!is_current(devices)) prepare(devices);
  for (std::size_t f = 0; f < table_.size(); ++f) {
    const DeviceFamilyRow& row = table_[f];
    MetricValue* at = families_[f].values.data();
    const auto variants = static_cast<std::uint32_t>(std::max<std::size_t>(row.values.size(), 1));
    for (const DeviceRow& device : devices) {
      for (std::uint32_t i = 0; i < variants; ++i) {
        *at++ = row.read(frame, device, row.argument + i);
      }
    }
  }
  for (MetricValue& value : families_.back().values) value = MetricValue::count(1);
}

}  // namespace gpuvigil
