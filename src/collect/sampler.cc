// SPDX-License-Identifier: Apache-2.0
#include "collect/sampler.h"

#include <algorithm>
#include <condition_variable>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/latest.h"
#include "base/mutex.h"
#include "collect/poller.h"

namespace gpuvigil {
namespace {

// A clock may stand still or be set; nothing sleeps longer than this without looking again.
constexpr Duration kLongestSleep = std::chrono::seconds(60);
constexpr Duration kMaxDeadline = std::chrono::seconds(60);

}  // namespace

/// What the thread and its owner both hold; the last of them destroys it.
struct Sampler::Shared {
  Shared(SamplerOptions its_options, std::shared_ptr<const Clock> its_clock)
      : options(its_options), clock(std::move(its_clock)) {}

  const SamplerOptions options;
  const std::shared_ptr<const Clock> clock;
  CallWatch watch;
  Latest<SampleReport> latest;

  Mutex mutex;
  std::condition_variable_any changed;
  bool stopping GPUVIGIL_GUARDED_BY(mutex) = false;
  bool ended GPUVIGIL_GUARDED_BY(mutex) = false;

  /// Waits until the clock shows `due`; false when the thread is to end.
  bool wait_until(Timestamp due) {
    const MutexLock lock(mutex);
    while (!stopping) {
      const Duration left = clock->until(due);
      if (left <= Duration::zero()) return true;
      changed.wait_for(mutex, std::min(left, kLongestSleep));
    }
    return false;
  }

  /// The whole thread.
  static void run(const std::shared_ptr<Shared>& shared, std::unique_ptr<Poller> poller) {
    Timestamp due{};
    do {
      auto report = poller->step();
      due = report->next_due;
      shared->latest.set(std::move(report));
    } while (shared->wait_until(due));
    poller.reset();  // closing a driver can hang like any other call
    const MutexLock lock(shared->mutex);
    shared->ended = true;
    shared->changed.notify_all();
  }
};

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
  auto shared = std::make_shared<Shared>(options, std::move(clock));
  auto first = std::make_shared<SampleReport>();
  first->backend = name;
  first->at = first->next_due = shared->clock->now();
  shared->latest.set(std::move(first));
  auto poller = std::make_unique<Poller>(std::move(name), std::move(open), options, shared->clock,
                                         shared->watch);
  std::unique_ptr<Sampler> sampler(new Sampler(shared));
  try {
    sampler->thread_ = std::thread(Shared::run, shared, std::move(poller));
  } catch (const std::system_error& error) {
    return fail(Errc::kUnavailable, fmt::format("no thread to sample devices: {}", error.what()));
  }
  return sampler;
}

Sampler::~Sampler() {
  stop();
}

std::shared_ptr<const SampleReport> Sampler::report() const {
  return as_of(shared_->latest.get(), shared_->options, shared_->watch.get(),
               shared_->clock->now());
}

void Sampler::wake() {
  const MutexLock lock(shared_->mutex);
  shared_->changed.notify_all();
}

bool Sampler::stop(Duration patience) {
  if (!thread_.joinable()) return true;
  bool ended = false;
  {
    const MutexLock lock(shared_->mutex);
    shared_->stopping = true;
    shared_->changed.notify_all();
    // Real time, not the clock's: this is a wait for a thread, not for a moment of the timeline.
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
