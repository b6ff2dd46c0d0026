// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/execution_trace.h"

namespace gpuvigil {

/// A member of a trace's `otherData`: what is to be known of all of it.
struct TraceFact {
  std::string_view key;  ///< A literal of ours.
  std::variant<std::uint64_t, bool, std::string> value;
};

/// What is to be written. Views: everything must outlive the writing.
struct ChromeTrace {
  std::span<const ExecutionTrace::Device> devices;
  std::span<const ExecutionTrace::Series> series;
  std::span<const ExecutionTrace::Event> events;  ///< In any order.
  std::span<const ExecutionTrace::Detail> details;
  std::uint64_t total = 0;  ///< Executions of every kind that happened; those of `events` at least.
  std::span<const TraceFact> facts;
  /// Events that would make the text longer are left out, the latest ones, and counted so.
  std::size_t max_bytes = std::numeric_limits<std::size_t>::max();
};

/// Gets the text in pieces.
using TextSink = std::function<Result<void>(std::string_view)>;

/// Writes executions as a Chrome trace (chrome://tracing, Perfetto, gpuvigil kernels --trace): a
/// process a device, and below it a row a stream, or more where executions of one overlap; where no
/// stream is known, as many rows as ran at once. Events are in the order of their starts.
/// `otherData` says how many are in the file and how many are not.
/// Errors: those of `sink`.
[[nodiscard]] Result<void> write_chrome_trace(const ChromeTrace& trace, const TextSink& sink);

}  // namespace gpuvigil
