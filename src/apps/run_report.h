// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/agent_door.h"
#include "apps/child.h"
#include "apps/run_trace.h"
#include "model/frame.h"
#include "model/kernel_query.h"

namespace gpuvigil {

/// What is told of a program that ran, beside its kernels.
struct RunFacts {
  std::vector<std::string> command;
  ChildEnd end;
  Duration wall{};
  AgentDoorStats programs;             ///< At its end: it and its children.
  std::vector<CaptureState> captures;  ///< Of those that reported.
  std::vector<std::string> notes;      ///< Told before it began.
  std::optional<TraceCounts> trace;
};

/// Why no kernel of a program was seen, and what to do, a line each; empty where some were.
[[nodiscard]] std::vector<std::string> why_no_kernels(const Frame& frame, const RunFacts& facts);

/// The report as text: a table, and below it who ran how long. `list` is of that frame.
[[nodiscard]] std::string run_text(const Frame& frame, const KernelList& list,
                                   const RunFacts& facts);

/// The report as JSON: that of GET /api/v1/gpu/kernels with one member more, `run`.
[[nodiscard]] std::string run_json(const Frame& frame, const KernelList& list,
                                   const RunFacts& facts);

/// Executions of every kind that the frame counts.
[[nodiscard]] std::uint64_t count_executions(const Frame& frame);

}  // namespace gpuvigil
