// SPDX-License-Identifier: Apache-2.0
#include "collect/poller.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr Duration kFirstBackoff = std::chrono::milliseconds(100);
constexpr Duration kMaxBackoff = std::chrono::seconds(30);
constexpr Duration kMaxBackoffOfKnown = std::chrono::seconds(4);
constexpr std::size_t kMaxUuidBytes = 128;
constexpr std::size_t kMaxNameBytes = 256;

/// Tells the watch of a call for the length of a scope.
class Watched {
 public:
  Watched(CallWatch& watch, const Clock& clock, std::string what) : watch_(watch) {
    watch_.begin(std::move(what), clock.now());
  }
  ~Watched() { watch_.end(); }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

 private:
  CallWatch& watch_;
};

/// The sample of a device whose driver answered with this error.
DeviceSample sample_of_error(const Error& error, Timestamp at) {
  switch (error.code) {
    case Errc::kNotFound:
    case Errc::kUnavailable:
      return absent_sample(Missing::kLost, at);
    case Errc::kPermission:
      return absent_sample(Missing::kNoPermission, at);
    default:
      break;
  }
  DeviceSample failed = absent_sample(Missing::kDriverError, at);
  failed.health = Health::kFailed;
  return failed;
}

bool is_usable_uuid(std::string_view uuid) {
  return !uuid.empty() && uuid.size() <= kMaxUuidBytes && is_clean_text(uuid);
}

std::string bounded(std::string_view text) {
  const std::string clean = clean_text(text);
  return std::string(truncate_utf8(clean, kMaxNameBytes));
}

}  // namespace

void CallWatch::begin(std::string what, Timestamp now) {
  CallInProgress call{.what = std::move(what), .since = now};
  const MutexLock lock(mutex_);
  call_ = std::move(call);
}

void CallWatch::end() {
  const MutexLock lock(mutex_);
  call_.reset();
}

std::optional<CallInProgress> CallWatch::get() const {
  const MutexLock lock(mutex_);
  return call_;
}

Duration backoff(std::uint64_t failures, bool was_there) {
  GPUVIGIL_ASSERT(failures > 0);
  const Duration most = was_there ? kMaxBackoffOfKnown : kMaxBackoff;
  const std::uint64_t doublings = std::min<std::uint64_t>(failures - 1, 10);
  return std::min(kFirstBackoff * (1 << doublings), most);
}

Poller::Poller(std::string name, BackendOpener open, SamplerOptions options,
               std::shared_ptr<const Clock> clock, CallWatch& watch)
    : name_(std::move(name)),
      open_(std::move(open)),
      options_(options),
      clock_(std::move(clock)),
      watch_(watch),
      due_(clock_->now()) {
  GPUVIGIL_ASSERT(options_.period >= SamplerOptions::kMinPeriod &&
                  options_.period <= SamplerOptions::kMaxPeriod);
}

std::shared_ptr<const SampleReport> Poller::step() {
  auto listed = list();
  if (!listed) {
    ++failures_in_a_row_;
    ++calls_failed_;
    mark_all(listed.error());
    return make_report(fmt::format("{}: {}", name_, listed.error().message));
  }
  failures_in_a_row_ = 0;
  admit(*listed);
  for (Known& known : known_) {
    if (known.is_present) sample(known);
  }
  return make_report({});
}

/// The devices that are there now; opens the backend when it is not open, and drops it when it
/// fails, so that the next round begins anew.
Result<std::vector<DeviceInfo>> Poller::list() {
  if (!backend_) {
    const Watched call(watch_, *clock_, "opening the driver");
    GPUVIGIL_TRY(backend_, open_());
  }
  auto listed = [&] {
    const Watched call(watch_, *clock_, "the list of devices");
    return backend_->devices();
  }();
  if (!listed) {
    const Watched call(watch_, *clock_, "closing the driver");
    backend_.reset();
  }
  return listed;
}

void Poller::admit(const std::vector<DeviceInfo>& listed) {
  const Timestamp now = clock_->now();
  for (Known& known : known_) known.is_present = false;
  // Those that are known first: only then it is clear who is lost and may have to make room.
  std::vector<const DeviceInfo*> unknown;
  for (const DeviceInfo& info : listed) {
    if (const auto at = by_uuid_.find(info.uuid); at != by_uuid_.end()) {
      arrive(known_[at->second], now);
    } else {
      unknown.push_back(&info);
    }
  }
  for (Known& known : known_) {
    if (!known.is_present) replace(known, absent_sample(Missing::kLost, now));
  }
  for (const DeviceInfo* info : unknown) {
    Known* const known = is_usable_uuid(info->uuid) ? find_or_add(*info, now) : nullptr;
    if (known == nullptr) {
      ++devices_refused_;
    } else {
      arrive(*known, now);
    }
  }
}

/// Marks a device as listed in this round; one that is listed twice is counted.
void Poller::arrive(Known& known, Timestamp now) {
  if (known.is_present) ++devices_refused_;
  known.is_present = true;
  known.present_until = now;
}

/// Null when there is no room.
Poller::Known* Poller::find_or_add(const DeviceInfo& info, Timestamp now) {
  if (const auto at = by_uuid_.find(info.uuid); at != by_uuid_.end()) return &known_[at->second];
  if (known_.size() == kMaxDevices && !forget_longest_lost()) return nullptr;
  auto cleaned = std::make_shared<DeviceInfo>(info);
  cleaned->name = bounded(info.name);
  cleaned->pci_bus_id = bounded(info.pci_bus_id);
  by_uuid_.emplace(info.uuid, known_.size());
  known_.push_back({.info = std::move(cleaned), .sample = {}, .present_until = now});
  return &known_.back();
}

bool Poller::forget_longest_lost() {
  const auto longest = std::ranges::min_element(known_, {}, [](const Known& known) {
    return std::pair(known.is_present, known.present_until);
  });
  if (longest->is_present) return false;
  known_.erase(longest);
  by_uuid_.clear();
  for (std::size_t i = 0; i < known_.size(); ++i) by_uuid_.emplace(known_[i].info->uuid, i);
  return true;
}

/// What is known of a device stays known when it says nothing of it.
void Poller::replace(Known& known, DeviceSample sample) {
  if (!sample.inventory) sample.inventory = std::move(known.sample.inventory);
  known.sample = std::move(sample);
}

void Poller::sample(Known& known) {
  auto answer = [&] {
    const Watched call(watch_, *clock_, "sample of " + known.info->uuid);
    return backend_->sample(*known.info, clock_->now());
  }();
  const Timestamp answered = clock_->now();
  if (!answer) {
    ++calls_failed_;
    replace(known, sample_of_error(answer.error(), answered));
    return;
  }
  replace(known, *std::move(answer));
  known.sample.at = answered;
  readings_invalid_ += refuse_nonsense(known.sample);
}

void Poller::mark_all(const Error& error) {
  const Timestamp now = clock_->now();
  for (Known& known : known_) replace(known, sample_of_error(error, now));
}

/// The first tick after `now`; ticks are counted from the first round, so that they do not drift.
Timestamp Poller::next_tick(Timestamp now) const {
  const auto passed = std::max<std::int64_t>((now - due_) / options_.period, 0);
  return due_ + (passed + 1) * options_.period;
}

std::shared_ptr<const SampleReport> Poller::make_report(std::string problem) {
  const Timestamp now = clock_->now();
  samples_late_ += missed_deadlines(options_, due_, now) * known_.size();
  due_ =
      failures_in_a_row_ == 0 ? next_tick(now) : now + backoff(failures_in_a_row_, !known_.empty());

  auto report = std::make_shared<SampleReport>();
  report->backend = name_;
  report->state = failures_in_a_row_ == 0 ? BackendState::kOk : BackendState::kFailing;
  report->problem = std::move(problem);
  report->at = now;
  report->next_due = due_;
  for (const Known& known : known_) report->devices.push_back({known.info, known.sample});
  report->samples_late = samples_late_;
  report->readings_invalid = readings_invalid_;
  report->devices_refused = devices_refused_;
  report->calls_failed = calls_failed_;
  return report;
}

}  // namespace gpuvigil
