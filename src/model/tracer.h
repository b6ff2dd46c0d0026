// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/execution_trace.h"

namespace gpuvigil {

inline constexpr Duration kShortestTrace = std::chrono::milliseconds(100);
inline constexpr Duration kLongestTrace = std::chrono::seconds(60);
inline constexpr std::size_t kMostTracedEvents = 250'000;

struct TraceWish {
  std::uint32_t pid = 0;
  Duration duration{};         ///< kShortestTrace to kLongestTrace.
  std::size_t max_events = 0;  ///< 1 to kMostTracedEvents.
};

/// The single executions of a process that ended within a span of time.
struct ProcessTrace {
  ExecutionTrace data;               ///< Devices are numbered in the order of this list.
  std::vector<std::string> writers;  ///< "cuda", "opencl": whose executions these are.
  Timestamp from{};
  Timestamp until{};
  bool is_complete = true;        ///< False: the process ended, or somebody did not come to an end.
  std::uint64_t overwritten = 0;  ///< Executions that came faster than they were read.
  std::uint64_t over_limit = 0;   ///< Beyond TraceWish::max_events, the latest ones.
  std::uint64_t untimed = 0;      ///< Of which only their number is known.
  std::uint64_t lost = 0;         ///< That their driver or their agent lost.
  std::uint64_t unreadable = 0;   ///< That made no sense.

  /// Executions that happened and are not in `data`.
  [[nodiscard]] std::uint64_t missing() const {
    return overwritten + over_limit + untimed + lost + unreadable;
  }
};

/// Why there is no trace.
struct TraceFailure {
  enum class Kind {
    kNobody,   ///< No program of this pid reports itself.
    kCannot,   ///< It does, and tells of no single executions.
    kAlready,  ///< It is being traced.
    kTooMany,  ///< As many as may be are being traced.
    kSilent,   ///< It did not answer, or could not do it.
    kEnded,    ///< Nobody wanted it any longer.
  };
  Kind kind = Kind::kNobody;
  std::string why;  ///< A sentence for people without a full stop.
};

/// The port through which single executions of a running process are had.
///
/// Threading: any thread.
class Tracer {
 public:
  using Outcome = std::expected<ProcessTrace, TraceFailure>;
  struct Asker {
    /// Whether it is still of use; when not, the trace ends. Any thread.
    std::function<bool()> is_waiting;
    /// Called at most once, on a thread of the tracer's, which waits for it: never if the tracer
    /// ends before.
    std::function<void(Outcome)> done;
  };

  virtual ~Tracer() = default;
  virtual void trace(const TraceWish& wish, Asker asker) = 0;
};

}  // namespace gpuvigil
