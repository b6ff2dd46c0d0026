// SPDX-License-Identifier: Apache-2.0
#include "procs/process_table.h"

#include <algorithm>
#include <condition_variable>
#include <iterator>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/latest.h"
#include "base/mutex.h"
#include "base/thread.h"

namespace gpuvigil {

/// What the thread and its owner both hold; the last of them destroys it.
struct ProcessTable::Shared {
  explicit Shared(Duration its_period) : period(its_period) {}

  const Duration period;
  Latest<ProcessInfos> latest;

  mutable Mutex mutex;
  std::condition_variable_any changed;
  std::vector<std::uint32_t> wanted GPUVIGIL_GUARDED_BY(mutex);
  bool has_new GPUVIGIL_GUARDED_BY(mutex) = false;
  bool stopping GPUVIGIL_GUARDED_BY(mutex) = false;
  bool ended GPUVIGIL_GUARDED_BY(mutex) = false;
  std::uint64_t dropped GPUVIGIL_GUARDED_BY(mutex) = 0;

  /// What a round is about.
  struct Work {
    std::vector<std::uint32_t> pids;
    ProcessBook::Round round = ProcessBook::Round::kAll;
  };

  /// Waits until the clock shows `due`, or there are new processes; nothing when the thread is to
  /// end.
  std::optional<Work> wait_until(Timestamp due, const Clock& clock) {
    const MutexLock lock(mutex);
    for (;;) {
      if (stopping) return std::nullopt;
      const Duration left = clock.until(due);
      const bool is_due = left <= Duration::zero();
      if (is_due || has_new) {
        has_new = false;
        return Work{.pids = wanted,
                    .round = is_due ? ProcessBook::Round::kAll : ProcessBook::Round::kNew};
      }
      changed.wait_for(mutex, std::min(left, period));
    }
  }

  /// The whole thread.
  static void run(const std::shared_ptr<Shared>& shared, ProcessBook book,
                  const std::shared_ptr<const Clock>& clock) {
    Timestamp due = clock->now();
    while (const auto work = shared->wait_until(due, *clock)) {
      const Timestamp now = clock->now();
      if (work->round == ProcessBook::Round::kAll) due = now + shared->period;
      // Shown before users are named: that may wait for a server on the network.
      if (book.refresh(work->pids, work->round, now, wall_time() - time_since_boot())) {
        shared->latest.set(book.infos());
      }
      if (book.name_users(now)) shared->latest.set(book.infos());
    }
    const MutexLock lock(shared->mutex);
    shared->ended = true;
    shared->changed.notify_all();
  }
};

ProcessTable::ProcessTable(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

Result<std::unique_ptr<ProcessTable>> ProcessTable::start(ProcessTableOptions options,
                                                          std::shared_ptr<const Clock> clock) {
  auto shared = std::make_shared<Shared>(options.period);
  shared->latest.set(std::make_shared<ProcessInfos>());
  std::unique_ptr<ProcessTable> table(new ProcessTable(shared));
  try {
    table->thread_ = start_thread(
        "gpuvigil-procs",
        [shared, clock, book = ProcessBook(options.paths, std::move(options.user_name))]() mutable {
          Shared::run(shared, std::move(book), clock);
        });
  } catch (const std::system_error& error) {
    return fail(Errc::kUnavailable, fmt::format("no thread to read /proc: {}", error.what()));
  }
  GPUVIGIL_TRY(table->kubelet_, KubeletWatch::start(options.paths.kubelet_socket));
  return table;
}

ProcessTable::~ProcessTable() {
  stop();
}

std::shared_ptr<const ProcessInfos> ProcessTable::look_up(std::span<const std::uint32_t> pids) {
  std::vector<std::uint32_t> asked(pids.begin(), pids.end());
  std::ranges::sort(asked);
  asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
  std::vector<std::uint32_t> left_out;
  if (asked.size() > kMaxProcesses) {
    left_out.assign(asked.begin() + kMaxProcesses, asked.end());
    asked.resize(kMaxProcesses);
  }
  std::vector<std::uint32_t> newly_left_out;
  std::ranges::set_difference(left_out, left_out_, std::back_inserter(newly_left_out));
  left_out_ = std::move(left_out);
  if (asked != asked_ || !newly_left_out.empty()) {
    const bool has_new = !std::ranges::includes(asked_, asked);
    asked_ = std::move(asked);
    const MutexLock lock(shared_->mutex);
    shared_->wanted = asked_;
    shared_->has_new = shared_->has_new || has_new;
    shared_->dropped += newly_left_out.size();
    if (has_new) shared_->changed.notify_all();
  }
  return shared_->latest.get();
}

std::uint64_t ProcessTable::dropped() const {
  const MutexLock lock(shared_->mutex);
  return shared_->dropped;
}

std::shared_ptr<const DeviceHolders> ProcessTable::holders() const {
  return kubelet_->latest();
}

bool ProcessTable::stop(Duration patience) {
  if (!thread_.joinable()) return true;
  bool ended = false;
  {
    const MutexLock lock(shared_->mutex);
    shared_->stopping = true;
    shared_->changed.notify_all();
    // Real time, not the clock's: this is a wait for a thread.
    const auto patient_until = std::chrono::steady_clock::now() + patience;
    while (!shared_->ended && shared_->changed.wait_until(shared_->mutex, patient_until) ==
                                  std::cv_status::no_timeout) {
    }
    ended = shared_->ended;
  }
  if (ended) {
    thread_.join();
  } else {
    thread_.detach();
  }
  return ended;
}

}  // namespace gpuvigil
