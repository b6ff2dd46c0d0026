// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/latest.h"
#include "base/result.h"
#include "model/device_holder.h"

namespace gpuvigil {

/// Asks the kubelet of this node, again and again, which containers were given which devices; on a
/// thread of its own, as it may be slow. Where its socket is not there nothing is known, and it is
/// looked for again.
///
/// Threading: latest() from any; the rest from one thread.
class KubeletWatch {
 public:
  static constexpr Duration kPeriod = std::chrono::seconds(10);
  static constexpr Duration kDeadline = std::chrono::seconds(2);

  /// Errors: kUnavailable (no thread).
  [[nodiscard]] static Result<std::unique_ptr<KubeletWatch>> start(std::string socket,
                                                                   Duration period = kPeriod);
  /// Waits for the question that is under way, at most its deadline.
  ~KubeletWatch();
  KubeletWatch(const KubeletWatch&) = delete;
  KubeletWatch& operator=(const KubeletWatch&) = delete;

  /// What it said last; null where it does not say, since the last time that it was asked.
  [[nodiscard]] std::shared_ptr<const DeviceHolders> latest() const;

 private:
  struct Shared;
  explicit KubeletWatch(std::shared_ptr<Shared> shared);
  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace gpuvigil
