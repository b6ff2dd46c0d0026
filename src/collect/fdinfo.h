// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gpuvigil {

/// What one client of a graphics device used, as the kernel shows it for each open file in
/// /proc/PID/fdinfo (Documentation/gpu/drm-usage-stats.rst). Counters since the client was opened.
struct DrmUsage {
  /// One kind of engine: "gfx", "compute" (amdgpu), "render", "video" (i915), "rcs", "ccs" (xe).
  struct Engine {
    std::string name;
    std::optional<std::uint64_t> busy_ns;
    std::optional<std::uint64_t> cycles;        ///< Instead of nanoseconds, on xe.
    std::optional<std::uint64_t> total_cycles;  ///< That passed on the device.
    std::uint64_t capacity = 1;                 ///< How many of them there are.
  };
  std::string driver;
  std::string pci_bus_id;  ///< As normal_pci_bus_id() writes it.
  std::uint64_t client = 0;
  std::vector<Engine> engines;
  std::optional<std::uint64_t> memory_bytes;  ///< Of the device's own memory.

  static constexpr std::size_t kMaxEngines = 32;
};

/// Nothing where the file is not of a client of a device on the PCI bus.
[[nodiscard]] std::optional<DrmUsage> parse_fdinfo(std::string_view text);

/// What an engine does, whatever its driver calls it.
enum class EngineRole { kGraphics, kCompute, kEncode, kDecode, kOther };
[[nodiscard]] EngineRole role_of_engine(std::string_view name);

}  // namespace gpuvigil
