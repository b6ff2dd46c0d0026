// SPDX-License-Identifier: Apache-2.0
#include "collect/nvml_survey.h"

#include "collect/nvml_library.h"

namespace gpuvigil {

Result<NvmlSurvey> survey_nvml(const std::string& name) {
  GPUVIGIL_TRY(const auto library, NvmlLibrary::open(name));
  const NvmlVersions versions = library->versions();
  NvmlSurvey survey{.driver = versions.driver, .cuda = versions.cuda};
  const NvmlFunctions& call = library->call();
  std::uint32_t count = 0;
  if (const NvmlCode code = call.count(&count); code != kNvmlOk) {
    return std::unexpected(nvml_error(code, "GetCount"));
  }
  constexpr std::uint32_t kMostGpus = 256;
  for (std::uint32_t index = 0; index < count && index < kMostGpus; ++index) {
    NvmlDevice device = nullptr;
    const NvmlCode code = call.by_index(index, &device);
    if (code == kNvmlOk) {
      ++survey.gpus;
    } else if (nvml_error(code, "").code == Errc::kPermission) {
      ++survey.refused;
    } else {
      ++survey.lost;
    }
  }
  survey.lacks_new_calls = !call.memory_v2.is_there() || !call.fields.is_there();
  return survey;
}

}  // namespace gpuvigil
