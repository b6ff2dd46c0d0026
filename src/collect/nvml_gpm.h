// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "base/clock.h"
#include "collect/nvml_library.h"
#include "model/device_metric.h"

namespace gpuvigil {

/// The performance monitor of one device, from Hopper on: how busy its parts were between two
/// rounds. It needs no privilege and takes nothing away from profilers.
///
/// Threading: not thread-safe; calls of the driver may block.
class NvmlGpm {
 public:
  /// Two samples nearer than this say nothing.
  static constexpr Duration kLeastApart = std::chrono::milliseconds(100);

  /// `device` is a whole GPU; `instance` the GPU instance of it that is meant, if one is.
  NvmlGpm(std::shared_ptr<const NvmlLibrary> library, NvmlDevice device,
          std::optional<std::uint32_t> instance);
  ~NvmlGpm();
  NvmlGpm(const NvmlGpm&) = delete;
  NvmlGpm& operator=(const NvmlGpm&) = delete;

  /// Takes a sample and says what was since the one before.
  void read(Timestamp now, MetricSet& metrics);

 private:
  NvmlCode take(Timestamp now);
  NvmlCode compute(MetricSet& metrics);
  void say(Missing why, MetricSet& metrics);

  const std::shared_ptr<const NvmlLibrary> library_;
  const NvmlDevice device_;
  const std::optional<std::uint32_t> instance_;
  NvmlGpmSample earlier_ = nullptr;
  NvmlGpmSample later_ = nullptr;
  std::optional<Timestamp> earlier_at_, later_at_;
  std::unique_ptr<NvmlGpmMetrics> answers_;
};

}  // namespace gpuvigil
