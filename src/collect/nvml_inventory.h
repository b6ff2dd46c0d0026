// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "collect/nvml_library.h"
#include "model/device_details.h"

namespace gpuvigil {

/// Which device a handle stands for.
struct NvmlIdentity {
  std::string uuid;
  std::string name;
  std::string pci_bus_id;
  NvmlDevice handle = nullptr;
  NvmlDevice board = nullptr;  ///< The whole GPU; the handle itself where it is one.
  bool is_divided = false;     ///< MIG is on.
  // Of a MIG device:
  std::string parent_uuid;
  std::optional<std::uint32_t> gpu_instance;
  std::optional<std::uint32_t> compute_instance;

  friend bool operator==(const NvmlIdentity&, const NvmlIdentity&) = default;
};

/// What a function that fills a buffer of text says, cleaned; empty when it fails.
[[nodiscard]] std::string nvml_text(const NvmlFunction<NvmlDevice, char*, std::uint32_t>& function,
                                    NvmlDevice device);

/// What the device is and how it is set up. What it does not say is empty.
[[nodiscard]] DeviceInventory read_inventory(const NvmlFunctions& call,
                                             const NvmlIdentity& identity,
                                             const NvmlVersions& versions);

/// "1g.10gb" in "NVIDIA H100 80GB HBM3 MIG 1g.10gb"; empty when there is none.
[[nodiscard]] std::string mig_profile_in(const std::string& name);

}  // namespace gpuvigil
