// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/kernel.h"

namespace gpuvigil {

/// One piece of recorded GPU work, as it stands in the file.
struct TraceExecution {
  std::string_view name;  ///< As recorded; valid only during the call.
  KernelKind kind = KernelKind::kCompute;
  std::uint32_t device = 0;      ///< Dense, in the order in which the file first speaks of them.
  std::int64_t start_ns = 0;     ///< On the file's own axis.
  std::int64_t duration_ns = 0;  ///< >= 0; start + duration fits.
};

/// One reading of a device's allocator: what the framework holds there.
struct TraceMemory {
  std::uint32_t device = 0;
  std::int64_t at_ns = 0;
  std::uint64_t allocated_bytes = 0;
  std::optional<std::uint64_t> reserved_bytes;
};

/// One device of a recording. All of it is known at the recording's end, in TraceSummary.
struct TraceDevice {
  std::uint32_t recorded_number = 0;  ///< As the file numbers it; on AMD it counts CPU sockets.
  std::string name;                   ///< Product name; empty where the file does not tell.
  std::optional<std::uint64_t> memory_total_bytes;
};

/// Receives what a reader finds, in file order, which is not time order.
class TraceSink {
 public:
  virtual ~TraceSink() = default;
  /// From now on the file speaks of device number `dense`; `known` is what it has said of it.
  /// Readers that cannot tell before the end leave it out.
  virtual void device_found(std::uint32_t /*dense*/, const TraceDevice& /*known*/) {}
  virtual void execution(const TraceExecution& execution) = 0;
  virtual void memory(const TraceMemory& memory) = 0;
};

/// What is known of a recording once it has been read.
struct TraceSummary {
  std::string format;                    ///< "kineto", "nsight-systems" or "rocprof".
  std::vector<TraceDevice> devices;      ///< By the dense number of TraceExecution::device.
  std::int64_t base_unix_ns = 0;         ///< Wall time = base + ns of the axis; 0: already epoch.
  std::optional<std::int64_t> first_ns;  ///< Span that the recording covers: every timed event,
  std::optional<std::int64_t> last_ns;   ///< not only GPU work. Absent without any.
  std::uint64_t events = 0;
  std::uint64_t executions = 0;
  std::uint64_t executions_unreadable = 0;  ///< GPU work whose times are no times.
  std::uint64_t bytes_unreadable = 0;       ///< Of the (inflated) text, lost or cut off.
  /// What was wrong, in one line with file and byte offset; empty when the file is whole.
  std::string damage;
  std::uint64_t file_id = 0;  ///< Identifies the file's content, for device UUIDs.
};

}  // namespace gpuvigil
