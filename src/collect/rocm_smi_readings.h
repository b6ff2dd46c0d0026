// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "collect/rocm_smi_library.h"
#include "model/device.h"

namespace gpuvigil {

/// A device as the library numbers it.
struct RsmiDevice {
  std::uint32_t index = 0;
  DeviceInfo info;
};

/// Puts what the library says over `sample`, which holds what the kernel's files say, or nothing:
/// a reading that the library does not give stays as it is. Links and findings are the library's.
/// `all`: the devices to which it may have links.
///
/// Blocks as long as the driver does. Threading: any thread.
void read_rocm_smi(const RsmiFunctions& call, const RsmiDevice& device,
                   std::span<const RsmiDevice> all, DeviceSample& sample);

/// The same for what rarely changes.
void read_rocm_smi_inventory(const RsmiFunctions& call, const RsmiDevice& device,
                             DeviceInventory& inventory);

}  // namespace gpuvigil
