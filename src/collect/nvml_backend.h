// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "collect/backend.h"
#include "collect/nvml_device.h"
#include "collect/nvml_events.h"
#include "collect/nvml_library.h"

namespace gpuvigil {

/// NVIDIA's GPUs and their MIG devices, by the management library of their driver.
///
/// A GPU and its MIG devices are one board. A handle is valid as long as the library is open; who a
/// device is follows from its UUID, whatever its index or handle.
class NvmlBackend final : public Backend {
 public:
  static constexpr std::uint32_t kMostGpus = 256;
  static constexpr std::uint32_t kMostMigDevices = 16;  ///< Of one GPU.

  /// Errors: as NvmlLibrary::open.
  [[nodiscard]] static Result<std::unique_ptr<Backend>> open(const BackendOptions& options);

  explicit NvmlBackend(std::shared_ptr<const NvmlLibrary> library);

  Result<std::vector<Board>> boards() override;
  Result<DeviceSample> sample(const DeviceInfo& device, Timestamp now) override;
  [[nodiscard]] bool has_events() const override { return events_.is_there(); }
  Result<std::vector<Event>> wait_for_events(Duration patience, const Clock& clock) override;

 private:
  /// A GPU and its MIG devices.
  Result<std::vector<NvmlIdentity>> identify(std::uint32_t index) const;
  void add_mig_devices(std::vector<NvmlIdentity>& identities) const;
  void keep(const NvmlIdentity& identity);

  const std::shared_ptr<const NvmlLibrary> library_;
  const NvmlVersions versions_;
  NvmlEvents events_;
  XidBook xids_;
  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<NvmlDeviceReader>> readers_ GPUVIGIL_GUARDED_BY(mutex_);
};

}  // namespace gpuvigil
