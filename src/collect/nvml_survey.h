// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace gpuvigil {

/// What NVIDIA's library says when it is asked once.
struct NvmlSurvey {
  std::string driver;            ///< "590.48.01".
  int cuda = 0;                  ///< 13010 is CUDA 13.1; 0: it does not say.
  std::uint32_t gpus = 0;        ///< That answer.
  std::uint32_t refused = 0;     ///< That the system does not let us see.
  std::uint32_t lost = 0;        ///< That do not answer.
  bool lacks_new_calls = false;  ///< It is older than most of what we ask.
};

/// Opens the library, asks, and closes it. May block as long as a driver that hangs. `name` as in
/// NvmlLibrary::open.
/// Errors: as NvmlLibrary::open; kUnavailable in a build without NVML.
[[nodiscard]] Result<NvmlSurvey> survey_nvml(const std::string& name);

}  // namespace gpuvigil
