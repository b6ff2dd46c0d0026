// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "trace/nsight_test_support.h"

namespace gpuvigil::testing_support {

std::optional<std::filesystem::path> recorded_data() {
  const char* named = std::getenv("GPUVIGIL_DATA");
  const std::filesystem::path folder =
      named != nullptr ? std::filesystem::path(named)
                       : std::filesystem::path(GPUVIGIL_SOURCE_DIR) / "../shared/data";
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) return std::nullopt;
  return std::filesystem::canonical(folder);
}

}  // namespace gpuvigil::testing_support
