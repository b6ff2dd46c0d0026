// SPDX-License-Identifier: Apache-2.0
#include "model/process.h"

#include <algorithm>

#include <fmt/format.h>

namespace gpuvigil {

std::string why_no_kernels(const ProcessRow& process) {
  const auto sees = [](const CaptureState& capture) {
    return capture.blind.empty() && capture.detail != CaptureDetail::kOff;
  };
  if (std::ranges::any_of(process.captures, sees)) return "";
  if (!process.captures.empty()) {
    const CaptureState& capture = process.captures.front();
    if (!capture.blind.empty()) return fmt::format("{}: {}", capture.writer, capture.blind);
    return fmt::format("{}: capture is off, it would have cost more than its budget",
                       capture.writer);
  }
  if (process.who && process.who->is_set_user_id) {
    return "it is set-user-ID: in such a program an agent does nothing";
  }
  const auto set_up = process.who ? process.who->has_agent_set_up : std::nullopt;
  if (!set_up) return "no agent is attached; start it with `gpuvigil run -- COMMAND`";
  if (!*set_up) {
    return "it was started without an agent; start it with `gpuvigil run -- COMMAND`";
  }
  return "its agent has not attached yet: it runs no kernels, or cannot reach our socket";
}

}  // namespace gpuvigil
