// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/file.h"
#include "trace/kineto_reader.h"

namespace {

/// Holds the reader to what it promises of each execution, whatever the text is.
class CheckingSink final : public gpuvigil::TraceSink {
 public:
  void device_found(std::uint32_t dense, const gpuvigil::TraceDevice&) override {
    GPUVIGIL_ASSERT(dense == devices_);
    ++devices_;
  }
  void execution(const gpuvigil::TraceExecution& execution) override {
    std::int64_t end = 0;
    GPUVIGIL_ASSERT(execution.duration_ns >= 0);
    GPUVIGIL_ASSERT(!__builtin_add_overflow(execution.start_ns, execution.duration_ns, &end));
    GPUVIGIL_ASSERT(execution.device < devices_);
    fingerprint = fingerprint * 31 + execution.name.size() + static_cast<std::uint64_t>(end);
    ++executions;
  }
  void memory(const gpuvigil::TraceMemory& memory) override {
    GPUVIGIL_ASSERT(memory.device < devices_);
  }

  std::uint64_t executions = 0;
  std::uint64_t fingerprint = 0;

 private:
  std::uint32_t devices_ = 0;
};

struct Outcome {
  std::string line;  ///< The error, or the damage.
  std::uint64_t fingerprint = 0;

  bool operator==(const Outcome&) const = default;
};

Outcome read_in_chunks(std::string_view text, std::size_t chunk) {
  CheckingSink sink;
  gpuvigil::MemorySource source(text, chunk);
  const auto summary = gpuvigil::read_kineto(source, sink, "fuzz");
  if (!summary) return {summary.error().message, 0};
  GPUVIGIL_ASSERT(summary->executions == sink.executions);
  GPUVIGIL_ASSERT(summary->executions + summary->executions_unreadable <= summary->events);
  GPUVIGIL_ASSERT(summary->bytes_unreadable <= text.size());
  GPUVIGIL_ASSERT(!summary->first_ns || *summary->first_ns <= *summary->last_ns);
  return {summary->damage, sink.fingerprint};
}

}  // namespace

/// The first byte chooses the size of the pieces, in which the rest is read a second time.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = read_in_chunks(text, SIZE_MAX);
  const Outcome pieces = read_in_chunks(text, std::size_t{data[0]} + 1);
  GPUVIGIL_ASSERT(whole == pieces);
  GPUVIGIL_ASSERT(whole.line.find('\n') == std::string::npos);
  return 0;
}
