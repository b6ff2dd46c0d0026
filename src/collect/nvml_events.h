// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "collect/device_health.h"
#include "collect/nvml_library.h"
#include "model/event.h"

namespace gpuvigil {

/// The XIDs that still say something about their devices: critical ones until the driver is opened
/// anew, others for kWarningLasts.
///
/// Threading: safe from any thread.
class XidBook {
 public:
  static constexpr Duration kWarningLasts = std::chrono::minutes(10);
  static constexpr std::size_t kMostOfDevice = 32;   ///< Different numbers; more are not kept.
  static constexpr std::size_t kMostDevices = 1024;  ///< As above.

  void add(const std::string& uuid, std::uint32_t number, Timestamp at);
  [[nodiscard]] std::vector<RecentXid> of(const std::string& uuid, Timestamp now) const;

 private:
  mutable Mutex mutex_;
  std::map<std::string, std::vector<RecentXid>> xids_ GPUVIGIL_GUARDED_BY(mutex_);
};

/// What NVML tells of by itself, for all GPUs of one library.
///
/// Threading: watch() from one thread, wait() from another one.
class NvmlEvents {
 public:
  /// At most so many are told at once.
  static constexpr std::size_t kMostAtOnce = 256;

  explicit NvmlEvents(std::shared_ptr<const NvmlLibrary> library);
  ~NvmlEvents();
  NvmlEvents(const NvmlEvents&) = delete;
  NvmlEvents& operator=(const NvmlEvents&) = delete;

  /// False: this driver tells of nothing.
  [[nodiscard]] bool is_there() const { return set_ != nullptr; }

  /// Tells of this GPU from now on; of a whole one, not of a MIG device.
  void watch(NvmlDevice gpu);

  /// What happened; waits at most `patience` for the first. `uuid_of` names a handle, empty when it
  /// does not know it. Errors: of the library.
  [[nodiscard]] Result<std::vector<Event>> wait(
      Duration patience, const Clock& clock, const std::function<std::string(NvmlDevice)>& uuid_of);

 private:
  const std::shared_ptr<const NvmlLibrary> library_;
  NvmlEventSet set_ = nullptr;
};

/// One of the driver's events in our words.
[[nodiscard]] Event describe_nvml_event(const NvmlEvent& told, std::string uuid, Timestamp at);

}  // namespace gpuvigil
