// SPDX-License-Identifier: Apache-2.0
#include "collect/drm_backend.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace gpuvigil {

Result<std::unique_ptr<Backend>> DrmBackend::open(const std::string& root) {
  if (list_drm_cards(root).empty()) {
    return fail(Errc::kUnavailable, "no graphics card with the driver amdgpu, i915 or xe");
  }
  return std::unique_ptr<Backend>(new DrmBackend(root));
}

Result<std::vector<DeviceInfo>> DrmBackend::devices() {
  cards_ = list_drm_cards(root_);
  is_scanned_ = false;
  std::vector<DeviceInfo> infos;
  for (const DrmCard& card : cards_) infos.push_back(card.info);
  std::erase_if(known_, [&](const auto& known) {
    return std::ranges::find(infos, known.first, &DeviceInfo::uuid) == infos.end();
  });
  return infos;
}

Result<DeviceSample> DrmBackend::sample(const DeviceInfo& device, Timestamp now) {
  const auto card =
      std::ranges::find(cards_, device.uuid, [](const DrmCard& one) { return one.info.uuid; });
  if (card == cards_.end()) {
    return fail(Errc::kNotFound, fmt::format("no graphics card {}", device.uuid));
  }
  if (!std::exchange(is_scanned_, true)) clients_.scan(now);
  Known& known = known_[device.uuid];
  if (!known.inventory) known.inventory = read_drm_inventory(root_, *card);
  DeviceSample sample = read_drm_card(*card, clients_.use_of(card->info.pci_bus_id),
                                      clients_.sees_all(), now, known.energy);
  sample.inventory = known.inventory;
  return sample;
}

}  // namespace gpuvigil
