// SPDX-License-Identifier: Apache-2.0
#include "collect/backend.h"

#include <vector>

#include "collect/nvml_survey.h"

#if GPUVIGIL_WITH_DEMO
#include "collect/demo.h"
#endif
#if GPUVIGIL_WITH_NVML
#include "collect/nvml_backend.h"
#endif
#if GPUVIGIL_WITH_DRM
#include "collect/drm_backend.h"
#include "collect/rocm_smi_backend.h"
#endif

namespace gpuvigil {

#if GPUVIGIL_WITH_DEMO

namespace {

Result<std::unique_ptr<Backend>> open_demo(const BackendOptions& options) {
  if (!options.demo) {
    return fail(Errc::kUnavailable, "the demo machine runs only when asked for: --demo");
  }
  return std::make_unique<DemoBackend>(options.demo);
}

}  // namespace

Result<Demo> make_demo(std::uint64_t seed, Timestamp now) {
  auto machine = std::make_shared<const DemoMachine>(seed, now);
  auto kernels = std::make_unique<DemoSource>(machine);
  return Demo{.machine = std::move(machine), .kernels = std::move(kernels)};
}

#else

Result<Demo> make_demo(std::uint64_t, Timestamp) {
  return fail(Errc::kInvalidArgument,
              "this build has no demo machine (GPUVIGIL_WITH_DEMO was off); leave out --demo");
}

#endif

#if !GPUVIGIL_WITH_NVML

Result<NvmlSurvey> survey_nvml(const std::string&) {
  return fail(Errc::kUnavailable, "NVML was left out of this build (GPUVIGIL_WITH_NVML was off)");
}

#endif

std::span<const BackendEntry> builtin_backends() {
  static const std::vector<BackendEntry> backends = {
#if GPUVIGIL_WITH_DEMO
      {"demo", open_demo},
#endif
#if GPUVIGIL_WITH_NVML
      {"nvml", NvmlBackend::open},
#endif
#if GPUVIGIL_WITH_DRM
      {"rocm", RocmSmiBackend::open},
#endif
// Last: what another backend tells of the same device is more.
#if GPUVIGIL_WITH_DRM
      {"drm", [](const BackendOptions&) { return DrmBackend::open(""); }},
#endif
  };
  return backends;
}

}  // namespace gpuvigil
