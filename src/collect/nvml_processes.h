// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "collect/nvml_library.h"
#include "collect/process_records.h"
#include "collect/unsupported_calls.h"
#include "model/device_details.h"

namespace gpuvigil {

/// Which processes use one device, and how much each of them does.
///
/// Threading: not thread-safe; calls of the driver may block.
class NvmlProcesses {
 public:
  NvmlProcesses() : rests_(kQuestions) {}

  /// Sorted by pid, each once; at most DeviceDetails::kMaxProcesses. Missing: the driver does not
  /// say; then the reason is that of the list of compute processes.
  Reading<std::vector<DeviceProcess>> read(const NvmlFunctions& call, NvmlDevice device,
                                           Timestamp now);

 private:
  enum Question : std::size_t { kCompute, kGraphics, kMps, kUtilization, kQuestions };

  ProcessList ask(Question question, const NvmlFunctions& call, NvmlDevice device, Timestamp now);
  void add_utilization(const NvmlFunctions& call, NvmlDevice device, Timestamp now,
                       std::vector<DeviceProcess>& processes);

  UnsupportedCalls rests_;
  std::uint64_t seen_us_ = 0;  ///< The newest sample of utilization that was read.
};

}  // namespace gpuvigil
