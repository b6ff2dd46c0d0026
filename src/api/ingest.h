// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string_view>
#include <vector>

#include "api/problem.h"
#include "base/clock.h"
#include "engine/submission.h"
#include "model/frame.h"

namespace gpuvigil {

inline constexpr std::size_t kMaxSubmittedItems = 10'000;
inline constexpr std::size_t kMaxIngestBytes = 4 * 1024 * 1024;

/// Why a body was not taken: 400 for what is no JSON or has the wrong shape, 413 for too much.
struct IngestRefusal {
  unsigned status = 400;
  std::string detail;
  std::vector<ParameterError> errors;  ///< Each names its element; at most 20.
};

/// What devices and times mean while a body is read.
struct IngestContext {
  const Frame& frame;
  Timestamp now;  ///< On the engine's timeline; what carries no timestamp ended now.
};

/// The body of POST /executions, `{"executions":[{"name":…,"duration_ms":…,…}]}`: all or nothing.
[[nodiscard]] std::expected<Submission, IngestRefusal> read_executions(
    std::string_view body, const IngestContext& context);

/// The body of POST /samples, `{"samples":[{"device":0,"gpu_utilization":50,…}]}`: all or nothing.
[[nodiscard]] std::expected<Submission, IngestRefusal> read_samples(std::string_view body,
                                                                    const IngestContext& context);

}  // namespace gpuvigil
