// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "gpuvigil/segment.h"
#include "model/tracer.h"
#include "profile/agent_socket.h"
#include "profile/segment_copy.h"

namespace gpuvigil {

/// Somebody's wish for a trace, on its way to who fulfils it.
struct TraceOrder {
  TraceWish wish;
  Tracer::Asker asker;
};

/// A program as far as traces need it.
struct TraceableProgram {
  std::uint64_t id = 0;  ///< Never used twice.
  int socket = -1;
  std::string writer;
  gpuvigil_segment_header layout{};
  SharedBytes segment;  ///< Valid until the desk is told that it has left.
};

/// The traces that are being made: asks programs for their rings, reads those, and hands over what
/// was in them when their time has passed.
///
/// Threading: one thread, that which reads segments.
class TraceDesk {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  /// All at once; what is over is refused.
  static constexpr std::size_t kMostTraces = 4;
  /// How often rings are to be read meanwhile: so often, that a million executions a second fit.
  static constexpr Duration kPeriod = std::chrono::milliseconds(10);

  explicit TraceDesk(const Clock& timeline);
  ~TraceDesk();
  TraceDesk(const TraceDesk&) = delete;
  TraceDesk& operator=(const TraceDesk&) = delete;

  /// Begins a trace of `programs`, which are all that have that pid.
  void begin(TraceOrder order, std::span<const TraceableProgram> programs, SteadyTime now);

  /// Whether a program owes an answer: else it has nothing more to say.
  [[nodiscard]] bool expects(std::uint64_t program) const { return owed_.contains(program); }

  /// Takes an answer that a program owes. False when what came is none.
  [[nodiscard]] bool hear(std::uint64_t program, int socket, SteadyTime now);

  /// A program has ended; what is in its ring is read this last time.
  void left(std::uint64_t program);

  /// Reads what is new, and ends what is over.
  void look(SteadyTime now);

  [[nodiscard]] bool is_idle() const { return traces_.empty(); }

 private:
  struct Part;
  struct Trace;

  void ask(Trace& trace, Part& part, SteadyTime now);
  static void send_end(std::uint64_t id, const Part& part);
  static void read(Trace& trace, Part& part);
  static void name_all(Trace& trace, Part& part);
  [[nodiscard]] bool is_over(Trace& trace, SteadyTime now);
  void deliver(Trace& trace);

  const Clock& timeline_;
  std::uint64_t last_id_ = 0;
  std::vector<std::unique_ptr<Trace>> traces_;
  std::map<std::uint64_t, int> owed_;  ///< Answers, by program.
};

}  // namespace gpuvigil
