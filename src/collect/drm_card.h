// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "collect/drm_clients.h"
#include "collect/kfd.h"
#include "model/device.h"

namespace gpuvigil {

/// Who makes a card and how its driver is asked.
enum class DrmDriver { kAmdgpu, kI915, kXe };

/// One graphics card as the kernel shows it under /sys/class/drm. NVIDIA's driver shows nothing
/// there that NVML does not tell better.
struct DrmCard {
  DrmDriver driver = DrmDriver::kAmdgpu;
  std::string path;    ///< ".../sys/class/drm/card0"
  std::string device;  ///< ".../sys/class/drm/card0/device"
  std::string hwmon;   ///< ".../device/hwmon/hwmon3"; empty: it has no sensors.
  DeviceInfo info;
};

/// The cards of drivers that we know, in the order of their numbers. `root` stands for / in tests.
[[nodiscard]] std::vector<DrmCard> list_drm_cards(const std::string& root);

/// What rarely changes. `node`: the card as the compute driver knows it.
[[nodiscard]] std::shared_ptr<const DeviceInventory> read_drm_inventory(
    const std::string& root, const DrmCard& card, const std::optional<KfdNode>& node);

/// A reading of energy, to tell power from the next one.
struct EnergyReading {
  std::int64_t microjoules = 0;
  Timestamp at{};
};

/// What a card says now, its processes included. `energy` is what it said last, and becomes what it
/// says now; only Intel's cards need it. `sees_all`: `use` counts every process of the machine.
[[nodiscard]] DeviceSample read_drm_card(const DrmCard& card, const DrmDeviceUse& use,
                                         bool sees_all, Timestamp now,
                                         std::optional<EnergyReading>& energy);

/// The identity of a device that has no UUID of its own: by the number that is burnt into it, in
/// hexadecimal, else by its place. All ways to read a device give it the same.
[[nodiscard]] std::string device_uuid(std::string_view unique_id, std::string_view pci_bus_id);

}  // namespace gpuvigil
