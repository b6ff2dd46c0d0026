// SPDX-License-Identifier: Apache-2.0
#include "collect/backend.h"

#include <array>

#include "collect/demo.h"

namespace gpuvigil {
namespace {

Result<std::unique_ptr<Backend>> open_demo(const BackendOptions& options) {
  if (!options.demo) {
    return fail(Errc::kUnavailable, "the demo machine runs only when asked for: --demo");
  }
  return std::make_unique<DemoBackend>(options.demo);
}

constexpr std::array kBackends = {BackendEntry{"demo", open_demo}};

}  // namespace

std::span<const BackendEntry> builtin_backends() {
  return kBackends;
}

}  // namespace gpuvigil
