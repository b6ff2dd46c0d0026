// SPDX-License-Identifier: Apache-2.0
// The reader of rocprof's tables, as libFuzzer calls it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "base/file.h"
#include "trace/rocprof_reader.h"

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
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(gpuvigil::is_rocprof(text));
  CheckingSink sink;
  gpuvigil::MemorySource source(text, 5);
  const auto summary = gpuvigil::read_rocprof(source, sink, "fuzz");
  if (summary) {
    GPUVIGIL_ASSERT(summary->executions == sink.executions);
    GPUVIGIL_ASSERT(summary->executions + summary->executions_unreadable == summary->events);
  } else {
    GPUVIGIL_ASSERT(summary.error().message.find('\n') == std::string::npos);
  }
  return 0;
}
