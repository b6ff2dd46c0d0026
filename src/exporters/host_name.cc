// SPDX-License-Identifier: Apache-2.0
#include "exporters/host_name.h"

#include <array>

#include <unistd.h>

#include "base/text.h"

namespace gpuvigil {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  return clean_text(name.data());
}

}  // namespace gpuvigil
