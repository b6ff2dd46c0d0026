// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.h"
#include "trace/nsight_reader.h"

namespace {

/// Holds the reader to what it promises of each execution, whatever the bytes are.
class CheckingSink final : public gpuvigil::TraceSink {
 public:
  void execution(const gpuvigil::TraceExecution& execution) override {
    std::int64_t end = 0;
    GPUVIGIL_ASSERT(execution.duration_ns >= 0);
    GPUVIGIL_ASSERT(!__builtin_add_overflow(execution.start_ns, execution.duration_ns, &end));
    ++executions;
  }
  void memory(const gpuvigil::TraceMemory&) override {}

  std::uint64_t executions = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  CheckingSink sink;
  const auto summary =
      gpuvigil::read_nsight_bytes("fuzz", std::as_bytes(std::span(data, size)), sink);
  if (summary) {
    GPUVIGIL_ASSERT(summary->executions == sink.executions);
    GPUVIGIL_ASSERT(summary->executions + summary->executions_unreadable <= summary->events);
  } else {
    GPUVIGIL_ASSERT(summary.error().message.find('\n') == std::string::npos);
  }
  return 0;
}
