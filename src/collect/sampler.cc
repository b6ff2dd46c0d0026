// SPDX-License-Identifier: Apache-2.0
#include "collect/sampler.h"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/bounded_queue.h"
#include "base/latest.h"
#include "base/mutex.h"
#include "collect/board_reader.h"
#include "collect/roster.h"

namespace gpuvigil {
namespace {

// A clock may stand still or be set; nothing sleeps longer than this without looking again.
constexpr Duration kLongestSleep = std::chrono::seconds(60);
constexpr Duration kMaxDeadline = std::chrono::seconds(60);
// How long a wait for events holds its thread, and with it an end of the program.
constexpr Duration kEventPatience = std::chrono::milliseconds(500);

/// What a thread is to read; no backend: nothing.
struct Assignment {
  std::shared_ptr<Backend> backend;
  Board board;
};

/// One thread of boards. Kept by the sampler and by its thread.
struct Reader {
  std::string key;  ///< The UUID of the board's first device.
  CallWatch watch;
  Latest<SampleReport> latest;
  // Guarded by the mutex of Sampler::Shared:
  Assignment next;
  bool is_new = false;  ///< The thread does not work on `next` yet.
  bool is_assigned = false;
};

}  // namespace

/// What the threads and their owner all hold; the last of them destroys it.
struct Sampler::Shared : std::enable_shared_from_this<Sampler::Shared> {
  Shared(std::string its_name, SamplerOptions its_options, std::shared_ptr<const Clock> its_clock)
      : name(std::move(its_name)), options(its_options), clock(std::move(its_clock)) {}

  const std::string name;
  const SamplerOptions options;
  const std::shared_ptr<const Clock> clock;
  CallWatch roster_watch;
  Latest<SampleReport> roster;
  BoundedQueue<Event> events{kMaxEvents, WhenFull::kDropOldest};

  mutable Mutex mutex;
  std::condition_variable_any changed;
  bool stopping GPUVIGIL_GUARDED_BY(mutex) = false;
  std::size_t threads_alive GPUVIGIL_GUARDED_BY(mutex) = 0;
  bool has_event_thread GPUVIGIL_GUARDED_BY(mutex) = false;
  std::shared_ptr<Backend> event_backend GPUVIGIL_GUARDED_BY(mutex);
  std::vector<std::shared_ptr<Reader>> readers GPUVIGIL_GUARDED_BY(mutex);

  /// What report() made last, and of what.
  struct Made {
    std::vector<std::shared_ptr<const SampleReport>> parts;
    std::shared_ptr<const SampleReport> report;
  };
  mutable Mutex made_mutex;
  mutable Made made GPUVIGIL_GUARDED_BY(made_mutex);

  Result<void> spawn(std::function<void()> work);
  bool wait_until(Timestamp due, const bool* is_new = nullptr);
  void list_devices(BackendOpener open);
  void assign(const RosterReport& report);
  Result<void> assign(const std::shared_ptr<Backend>& backend, const Board& board);
  void read_board(const std::shared_ptr<Reader>& reader);
  void wait_for_events();
  std::shared_ptr<const SampleReport> report() const;
};

/// Starts a thread of which nobody waits for more than the end that it tells.
Result<void> Sampler::Shared::spawn(std::function<void()> work) {
  const auto end = [](Shared& shared) {
    const MutexLock lock(shared.mutex);
    --shared.threads_alive;
    shared.changed.notify_all();
  };
  {
    const MutexLock lock(mutex);
    ++threads_alive;
  }
  try {
    std::thread([self = shared_from_this(), end, work = std::move(work)]() mutable {
      work();
      work = nullptr;  // with all that it holds: closing a driver can hang like any other call
      end(*self);
    }).detach();
  } catch (const std::system_error& error) {
    end(*this);
    return fail(Errc::kUnavailable, fmt::format("no thread to sample devices: {}", error.what()));
  }
  return {};
}

/// Waits until the clock shows `due` or `is_new` becomes true; false when the thread is to end.
bool Sampler::Shared::wait_until(Timestamp due, const bool* is_new) {
  const MutexLock lock(mutex);
  while (!stopping) {
    const Duration left = clock->until(due);
    if (left <= Duration::zero() || (is_new != nullptr && *is_new)) return true;
    changed.wait_for(mutex, std::min(left, kLongestSleep));
  }
  return false;
}

/// The whole thread that knows which devices there are.
void Sampler::Shared::list_devices(BackendOpener open) {
  Roster list(name, std::move(open), options, clock, roster_watch);
  Timestamp due{};
  do {
    const auto report = list.step();
    due = report->devices->next_due;
    assign(*report);
    roster.set(report->devices);
  } while (wait_until(due));
  assign({});  // so that nobody else keeps the driver open
}

/// Gives each board to its thread, and takes from the others what they have.
void Sampler::Shared::assign(const RosterReport& report) {
  // A share of a backend never ends under the mutex, because closing a driver may hang.
  std::vector<Assignment> ended;
  std::shared_ptr<Backend> ended_events;
  const bool has_events = report.backend && report.backend->has_events();
  bool needs_event_thread = false;
  {
    const MutexLock lock(mutex);
    for (const auto& reader : readers) {
      const bool stays = std::ranges::any_of(report.boards, [&](const Board& board) {
        return board.devices.front().uuid == reader->key;
      });
      if (stays || !reader->is_assigned) continue;
      ended.push_back(std::exchange(reader->next, {}));
      reader->is_assigned = false;
      reader->is_new = true;
    }
    ended_events = std::exchange(event_backend, has_events ? report.backend : nullptr);
    needs_event_thread = has_events && !std::exchange(has_event_thread, true);
    changed.notify_all();
  }
  for (const Board& board : report.boards) {
    if (!assign(report.backend, board)) break;  // no threads; the next round tries again
  }
  if (needs_event_thread && !spawn([this] { wait_for_events(); })) {
    const MutexLock lock(mutex);
    has_event_thread = false;
  }
}

Result<void> Sampler::Shared::assign(const std::shared_ptr<Backend>& backend, const Board& board) {
  Assignment ended;
  std::shared_ptr<Reader> fresh;
  {
    const MutexLock lock(mutex);
    const std::string& key = board.devices.front().uuid;
    auto found = std::ranges::find(readers, key, &Reader::key);
    if (found == readers.end() && readers.size() >= kMaxBoards) {
      found = std::ranges::find(readers, false, &Reader::is_assigned);
      if (found == readers.end()) return {};
      (*found)->key = key;
    }
    if (found == readers.end()) {
      fresh = std::make_shared<Reader>();
      fresh->key = key;
      readers.push_back(fresh);
      found = std::prev(readers.end());
    }
    Reader& reader = **found;
    const auto is_same = [](const DeviceInfo& a, const DeviceInfo& b) { return a.uuid == b.uuid; };
    if (reader.is_assigned && reader.next.backend == backend &&
        std::ranges::equal(reader.next.board.devices, board.devices, is_same)) {
      return {};
    }
    ended = std::exchange(reader.next, {.backend = backend, .board = board});
    reader.is_assigned = reader.is_new = true;
    changed.notify_all();
  }
  if (!fresh) return {};
  if (auto started = spawn([this, fresh] { read_board(fresh); }); !started) {
    const MutexLock lock(mutex);
    std::erase(readers, fresh);
    return started;
  }
  return {};
}

/// The whole thread of a board.
void Sampler::Shared::read_board(const std::shared_ptr<Reader>& reader) {
  BoardReader board(name, options, clock, reader->watch);
  Timestamp due{};
  bool rests = true;
  do {
    Assignment work;
    {
      const MutexLock lock(mutex);
      work = reader->next;
      reader->is_new = false;
    }
    if (work.backend) {
      auto report = board.read(*work.backend, work.board);
      due = report->next_due;
      reader->latest.set(std::move(report));
    } else if (!rests) {
      reader->latest.set(board.rest());
    }
    rests = !work.backend;
    if (rests) due = clock->now() + kLongestSleep;
    work = {};
  } while (wait_until(due, &reader->is_new));
}

/// The whole thread that waits for what happens.
void Sampler::Shared::wait_for_events() {
  Timestamp due{};
  do {
    std::shared_ptr<Backend> backend;
    {
      const MutexLock lock(mutex);
      backend = event_backend;
    }
    auto told = backend ? backend->wait_for_events(kEventPatience, *clock)
                        : Result<std::vector<Event>>(fail(Errc::kUnavailable, "no driver"));
    due = told ? Timestamp{} : clock->now() + kEventPatience;  // an error may come back at once
    if (!told) continue;
    for (Event& event : *told) events.push(std::move(event));
  } while (wait_until(due));
}

std::shared_ptr<const SampleReport> Sampler::Shared::report() const {
  const Timestamp now = clock->now();
  std::vector<std::shared_ptr<const SampleReport>> parts = {
      as_of_roster(roster.get(), options, roster_watch.get(), now)};
  {
    const MutexLock lock(mutex);
    for (const auto& reader : readers) {
      auto said = reader->latest.get();
      if (!said) continue;
      parts.push_back(reader->is_assigned ? as_of(said, options, reader->watch.get(), now)
                                          : std::move(said));
    }
  }
  const MutexLock lock(made_mutex);
  if (made.parts == parts) return made.report;
  const std::span boards = std::span(parts).subspan(1);
  made = {.parts = parts, .report = merge_reports(*parts.front(), boards)};
  return made.report;
}

Sampler::Sampler(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

Result<std::unique_ptr<Sampler>> Sampler::start(std::string name, BackendOpener open,
                                                SamplerOptions options,
                                                std::shared_ptr<const Clock> clock) {
  if (options.period < SamplerOptions::kMinPeriod || options.period > SamplerOptions::kMaxPeriod) {
    return fail(Errc::kInvalidArgument, "the sampling period has to be 100 ms to 10 s");
  }
  if (options.deadline <= Duration::zero() || options.deadline > kMaxDeadline) {
    return fail(Errc::kInvalidArgument, "the sampling deadline has to be above 0, at most 60 s");
  }
  auto shared = std::make_shared<Shared>(std::move(name), options, std::move(clock));
  auto first = std::make_shared<SampleReport>();
  first->backend = shared->name;
  first->at = first->next_due = shared->clock->now();
  shared->roster.set(std::move(first));
  std::unique_ptr<Sampler> sampler(new Sampler(shared));
  GPUVIGIL_CHECK(shared->spawn([raw = shared.get(), open = std::move(open)]() mutable {
    raw->list_devices(std::move(open));
  }));
  return sampler;
}

Sampler::~Sampler() {
  stop();
}

std::shared_ptr<const SampleReport> Sampler::report() const {
  return shared_->report();
}

std::deque<Event> Sampler::take_events() const {
  return shared_->events.drain();
}

std::uint64_t Sampler::events_dropped() const {
  return shared_->events.dropped();
}

void Sampler::wake() {
  const MutexLock lock(shared_->mutex);
  shared_->changed.notify_all();
}

bool Sampler::stop(Duration patience) {
  const MutexLock lock(shared_->mutex);
  // What was left behind once is not waited for again.
  if (std::exchange(shared_->stopping, true)) return true;
  shared_->changed.notify_all();
  // Real time, not the clock's: this is a wait for threads, not for a moment of the timeline.
  const auto patient_until = std::chrono::steady_clock::now() + patience;
  while (shared_->threads_alive > 0 &&
         shared_->changed.wait_until(shared_->mutex, patient_until) == std::cv_status::no_timeout) {
  }
  return shared_->threads_alive == 0;
}

}  // namespace gpuvigil
