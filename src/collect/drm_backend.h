// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "collect/backend.h"
#include "collect/drm_card.h"

namespace gpuvigil {

/// Cards of AMD and Intel by what the kernel itself shows of them, without a library: files of
/// /sys, and of /proc for their processes.
class DrmBackend final : public Backend {
 public:
  /// `root` stands for / in tests. Errors: kUnavailable (no such card).
  [[nodiscard]] static Result<std::unique_ptr<Backend>> open(const std::string& root);

  Result<std::vector<DeviceInfo>> devices() override;

  /// Errors: kNotFound (the card is gone).
  Result<DeviceSample> sample(const DeviceInfo& device, Timestamp now) override;

 private:
  explicit DrmBackend(std::string root) : root_(root), clients_(std::move(root)) {}

  struct Known {
    std::shared_ptr<const DeviceInventory> inventory;
    std::optional<EnergyReading> energy;
  };

  std::string root_;
  DrmClients clients_;
  bool is_scanned_ = false;  ///< In this round.
  std::vector<DrmCard> cards_;
  std::unordered_map<std::string, Known> known_;  ///< By UUID; of the cards that are there.
};

}  // namespace gpuvigil
