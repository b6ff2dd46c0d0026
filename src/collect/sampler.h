// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "collect/backend.h"
#include "collect/sample_report.h"

namespace gpuvigil {

/// The threads that read one backend, and what to say while its driver does not answer: one that
/// lists devices, one for each board, and one that waits for events where there are any.
///
/// Drivers block, sometimes for ever, and cannot be interrupted. So nothing here waits for one:
/// a board that hangs holds up no other, report() tells from the clock that an answer is late, and
/// stop() leaves threads behind that do not come back (what they use is shared with them and
/// outlives this object).
///
/// Threading: all members are safe from any thread, the destructor excepted.
class Sampler {
 public:
  /// How long stop() waits for the rounds that are going on.
  static constexpr Duration kDefaultPatience = std::chrono::seconds(2);
  /// At most so many boards have a thread. Further ones are read when one of those has gone.
  static constexpr std::size_t kMaxBoards = 256;
  /// Events that nobody took yet; beyond it the oldest are dropped and counted.
  static constexpr std::size_t kMaxEvents = 4096;

  /// Starts sampling. `name` is what the backend's devices call their source. The backend is
  /// opened on a thread, because that may block too.
  /// Errors: kInvalidArgument (period or deadline out of range), kUnavailable (no thread).
  [[nodiscard]] static Result<std::unique_ptr<Sampler>> start(std::string name, BackendOpener open,
                                                              SamplerOptions options,
                                                              std::shared_ptr<const Clock> clock);

  /// stop() with the default patience.
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// What is known now; never null, and the same object while nothing is new. Before the first
  /// answer: no devices, starting.
  [[nodiscard]] std::shared_ptr<const SampleReport> report() const;

  /// What happened since the last call, oldest first.
  [[nodiscard]] std::deque<Event> take_events() const;
  /// Since the start.
  [[nodiscard]] std::uint64_t events_dropped() const;

  /// Makes the threads look at the clock again: for a clock that does not move by itself.
  void wake();

  /// Ends the threads once their driver has answered; false when one did not within `patience` of
  /// real time and was left behind. Idempotent.
  bool stop(Duration patience = kDefaultPatience);

 private:
  struct Shared;
  explicit Sampler(std::shared_ptr<Shared> shared);

  std::shared_ptr<Shared> shared_;
};

}  // namespace gpuvigil
