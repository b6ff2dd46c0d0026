// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "collect/device_owners.h"
#include "collect/sampler.h"
#include "model/source.h"

namespace gpuvigil {

/// Hands the newest report of each sampler to the engine, and counts what came too late. Never
/// waits for a driver.
///
/// A device that several backends tell of, as their PCI addresses say, is told by the first of them
/// in whose report it is there: builtin_backends() begins with those that know more.
///
/// Threading: the engine's thread, as every Source.
class SampleSource final : public Source {
 public:
  explicit SampleSource(std::vector<std::shared_ptr<const Sampler>> samplers);

  void feed(Timestamp until, Intake& intake) override;

  /// Never: devices are there as long as the machine is.
  [[nodiscard]] bool finished() const override { return false; }

  [[nodiscard]] std::vector<BackendStatus> backends() const override;

 private:
  struct Fed {
    std::shared_ptr<const Sampler> sampler;
    std::shared_ptr<const SampleReport> report;  ///< The last one handed in.
    std::uint64_t late = 0;
    std::uint64_t invalid = 0;
    std::uint64_t dropped = 0;
    std::uint64_t unread = 0;
  };
  void hand_in(Fed& fed, const std::shared_ptr<const SampleReport>& report,
               const DeviceOwners& owners, Intake& intake);

  std::vector<Fed> fed_;
  std::unordered_map<std::string, DeviceSlot> slots_;  ///< By UUID.
};

}  // namespace gpuvigil
