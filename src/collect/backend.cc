// SPDX-License-Identifier: Apache-2.0
#include "collect/backend.h"

#include <vector>

#if GPUVIGIL_WITH_DEMO
#include "collect/demo.h"
#endif
#if GPUVIGIL_WITH_DRM
#include "collect/drm_backend.h"
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

std::span<const BackendEntry> builtin_backends() {
  static const std::vector<BackendEntry> backends = {
#if GPUVIGIL_WITH_DEMO
      {"demo", open_demo},
#endif
// Last: what another backend tells of the same device is more.
#if GPUVIGIL_WITH_DRM
      {"drm", [](const BackendOptions&) { return DrmBackend::open(""); }},
#endif
  };
  return backends;
}

}  // namespace gpuvigil
