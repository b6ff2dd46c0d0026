// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace gpuvigil {

/// Asks for the memory of something that is looked at soon, without waiting for it. For walks over
/// thousands of objects that lie wherever there was room: waiting for each would be most of the
/// work. Any address will do, also one that may not be read.
inline void prefetch(const void* at, std::size_t bytes = 1) {
  constexpr std::size_t kLine = 64;
  const auto* line = static_cast<const char*>(at);
  for (std::size_t asked = 0; asked < bytes; asked += kLine) __builtin_prefetch(line + asked);
}

}  // namespace gpuvigil
