// SPDX-License-Identifier: Apache-2.0
#include "collect/drm_card.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "collect/drm_readings.h"
#include "collect/sysfs.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxCards = 256;
constexpr std::size_t kMaxSensors = 16;

struct KnownDriver {
  std::string_view name;
  DrmDriver driver;
  std::string_view vendor;
};
constexpr std::array kDrivers = {
    KnownDriver{"amdgpu", DrmDriver::kAmdgpu, "AMD"},
    KnownDriver{"i915", DrmDriver::kI915, "Intel"},
    KnownDriver{"xe", DrmDriver::kXe, "Intel"},
};

std::string_view vendor_of(DrmDriver driver) {
  return std::ranges::find(kDrivers, driver, &KnownDriver::driver)->vendor;
}

/// The number of "card12"; nothing for its connectors ("card12-DP-1") and others.
std::optional<unsigned> card_number(std::string_view name) {
  if (!name.starts_with("card")) return std::nullopt;
  name.remove_prefix(4);
  unsigned number = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<DrmCard> read_card(std::string path) {
  DrmCard card;
  card.device = path + "/device";
  card.path = std::move(path);
  const auto uevent = read_sysfs(card.device + "/uevent");
  if (!uevent) return std::nullopt;
  const auto known =
      std::ranges::find(kDrivers, uevent_value(*uevent, "DRIVER"), &KnownDriver::name);
  const std::string bus_id = normal_pci_bus_id(uevent_value(*uevent, "PCI_SLOT_NAME"));
  if (known == kDrivers.end() || bus_id.empty()) return std::nullopt;
  card.driver = known->driver;
  std::string name = read_sysfs_line(card.device + "/product_name");
  if (name.empty()) name = fmt::format("{} GPU {}", known->vendor, uevent_value(*uevent, "PCI_ID"));
  card.info = {.uuid = device_uuid(read_sysfs_line(card.device + "/unique_id"), bus_id),
               .name = std::move(name),
               .pci_bus_id = bus_id,
               .source = "drm"};
  for (const std::string& sensors : list_folder(card.device + "/hwmon", kMaxSensors)) {
    if (sensors.starts_with("hwmon")) card.hwmon = card.device + "/hwmon/" + sensors;
  }
  return card;
}

}  // namespace

std::string device_uuid(std::string_view unique_id, std::string_view pci_bus_id) {
  if (unique_id.starts_with("0x")) unique_id.remove_prefix(2);
  std::uint64_t number = 0;
  const char* const end = unique_id.data() + unique_id.size();
  const auto [stop, error] = std::from_chars(unique_id.data(), end, number, 16);
  if (error == std::errc() && stop == end && number != 0) return fmt::format("GPU-{:016x}", number);
  return fmt::format("PCI-{}", pci_bus_id);
}

std::vector<DrmCard> list_drm_cards(const std::string& root) {
  const std::string folder = root + "/sys/class/drm";
  std::vector<std::pair<unsigned, std::string>> numbered;
  for (const std::string& name : list_folder(folder, 16 * kMaxCards)) {
    if (const auto number = card_number(name)) numbered.emplace_back(*number, name);
  }
  std::ranges::sort(numbered);
  std::vector<DrmCard> cards;
  for (const auto& [number, name] : numbered) {
    if (cards.size() == kMaxCards) break;
    if (auto card = read_card(folder + "/" + name)) cards.push_back(*std::move(card));
  }
  return cards;
}

std::shared_ptr<const DeviceInventory> read_drm_inventory(const std::string& root,
                                                          const DrmCard& card,
                                                          const std::optional<KfdNode>& node) {
  auto inventory = std::make_shared<DeviceInventory>();
  inventory->vendor = vendor_of(card.driver);
  inventory->serial = read_sysfs_line(card.device + "/serial_number");
  inventory->board_part = read_sysfs_line(card.device + "/product_number");
  inventory->vbios = read_sysfs_line(card.device + "/vbios_version");
  inventory->cpu_affinity = read_sysfs_line(card.device + "/local_cpulist");
  // A driver of the kernel itself has the kernel's version; one that was added has its own.
  inventory->driver_version = read_sysfs_line(root + "/sys/module/amdgpu/version");
  if (card.driver != DrmDriver::kAmdgpu || inventory->driver_version.empty()) {
    inventory->driver_version = read_sysfs_line(root + "/proc/sys/kernel/osrelease");
  }
  const auto numa = read_sysfs_number(card.device + "/numa_node");
  if (numa && *numa >= 0 && *numa < 65'536) {
    inventory->numa_node = static_cast<std::int32_t>(*numa);  // -1: the machine has no nodes
  }
  if (node) {
    inventory->architecture = node->architecture;
    inventory->multiprocessors = node->compute_units;
  }
  return inventory;
}

DeviceSample read_drm_card(const DrmCard& card, const DrmDeviceUse& use, bool sees_all,
                           Timestamp now, std::optional<EnergyReading>& energy) {
  DeviceSample sample = absent_sample(Missing::kUnsupported, now);
  auto details = std::make_shared<DeviceDetails>();
  if (card.driver == DrmDriver::kAmdgpu) {
    detail::read_amdgpu(card, sample, details->metrics);
  } else {
    detail::read_intel(card, now, energy, sample, details->metrics);
    // Its driver does not tell how busy it is; the sum over all processes does.
    sample.gpu_utilization = sees_all ? use.busy : missing(Missing::kNoPermission);
  }
  detail::read_pcie(card, details->metrics);
  // Those that we may see are told; how many there are only where these are all.
  details->processes = use.processes;
  if (sees_all) {
    sample.processes = static_cast<std::uint32_t>(use.processes.size());
  } else {
    sample.processes = missing(Missing::kNoPermission);
    if (use.processes.empty()) details->processes = missing(Missing::kNoPermission);
  }
  sample.details = std::move(details);
  return sample;
}

}  // namespace gpuvigil
