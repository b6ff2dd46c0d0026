// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/source.h"
#include "trace/trace_reader.h"
#include "trace/trace_sink.h"

namespace gpuvigil {

/// Reads recordings straight into the live state, as fast as they can be read.
///
/// Each file has an owner, which stays open, so that nothing of a recording is evicted. Its devices
/// are "REC-<file_id>-<n>", n counting all devices of all files; within a file they come in the
/// order of its members' names (rank 2 before rank 10) and of their recorded numbers, and files
/// come in the order of `paths`. The order is settled after the first 65 536 executions of a file:
/// a device that is first spoken of later than that comes behind.
///
/// Times are those of the file until its end and are then made wall time; covered is the span of
/// each recording. A device's sample has the memory that the framework's allocator last told, and
/// nothing else. What could not be read is told to Intake::lost.
///
/// Returns the summaries of all recordings. The first file that cannot be used at all is an error,
/// and what was told to the intake before is then not to be used. `progress` counts all files.
/// Memory: names of kernels (16 MiB at most), 3 MiB for executions.
[[nodiscard]] Result<std::vector<TraceSummary>> read_into(Intake& intake,
                                                          std::span<const std::string> paths,
                                                          const ReadProgress& progress = {});

}  // namespace gpuvigil
