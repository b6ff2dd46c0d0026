// SPDX-License-Identifier: Apache-2.0
#include "collect/roster.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>
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

bool is_usable_uuid(std::string_view uuid) {
  return !uuid.empty() && uuid.size() <= kMaxUuidBytes && is_clean_text(uuid);
}

std::string bounded(std::string_view text) {
  const std::string clean = clean_text(text);
  return std::string(truncate_utf8(clean, kMaxNameBytes));
}

}  // namespace

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

Duration backoff(std::uint64_t failures, bool was_there) {
  GPUVIGIL_ASSERT(failures > 0);
  const Duration most = was_there ? kMaxBackoffOfKnown : kMaxBackoff;
  const std::uint64_t doublings = std::min<std::uint64_t>(failures - 1, 10);
  return std::min(kFirstBackoff * (1 << doublings), most);
}

Roster::Roster(std::string name, BackendOpener open, SamplerOptions options,
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

std::shared_ptr<const RosterReport> Roster::step() {
  auto report = std::make_shared<RosterReport>();
  auto listed = list();
  if (listed) {
    failures_in_a_row_ = 0;
    report->boards = admit(*listed);
    report->backend = backend_;
    report->devices = make_report({});
    return report;
  }
  ++failures_in_a_row_;
  ++calls_failed_;
  mark_all(listed.error());
  report->devices = make_report(fmt::format("{}: {}", name_, listed.error().message));
  return report;
}

/// The boards that are there now; opens the backend when it is not open, and drops it when it
/// fails, so that the next round begins anew.
Result<std::vector<Board>> Roster::list() {
  if (!backend_) {
    const Watched call(watch_, *clock_, "opening the driver");
    GPUVIGIL_TRY(backend_, open_());
  }
  auto listed = [&] {
    const Watched call(watch_, *clock_, "the list of devices");
    return backend_->boards();
  }();
  clients_unread_ += backend_->take_clients_unread();
  if (!listed) {
    const Watched call(watch_, *clock_, "closing the driver");
    backend_.reset();
  }
  return listed;
}

/// Marks who is there, and gives the boards of those that are accepted.
std::vector<Board> Roster::admit(const std::vector<Board>& listed) {
  const Timestamp now = clock_->now();
  for (Known& known : known_) known.is_present = false;
  // Those that are known first: only then it is clear who is lost and may have to make room.
  std::vector<const DeviceInfo*> unknown;
  for (const Board& board : listed) {
    for (const DeviceInfo& info : board.devices) {
      if (const auto at = by_uuid_.find(info.uuid); at != by_uuid_.end()) {
        arrive(known_[at->second], now);
      } else {
        unknown.push_back(&info);
      }
    }
  }
  for (Known& known : known_) {
    known.sample = absent_sample(known.is_present ? Missing::kNotSampled : Missing::kLost, now);
  }
  for (const DeviceInfo* info : unknown) {
    Known* const known = is_usable_uuid(info->uuid) ? find_or_add(*info, now) : nullptr;
    if (known == nullptr) {
      ++devices_refused_;
    } else {
      arrive(*known, now);
    }
  }
  std::unordered_set<std::string_view> placed;
  std::vector<Board> accepted;
  for (const Board& board : listed) {
    Board kept;
    for (const DeviceInfo& info : board.devices) {
      const auto at = by_uuid_.find(info.uuid);
      if (at == by_uuid_.end() || !placed.insert(info.uuid).second) continue;
      kept.devices.push_back(*known_[at->second].info);
    }
    if (!kept.devices.empty()) accepted.push_back(std::move(kept));
  }
  return accepted;
}

/// Marks a device as listed in this round; one that is listed twice is counted.
void Roster::arrive(Known& known, Timestamp now) {
  if (known.is_present) ++devices_refused_;
  known.is_present = true;
  known.present_until = now;
}

/// Null when there is no room.
Roster::Known* Roster::find_or_add(const DeviceInfo& info, Timestamp now) {
  if (const auto at = by_uuid_.find(info.uuid); at != by_uuid_.end()) return &known_[at->second];
  if (known_.size() == kMaxDevices && !forget_longest_lost()) return nullptr;
  auto cleaned = std::make_shared<DeviceInfo>(info);
  cleaned->name = bounded(info.name);
  cleaned->pci_bus_id = bounded(info.pci_bus_id);
  by_uuid_.emplace(info.uuid, known_.size());
  known_.push_back({.info = std::move(cleaned), .sample = {}, .present_until = now});
  return &known_.back();
}

bool Roster::forget_longest_lost() {
  const auto longest = std::ranges::min_element(known_, {}, [](const Known& known) {
    return std::pair(known.is_present, known.present_until);
  });
  if (longest->is_present) return false;
  known_.erase(longest);
  by_uuid_.clear();
  for (std::size_t i = 0; i < known_.size(); ++i) by_uuid_.emplace(known_[i].info->uuid, i);
  return true;
}

void Roster::mark_all(const Error& error) {
  const Timestamp now = clock_->now();
  for (Known& known : known_) {
    known.is_present = false;
    known.sample = sample_of_error(error, now);
  }
}

std::shared_ptr<const SampleReport> Roster::make_report(std::string problem) {
  const Timestamp now = clock_->now();
  const bool is_ok = failures_in_a_row_ == 0;
  due_ = is_ok ? next_tick(due_, options_.period, now)
               : now + backoff(failures_in_a_row_, !known_.empty());

  auto report = std::make_shared<SampleReport>();
  report->backend = name_;
  report->state = is_ok ? BackendState::kOk : BackendState::kFailing;
  report->problem = std::move(problem);
  report->at = now;
  report->next_due = due_;
  for (const Known& known : known_) {
    report->devices.push_back(
        {.info = known.info, .sample = known.sample, .is_listed = known.is_present});
  }
  report->devices_refused = devices_refused_;
  report->clients_unread = clients_unread_;
  report->calls_failed = calls_failed_;
  return report;
}

}  // namespace gpuvigil
