// SPDX-License-Identifier: Apache-2.0
#include "model/device_holder.h"

#include <fmt/format.h>

namespace gpuvigil {

bool is_device_id_of(std::string_view device_id, const DeviceInfo& info,
                     std::optional<std::uint32_t> minor_number) {
  const std::string_view plain = device_id.substr(0, device_id.find("::"));
  if (plain.empty()) return false;
  return plain == info.uuid || plain == info.pci_bus_id ||
         (minor_number && plain == fmt::format("nvidia{}", *minor_number));
}

}  // namespace gpuvigil
