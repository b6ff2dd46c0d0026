// SPDX-License-Identifier: Apache-2.0
#include "engine/backend_watch.h"

#include <utility>

namespace gpuvigil {
namespace {

std::string_view event_of(BackendState state) {
  switch (state) {
    case BackendState::kOk:
      return "backend.ok";
    case BackendState::kHung:
      return "backend.hung";
    default:
      return "backend.failing";
  }
}

}  // namespace

std::vector<BackendWatch::Line> BackendWatch::look(std::span<const BackendStatus> backends,
                                                   Timestamp now) {
  std::vector<Line> lines;
  for (const BackendStatus& backend : backends) {
    if (backend.state == BackendState::kStarting) continue;
    Known& known = known_[backend.name];
    const bool is_change = backend.state != known.state;
    const bool is_new_reason = backend.state == BackendState::kFailing &&
                               backend.problem != known.problem && now - known.told >= kQuiet;
    if (!is_change && !is_new_reason) continue;
    const bool is_ok = backend.state == BackendState::kOk;
    const bool is_grave = backend.state == BackendState::kHung || (!is_ok && known.worked);
    // That it works is told after a failure only: the first time is what everybody expects.
    if (!is_ok || known.state != BackendState::kStarting) {
      lines.push_back({.level = is_grave ? LogLevel::kWarn : LogLevel::kInfo,
                       .event = event_of(backend.state),
                       .backend = backend.name,
                       .why = backend.problem});
    }
    known.state = backend.state;
    known.problem = backend.problem;
    known.told = now;
    known.worked = known.worked || is_ok;
  }
  return lines;
}

}  // namespace gpuvigil
