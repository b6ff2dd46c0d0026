// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "model/frame.h"
#include "model/process.h"

namespace gpuvigil {

/// The pids that drivers tell of in this frame, and those that report themselves; ascending.
[[nodiscard]] std::vector<std::uint32_t> pids_of(const Frame& frame);

/// Adds to the frame's processes, which so far are those that report themselves, what drivers tell
/// of them and of others, and who they are.
void join_processes(Frame& frame, const ProcessInfos& known);

}  // namespace gpuvigil
