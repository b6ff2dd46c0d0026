// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/latest.h"
#include "collect/backend.h"
#include "collect/drm_card.h"
#include "collect/kfd.h"

namespace gpuvigil {

/// Cards of AMD and Intel by what the kernel itself shows of them, without a library: files of
/// /sys, and of /proc for their processes.
///
/// boards() looks at all processes, once a round; sample() adds what its card shows. Between the
/// two goes a snapshot, so that a card which hangs holds up nobody else.
///
/// Threading: boards() from one thread; sample() from one thread for each card at a time.
class DrmBackend final : public Backend {
 public:
  /// `root` stands for / in tests, and `now` for the clock by which shares of time are told.
  /// Errors: kUnavailable (no such card).
  [[nodiscard]] static Result<std::unique_ptr<Backend>> open(
      const std::string& root, std::function<Duration()> now = time_since_boot);

  Result<std::vector<Board>> boards() override;

  std::uint64_t take_clients_unread() override {
    const std::uint64_t all = clients_.clients_dropped();
    return all - std::exchange(clients_told_, all);
  }

  /// Errors: kNotFound (the card is gone).
  Result<DeviceSample> sample(const DeviceInfo& device, Timestamp now) override;

 private:
  DrmBackend(std::string root, std::function<Duration()> now)
      : root_(root), now_(std::move(now)), clients_(std::move(root)) {}

  /// What is kept of a card from round to round; of the thread that samples it.
  struct Memory {
    std::shared_ptr<const DeviceInventory> inventory;
    std::optional<EnergyReading> energy;
  };
  struct Present {
    DrmCard card;
    std::optional<KfdNode> node;  ///< Where it computes for ROCm.
    DrmDeviceUse use;
    std::shared_ptr<Memory> memory;
  };
  struct Round {
    std::vector<Present> cards;
    bool sees_all = false;
  };

  const std::string root_;
  const std::function<Duration()> now_;
  // Of the thread that calls boards().
  DrmClients clients_;
  std::uint64_t clients_told_ = 0;
  Latest<Round> latest_;
};

}  // namespace gpuvigil
