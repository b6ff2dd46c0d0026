// SPDX-License-Identifier: Apache-2.0
#include "profile/segment_text.h"

namespace gpuvigil {

KernelKind kind_of_segment(std::uint32_t kind, std::string_view name) {
  switch (kind) {
    case GPUVIGIL_KIND_COMPUTE:
      return KernelKind::kCompute;
    case GPUVIGIL_KIND_COLLECTIVE:
      return KernelKind::kCollective;
    case GPUVIGIL_KIND_MEMCPY:
      return KernelKind::kMemcpy;
    case GPUVIGIL_KIND_MEMSET:
      return KernelKind::kMemset;
    default:
      return kind_of_kernel(name);
  }
}

}  // namespace gpuvigil
