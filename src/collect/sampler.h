// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "collect/backend.h"
#include "collect/sample_report.h"

namespace gpuvigil {

/// The thread that samples one backend, and what to say while its driver does not answer.
///
/// Drivers block, sometimes for ever, and cannot be interrupted. So nothing here waits for one:
/// report() tells from the clock that an answer is late, and stop() leaves a thread behind that
/// does not come back (what the thread uses is shared with it and outlives this object).
///
/// Threading: all members are safe from any thread, the destructor excepted.
class Sampler {
 public:
  /// How long stop() waits for the round that is going on.
  static constexpr Duration kDefaultPatience = std::chrono::seconds(2);

  /// Starts sampling. `name` is what the backend's devices call their source. The backend is
  /// opened on the thread, because that may block too.
  /// Errors: kInvalidArgument (period or deadline out of range), kUnavailable (no thread).
  [[nodiscard]] static Result<std::unique_ptr<Sampler>> start(std::string name, BackendOpener open,
                                                              SamplerOptions options,
                                                              std::shared_ptr<const Clock> clock);

  /// stop() with the default patience.
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// What is known now; never null. Before the first answer: no devices, starting.
  [[nodiscard]] std::shared_ptr<const SampleReport> report() const;

  /// Makes the thread look at its clock again: for a clock that does not move by itself.
  void wake();

  /// Ends the thread once its driver has answered; false when it did not within `patience` of
  /// real time and the thread was left behind. Idempotent.
  bool stop(Duration patience = kDefaultPatience);

 private:
  struct Shared;
  explicit Sampler(std::shared_ptr<Shared> shared);

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace gpuvigil
