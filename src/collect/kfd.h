// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"

namespace gpuvigil {

/// One GPU as AMD's compute driver counts them; under /sys/class/kfd, which every user may read.
struct KfdNode {
  std::uint32_t gpu_id = 0;
  std::string pci_bus_id;
  std::string architecture;  ///< "gfx90a"; empty: not told.
  std::optional<std::uint32_t> compute_units;
};

/// `root` stands for / in tests. None where the driver is not there.
[[nodiscard]] std::vector<KfdNode> list_kfd_nodes(const std::string& root);

/// The device memory that each process of ROCm holds on a GPU, by pid. Those that hold none of it
/// are not told.
[[nodiscard]] std::map<std::uint32_t, Bytes> kfd_processes(const std::string& root,
                                                           std::uint32_t gpu_id);

/// What compilers call the architecture of 90010: "gfx90a". Empty for what is none.
[[nodiscard]] std::string gfx_name(std::uint64_t target_version);

}  // namespace gpuvigil
