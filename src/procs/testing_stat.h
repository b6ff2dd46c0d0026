// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace gpuvigil::testing {

/// The line of /proc/PID/stat.
[[nodiscard]] inline std::string stat_line(std::uint32_t pid, std::string_view name,
                                           std::uint64_t start_ticks, std::uint32_t parent = 1,
                                           char state = 'S') {
  return fmt::format("{} ({}) {} {} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {} 1 1\n", pid, name, state,
                     parent, start_ticks);
}

}  // namespace gpuvigil::testing
