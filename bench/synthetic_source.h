// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "model/source.h"

namespace gpuvigil {

/// A machine of a given size, for benchmarks: once a second a sample of every device and, while it
/// runs, executions of every kernel. Kernel k runs on as many devices as is said, beginning with k
/// modulo their number.
class SyntheticSource final : public Source {
 public:
  struct Machine {
    std::uint32_t devices = 64;
    std::uint32_t kernels = 10'000;
    std::uint32_t devices_a_kernel = 1;
    bool keeps_running = true;      ///< False: every kernel runs once, then none changes any more.
    std::uint64_t first_calls = 1;  ///< Of each kernel, told at once at the beginning.
  };

  explicit SyntheticSource(const Machine& machine) : machine_(machine) {}

  void feed(Timestamp until, Intake& intake) override;
  [[nodiscard]] bool finished() const override { return false; }

 private:
  void open(Timestamp at, Intake& intake);
  void sample_devices(Timestamp at, Intake& intake) const;

  Machine machine_;
  Timestamp next_{};
  std::uint64_t round_ = 0;
  std::vector<DeviceSlot> devices_;
  std::vector<SeriesSlot> series_;
};

}  // namespace gpuvigil
