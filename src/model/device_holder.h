// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/device.h"

namespace gpuvigil {

/// A container to which a device was handed out. Others may hold the same one, where it is shared.
struct DeviceHolder {
  std::string device_id;  ///< As the device plugin calls it.
  std::string resource;   ///< "nvidia.com/gpu"
  std::string pod_namespace;
  std::string pod;
  std::string container;

  friend bool operator==(const DeviceHolder&, const DeviceHolder&) = default;
};

using DeviceHolders = std::vector<DeviceHolder>;

/// Whether a device plugin's name means that device: its UUID ("GPU-…", "MIG-…"), its PCI address,
/// or "nvidia0" by its minor number; copies of a shared one are numbered ("GPU-…::3").
[[nodiscard]] bool is_device_id_of(std::string_view device_id, const DeviceInfo& info,
                                   std::optional<std::uint32_t> minor_number);

}  // namespace gpuvigil
