// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_map>

#include "collect/sample_report.h"
#include "collect/sysfs.h"

namespace gpuvigil {

/// Which backend tells of a device where several do. They call it differently, but its place on
/// the PCI bus is the same. Parts of a device share their place, within one backend.
class DeviceOwners {
 public:
  /// Takes what is there in this report and nobody told before. Backends that know more come first.
  void add(const SampleReport& report) {
    for (const SampledDevice& device : report.devices) {
      const std::string place = normal_pci_bus_id(device.info->pci_bus_id);
      const bool is_there = device.sample.health != Health::kLost;
      if (is_there && !place.empty()) owners_.try_emplace(place, report.backend);
    }
  }

  /// True where this report is to tell of `device`: it has no place, nobody tells of that place, or
  /// it is this report's own.
  [[nodiscard]] bool is_for(const DeviceInfo& device, const SampleReport& report) const {
    const auto owner = owners_.find(normal_pci_bus_id(device.pci_bus_id));
    return owner == owners_.end() || owner->second == report.backend;
  }

 private:
  std::unordered_map<std::string, std::string> owners_;  ///< A backend's name by place.
};

}  // namespace gpuvigil
