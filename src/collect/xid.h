// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "model/event.h"

namespace gpuvigil {

/// What an XID, the number under which NVIDIA's driver logs an error, means for whoever runs the
/// machine.
struct Xid {
  std::uint32_t number;
  EventSeverity severity;
  bool is_device;  ///< It says something about the device, not about a program alone.
  std::string_view what;
  std::string_view advice;
};

/// All that are known, by number.
[[nodiscard]] std::span<const Xid> known_xids();

/// The row of a number; for one that is not known, a warning that says so (`number` is 0 there).
[[nodiscard]] const Xid& xid_of(std::uint64_t number);

}  // namespace gpuvigil
