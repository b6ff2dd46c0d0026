// SPDX-License-Identifier: Apache-2.0
#include "collect/drm_backend.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace gpuvigil {

Result<std::unique_ptr<Backend>> DrmBackend::open(const std::string& root,
                                                  std::function<Duration()> now) {
  if (list_drm_cards(root).empty()) {
    return fail(Errc::kUnavailable, "no graphics card with the driver amdgpu, i915 or xe");
  }
  return std::unique_ptr<Backend>(new DrmBackend(root, std::move(now)));
}

Result<std::vector<Board>> DrmBackend::boards() {
  const auto before = latest_.get();
  auto round = std::make_shared<Round>();
  clients_.scan(now_());
  round->sees_all = clients_.sees_all();
  std::vector<Board> boards;
  const std::vector<KfdNode> nodes = list_kfd_nodes(root_);
  for (DrmCard& card : list_drm_cards(root_)) {
    boards.push_back({.devices = {card.info}});
    Present present;
    const auto node = std::ranges::find(nodes, card.info.pci_bus_id, &KfdNode::pci_bus_id);
    if (node != nodes.end()) present.node = *node;
    present.use = clients_.use_of(card.info.pci_bus_id,
                                  present.node ? kfd_processes(root_, present.node->gpu_id)
                                               : std::map<std::uint32_t, Bytes>());
    for (std::size_t i = 0; before && i < before->cards.size(); ++i) {
      if (before->cards[i].card.info.uuid == card.info.uuid) {
        present.memory = before->cards[i].memory;
      }
    }
    if (!present.memory) present.memory = std::make_shared<Memory>();
    present.card = std::move(card);
    round->cards.push_back(std::move(present));
  }
  latest_.set(std::move(round));
  return boards;
}

Result<DeviceSample> DrmBackend::sample(const DeviceInfo& device, Timestamp now) {
  const auto round = latest_.get();
  const Present* found = nullptr;
  for (std::size_t i = 0; round && i < round->cards.size(); ++i) {
    if (round->cards[i].card.info.uuid == device.uuid) found = &round->cards[i];
  }
  if (found == nullptr) {
    return fail(Errc::kNotFound, fmt::format("no graphics card {}", device.uuid));
  }
  Memory& memory = *found->memory;
  if (!memory.inventory) memory.inventory = read_drm_inventory(root_, found->card, found->node);
  DeviceSample sample = read_drm_card(found->card, found->use, round->sees_all, now, memory.energy);
  sample.inventory = memory.inventory;
  return sample;
}

}  // namespace gpuvigil
