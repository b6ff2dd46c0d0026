// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace gpuvigil {

/// What this machine calls itself, as clean text; empty where it does not say.
[[nodiscard]] std::string host_name();

}  // namespace gpuvigil
