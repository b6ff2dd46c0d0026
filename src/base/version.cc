// SPDX-License-Identifier: Apache-2.0
#include "base/version.h"

namespace gpuvigil {

std::string_view version() {
  return GPUVIGIL_VERSION;
}

std::string_view compiler() {
#if defined(__clang__)
  return "Clang " __clang_version__;
#else
  return "GCC " __VERSION__;
#endif
}

}  // namespace gpuvigil
