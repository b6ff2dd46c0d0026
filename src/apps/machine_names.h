// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace gpuvigil {

/// What others may call this machine: its host name, and the addresses of its interfaces as
/// numbers. What the system does not tell is left out.
[[nodiscard]] std::vector<std::string> machine_names();

}  // namespace gpuvigil
