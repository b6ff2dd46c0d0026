// SPDX-License-Identifier: Apache-2.0
#include "monitor/event_book.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxKindBytes = 64;
constexpr std::size_t kMaxTextBytes = 512;

std::string bounded(std::string_view text, std::size_t most) {
  const std::string clean = clean_text(text);
  return std::string(truncate_utf8(clean, most));
}

EventSeverity severity_of(Health health) {
  switch (health) {
    case Health::kOk:
      return EventSeverity::kInfo;
    case Health::kDegraded:
      return EventSeverity::kWarning;
    case Health::kFailed:
    case Health::kLost:
      return EventSeverity::kCritical;
  }
  return EventSeverity::kCritical;
}

}  // namespace

std::optional<Event> health_event(const DeviceInfo& device, const DeviceSample& before,
                                  const DeviceSample& after) {
  if (before.health == after.health) return std::nullopt;
  Event event;
  event.at = after.at;
  event.uuid = device.uuid;
  event.severity = severity_of(after.health);
  if (after.health == Health::kLost) {
    event.kind = "device_lost";
    event.message = "the device does not answer any more";
    event.advice = "look for an XID in the system's log; reset or reboot brings it back";
    return event;
  }
  if (before.health == Health::kLost) {
    event.kind = "device_back";
    event.message = fmt::format("the device is back and {}", to_string(after.health));
    return event;
  }
  event.kind = "health";
  event.message =
      fmt::format("health went from {} to {}", to_string(before.health), to_string(after.health));
  if (after.details && !(*after.details)->findings.empty()) {
    const HealthFinding& worst = (*after.details)->findings.front();
    event.message += fmt::format(": {}", worst.detail);
    event.advice = worst.advice;
  }
  return event;
}

void EventBook::add(Event event) {
  log_ = nullptr;
  ++total_;
  event.kind = bounded(event.kind, kMaxKindBytes);
  event.message = bounded(event.message, kMaxTextBytes);
  event.advice = bounded(event.advice, kMaxTextBytes);
  auto found = counts_.find({event.uuid, event.kind, event.code});
  if (found == counts_.end() && counts_.size() < EventLog::kMostCounts) {
    found = counts_.emplace(Key(event.uuid, event.kind, event.code), EventCount{}).first;
    found->second = {.uuid = event.uuid,
                     .kind = event.kind,
                     .code = event.code,
                     .count = 0,
                     .first = event.at,
                     .last = event.at};
  }
  if (found == counts_.end()) {
    ++uncounted_;
  } else {
    EventCount& count = found->second;
    ++count.count;
    count.first = std::min(count.first, event.at);
    count.last = std::max(count.last, event.at);
  }
  // Backends tell in order, but not of one another.
  const auto place =
      std::ranges::find_if(newest_, [&event](const Event& other) { return other.at <= event.at; });
  newest_.insert(place, std::move(event));
  if (newest_.size() > EventLog::kMostEvents) newest_.pop_back();
}

std::shared_ptr<const EventLog> EventBook::log() {
  if (log_) return log_;
  auto log = std::make_shared<EventLog>();
  log->events.assign(newest_.begin(), newest_.end());
  log->counts.reserve(counts_.size());
  for (const auto& [key, count] : counts_) log->counts.push_back(count);
  log->total = total_;
  log->uncounted = uncounted_;
  log_ = std::move(log);
  return log_;
}

}  // namespace gpuvigil
