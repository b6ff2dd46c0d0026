// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace gpuvigil {

/// "0.1.0", from CMakeLists.txt.
[[nodiscard]] std::string_view version();

/// The compiler that built this, "GCC 12.2.0".
[[nodiscard]] std::string_view compiler();

}  // namespace gpuvigil
