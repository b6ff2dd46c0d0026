// SPDX-License-Identifier: Apache-2.0
#include "apps/authorization.h"

#include <fmt/format.h>

#include "base/private_file.h"

namespace gpuvigil {

Result<Secret> read_authorization(const std::string& file, std::string_view scheme) {
  constexpr std::size_t kMaxTokenBytes = 8192;
  if (file.empty()) return Secret();
  GPUVIGIL_TRY(std::string text, read_private_file(file, kMaxTokenBytes));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return Secret(fmt::format("{} {}", scheme, text));
}

}  // namespace gpuvigil
