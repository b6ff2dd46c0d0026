// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "model/frame.h"
#include "model/kernel_history.h"

namespace gpuvigil {

/// GET /api/v1/gpu/kernels/{id}/history. `frame` says when it was asked.
[[nodiscard]] std::string kernel_history_json(const Frame& frame, const KernelHistory& history);

/// The same as CSV: a row for each step in which anybody looked.
[[nodiscard]] std::string kernel_history_csv(const KernelHistory& history);

}  // namespace gpuvigil
