// SPDX-License-Identifier: Apache-2.0
#include "fleet/promql_fleet.h"

#include <utility>

#include "base/thread.h"
#include "fleet/fleet_state.h"
#include "fleet/promql.h"
#include "fleet/stored_history.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

/// Mistakes of who asks say nothing of the server.
bool is_ours(Errc code) {
  return code == Errc::kTooLarge || code == Errc::kInvalidArgument;
}

}  // namespace

PromqlFleet::PromqlFleet(std::unique_ptr<PromqlClient> client, std::string host,
                         Duration resolution, const Clock& clock)
    : client_(std::move(client)),
      host_(std::move(host)),
      resolution_(resolution),
      clock_(clock),
      tasks_(kMaxWaiting) {
  problem_.set(std::make_shared<const std::string>());
}

Result<std::unique_ptr<PromqlFleet>> PromqlFleet::start(Options options, const Clock& clock) {
  options.server.outbound.deadline = kTimeLimit / 2;
  GPUVIGIL_TRY(auto client, PromqlClient::open(std::move(options.server)));
  std::unique_ptr<PromqlFleet> fleet(
      new PromqlFleet(std::move(client), std::move(options.host), options.resolution, clock));
  fleet->thread_ = start_thread("gpuvigil-fleet", [all = fleet.get()] {
    while (all->tasks_.wait_and_run(1s)) {
    }
  });
  return fleet;
}

PromqlFleet::~PromqlFleet() {
  tasks_.close();
  client_->cancel();
  thread_.join();
}

void PromqlFleet::note(const Error* error) {
  const bool is_down = error != nullptr && !is_ours(error->code);
  if (error != nullptr) failed_.fetch_add(1, std::memory_order_relaxed);
  problem_.set(std::make_shared<const std::string>(is_down ? error->message : std::string()));
}

template <class T>
bool PromqlFleet::post(std::function<Result<T>(Timestamp deadline)> work,
                       std::function<void(Result<T>)> done) {
  const auto task = [this, work = std::move(work), done = std::move(done),
                     deadline = clock_.now() + kTimeLimit] {
    waiting_.fetch_sub(1);
    Result<T> outcome = clock_.now() >= deadline
                            ? fail(Errc::kTimeout, "others asked before for too long")
                            : work(deadline);
    note(outcome ? nullptr : &outcome.error());
    done(std::move(outcome));
  };
  if (waiting_.fetch_add(1) < kMaxWaiting && tasks_.post(task)) {
    queries_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  waiting_.fetch_sub(1);
  refused_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

bool PromqlFleet::ask(HistoryQuery query, std::function<void(Result<HistoryAnswer>)> done) {
  return post<HistoryAnswer>(
      [this, query = std::move(query)](Timestamp deadline) {
        StoredHistory history(*client_, resolution_,
                              [this, deadline] { return clock_.now() >= deadline; });
        return history.devices(query, "host=" + promql_text(host_));
      },
      std::move(done));
}

bool PromqlFleet::ask_history(FleetHistoryQuery query,
                              std::function<void(Result<FleetHistory>)> done) {
  return post<FleetHistory>(
      [this, query = std::move(query)](Timestamp deadline) {
        StoredHistory history(*client_, resolution_,
                              [this, deadline] { return clock_.now() >= deadline; });
        return history.nodes(query);
      },
      std::move(done));
}

bool PromqlFleet::ask_nodes(std::function<void(Result<std::shared_ptr<const FleetState>>)> done) {
  return post<std::shared_ptr<const FleetState>>(
      [this](Timestamp deadline) { return look(deadline); }, std::move(done));
}

Result<std::shared_ptr<const FleetState>> PromqlFleet::look(Timestamp deadline) {
  const Timestamp now = clock_.now();
  // Many who look at once cost the other server one question.
  if (state_ && now - state_->at < kStateAge && now >= state_->at) return state_;
  const auto ask = [&](const std::string& expression) -> Result<std::vector<PromSeries>> {
    if (clock_.now() >= deadline) return fail(Errc::kTimeout, "that took too long");
    return client_->query(expression, now);
  };
  GPUVIGIL_TRY(const auto seen, ask(fleet_seen_expression()));
  GPUVIGIL_TRY(const auto devices, ask(fleet_devices_expression()));
  GPUVIGIL_TRY(const auto values, ask(fleet_values_expression()));
  GPUVIGIL_TRY(FleetState state, fleet_state_of(now, seen, devices, values));
  state_ = std::make_shared<const FleetState>(std::move(state));
  return state_;
}

FleetStatus PromqlFleet::status() const {
  FleetStatus status;
  status.url = client_->origin();
  status.problem = *problem_.get();
  status.is_up = status.problem.empty();
  status.queries = queries_.load(std::memory_order_relaxed);
  status.queries_failed = failed_.load(std::memory_order_relaxed);
  status.queries_refused = refused_.load(std::memory_order_relaxed);
  return status;
}

}  // namespace gpuvigil
