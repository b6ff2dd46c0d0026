// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/kernel.h"

namespace gpuvigil {

/// Single executions with begin and end, of the kernels of a program or of several.
struct ExecutionTrace {
  struct Device {
    std::uint32_t index = 0;  ///< In the frames.
    std::string name;
    std::string uuid;
  };
  struct Series {
    std::string name;
    KernelKind kind = KernelKind::kCompute;
    std::uint32_t device = 0;  ///< Device::index.
  };
  /// What more is known of an execution. All zero: nobody knows it.
  struct Detail {
    std::uint64_t stream = 0;  ///< As its driver numbers them.
    std::array<std::uint32_t, 3> grid{};
    std::array<std::uint32_t, 3> block{};  ///< 0: left to the driver.
    std::uint32_t registers = 0;           ///< Of a thread.
    std::uint32_t shared_bytes = 0;
    std::uint64_t correlation = 0;
    std::optional<std::uint64_t> bytes;  ///< That were copied or set.
  };
  static constexpr std::uint32_t kNoDetail = UINT32_MAX;
  struct Event {
    std::uint32_t series = 0;          ///< In `series`.
    std::uint32_t detail = kNoDetail;  ///< In `details`.
    std::int64_t start_ns = 0;         ///< Since 1970.
    std::uint64_t duration_ns = 0;
  };

  std::vector<Device> devices;
  std::vector<Series> series;
  std::vector<Event> events;
  std::vector<Detail> details;
};

}  // namespace gpuvigil
