// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exporters/metric_family.h"
#include "model/frame.h"

namespace gpuvigil {

/// One metric of devices: how it is called, and how a frame tells it.
struct DeviceFamilyRow {
  FamilyHead head;
  /// `argument` is the row's, plus the place of the label's value among `values`.
  MetricValue (*read)(const Frame&, const DeviceRow&, std::uint32_t argument);
  std::uint32_t argument = 0;
  std::string_view label = {};                    ///< A label of its own; empty: none.
  std::span<const std::string_view> values = {};  ///< All that it may be; a series each.
};

/// Ours: everything that a frame tells of a device, in base units. Rows of the catalogue
/// (model/device_metric.h) are made from it.
[[nodiscard]] std::span<const DeviceFamilyRow> own_device_families();

/// What dashboards for NVIDIA's DCGM exporter ask for, in its units, as far as we know it.
[[nodiscard]] std::span<const DeviceFamilyRow> dcgm_device_families();

/// Labels that every series of a device carries, and those of the one that tells what it is.
struct DeviceLabels {
  Labels all;
  Labels info;  ///< Empty: there is no such series.
};
using MakeDeviceLabels = DeviceLabels (*)(const DeviceRow&, const std::string& host);

[[nodiscard]] DeviceLabels own_device_labels(const DeviceRow& device, const std::string& host);
[[nodiscard]] DeviceLabels dcgm_device_labels(const DeviceRow& device, const std::string& host);

/// The metrics of all devices of a frame by one table of names. Labels are made again only when a
/// device came, went or turned into another one.
///
/// Threading: one thread.
class DeviceMetrics {
 public:
  /// Beyond these, devices are left out and counted.
  static constexpr std::size_t kMaxDevices = 512;

  DeviceMetrics(std::span<const DeviceFamilyRow> table, MakeDeviceLabels make_labels,
                std::string host);

  void update(const Frame& frame);
  [[nodiscard]] std::span<const MetricFamily> families() const { return families_; }
  [[nodiscard]] std::size_t left_out() const { return left_out_; }

 private:
  /// Labels, and what they were made of.
  struct Shown {
    std::shared_ptr<const DeviceInfo> info;
    std::shared_ptr<const DeviceInventory> inventory;
    std::uint32_t index;
    DeviceLabels labels;
  };

  [[nodiscard]] bool is_current(std::span<const DeviceRow> devices);
  void prepare(std::span<const DeviceRow> devices);

  const std::span<const DeviceFamilyRow> table_;
  const MakeDeviceLabels make_labels_;
  const std::string host_;
  std::deque<Shown> shown_;  ///< Series point into it.
  std::vector<MetricFamily> families_;
  std::size_t left_out_ = 0;
};

}  // namespace gpuvigil
