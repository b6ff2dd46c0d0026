// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/latest.h"
#include "base/result.h"
#include "base/task_queue.h"
#include "fleet/promql_client.h"
#include "model/fleet.h"

namespace gpuvigil {

/// The fleet as a server with Prometheus' query API tells it. One question after the other, on a
/// thread of its own; a question that has waited too long is not asked any more.
///
/// Threading: as Fleet.
class PromqlFleet final : public Fleet {
 public:
  static constexpr std::size_t kMaxWaiting = 32;
  static constexpr Duration kTimeLimit = std::chrono::seconds(10);  ///< Of a question.
  static constexpr Duration kStateAge = std::chrono::seconds(3);    ///< For which nodes are kept.

  struct Options {
    PromqlClient::Options server;
    std::string host;                                ///< This machine, as the label `host` says it.
    Duration resolution = std::chrono::seconds(15);  ///< At which machines write.
  };

  /// `clock` is real time and must outlive the fleet. Nobody is asked before the first question.
  /// Errors: those of PromqlClient::open().
  [[nodiscard]] static Result<std::unique_ptr<PromqlFleet>> start(Options options,
                                                                  const Clock& clock);
  /// Ends the question that is under way; those that wait are answered with kUnavailable.
  ~PromqlFleet() override;
  PromqlFleet(const PromqlFleet&) = delete;
  PromqlFleet& operator=(const PromqlFleet&) = delete;

  [[nodiscard]] bool ask(HistoryQuery query,
                         std::function<void(Result<HistoryAnswer>)> done) override;
  [[nodiscard]] bool ask_nodes(
      std::function<void(Result<std::shared_ptr<const FleetState>>)> done) override;
  [[nodiscard]] bool ask_history(FleetHistoryQuery query,
                                 std::function<void(Result<FleetHistory>)> done) override;
  [[nodiscard]] FleetStatus status() const override;

 private:
  PromqlFleet(std::unique_ptr<PromqlClient> client, std::string host, Duration resolution,
              const Clock& clock);

  /// Runs `work` on the thread, which counts and tells its outcome. `work` gets the deadline.
  template <class T>
  [[nodiscard]] bool post(std::function<Result<T>(Timestamp deadline)> work,
                          std::function<void(Result<T>)> done);
  void note(const Error* error);
  [[nodiscard]] Result<std::shared_ptr<const FleetState>> look(Timestamp deadline);

  const std::unique_ptr<PromqlClient> client_;
  const std::string host_;
  const Duration resolution_;
  const Clock& clock_;
  TaskQueue tasks_;
  Latest<std::string> problem_;  ///< Of the last question; empty: none.
  std::atomic<std::size_t> waiting_{0};
  std::atomic<std::uint64_t> queries_{0};
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::shared_ptr<const FleetState> state_;  ///< The thread's: what was told last.
  std::thread thread_;
};

}  // namespace gpuvigil
