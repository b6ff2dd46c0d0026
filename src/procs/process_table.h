// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/process.h"
#include "procs/process_book.h"

namespace gpuvigil {

struct ProcessTableOptions {
  ProcessPaths paths;
  UserNames::Ask user_name = user_name_of;
  Duration period = std::chrono::seconds(1);  ///< New ones are looked at without waiting for it.
};

/// Who the processes on the devices are: a thread that reads /proc, so that no frame waits for it.
///
/// Processes beyond kMaxProcesses are left out and counted; the lowest numbers stay.
///
/// Threading: look_up() and the destructor from one thread; dropped() from any.
class ProcessTable final : public ProcessDirectory {
 public:
  static constexpr std::size_t kMaxProcesses = 4'096;
  /// How long stop() waits: the thread may be asking a server who a user is.
  static constexpr Duration kDefaultPatience = std::chrono::seconds(2);

  /// Starts the thread. Errors: kUnavailable (no thread).
  [[nodiscard]] static Result<std::unique_ptr<ProcessTable>> start(
      ProcessTableOptions options, std::shared_ptr<const Clock> clock);

  /// stop() with the default patience.
  ~ProcessTable() override;
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;

  std::shared_ptr<const ProcessInfos> look_up(std::span<const std::uint32_t> pids) override;

  [[nodiscard]] std::uint64_t dropped() const override;

  /// Ends the thread; false when it did not answer within `patience` of real time and was left
  /// behind. Idempotent.
  bool stop(Duration patience = kDefaultPatience);

 private:
  struct Shared;
  explicit ProcessTable(std::shared_ptr<Shared> shared);

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
  std::vector<std::uint32_t> asked_;     ///< By number: the last look_up().
  std::vector<std::uint32_t> left_out_;  ///< By number: beyond the limit in the last look_up().
};

}  // namespace gpuvigil
