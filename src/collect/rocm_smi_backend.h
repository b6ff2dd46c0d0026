// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/latest.h"
#include "collect/backend.h"
#include "collect/rocm_smi_library.h"
#include "collect/rocm_smi_readings.h"

namespace gpuvigil {

/// AMD's cards by their library, librocm_smi64, over what the kernel's files say of the same cards:
/// those have clocks and processes, and the library has energy, errors block by block, links,
/// partitions and serial numbers.
///
/// Threading: boards() from one thread; sample() from one thread for each card at a time.
class RocmSmiBackend final : public Backend {
 public:
  static constexpr std::uint32_t kMostDevices = 64;

  /// Errors: as RocmSmi::open; kUnavailable when it sees no device, so that the files alone tell.
  [[nodiscard]] static Result<std::unique_ptr<Backend>> open(const BackendOptions& options);

  /// `kernel` reads the files; null: the library tells all that there is.
  RocmSmiBackend(std::shared_ptr<const RocmSmi> library, std::unique_ptr<Backend> kernel)
      : library_(std::move(library)), kernel_(std::move(kernel)) {}

  Result<std::vector<Board>> boards() override;

  /// Errors: kNotFound (the card is gone).
  Result<DeviceSample> sample(const DeviceInfo& device, Timestamp now) override;

 private:
  struct Round {
    std::vector<RsmiDevice> devices;
    std::vector<DeviceInfo> files;  ///< The cards that the kernel shows.
  };

  const std::shared_ptr<const RocmSmi> library_;
  const std::unique_ptr<Backend> kernel_;
  Latest<Round> latest_;
};

}  // namespace gpuvigil
