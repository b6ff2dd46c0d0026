// SPDX-License-Identifier: Apache-2.0
#include "collect/nvml_events.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

/// An event that is none of the XIDs.
struct KindRow {
  std::uint64_t type;
  std::string_view kind;
  EventSeverity severity;
  std::string_view message;
  std::string_view advice;
};

// Not watched: changes of the performance state and of clocks, which come many times a second.
constexpr std::array kKinds = {
    KindRow{kNvmlEventSingleBitEcc, "ecc_corrected", EventSeverity::kInfo,
            "a memory error was corrected", ""},
    KindRow{kNvmlEventDoubleBitEcc, "ecc_uncorrected", EventSeverity::kCritical,
            "a memory error could not be corrected", "reset the device when its work is done"},
    KindRow{kNvmlEventMigConfig, "mig", EventSeverity::kInfo, "the partitioning changed", ""},
    KindRow{kNvmlEventSingleBitStorm, "ecc_storm", EventSeverity::kWarning,
            "corrected memory errors come very often", "plan a check of its memory"},
    KindRow{kNvmlEventDramRetirement, "memory_retired", EventSeverity::kWarning,
            "a part of memory is taken out of use", "reset the device when its work is done"},
    KindRow{kNvmlEventDramRetirementFailure, "memory_retirement_failed", EventSeverity::kCritical,
            "a part of memory could not be taken out of use", "have the device replaced"},
    KindRow{kNvmlEventPoison, "poison", EventSeverity::kWarning,
            "a program read memory that is known to be wrong", "start that program again"},
    KindRow{kNvmlEventFatalPoison, "poison_fatal", EventSeverity::kCritical,
            "memory that is known to be wrong was read", "reset the device"},
    KindRow{kNvmlEventGpuUnavailable, "unavailable", EventSeverity::kCritical,
            "the device is not available any more", "restart the machine"},
    KindRow{kNvmlEventRecoveryAction, "recovery_action", EventSeverity::kWarning,
            "the driver asks for a recovery of the device",
            "do what the recovery action of the device says"},
};

constexpr std::uint64_t wanted_types() {
  std::uint64_t types = kNvmlEventXid;
  for (const KindRow& row : kKinds) types |= row.type;
  return types;
}

}  // namespace

void XidBook::add(const std::string& uuid, std::uint32_t number, Timestamp at) {
  const MutexLock lock(mutex_);
  if (!xids_.contains(uuid) && xids_.size() >= kMostDevices) return;
  std::vector<RecentXid>& xids = xids_[uuid];
  auto found = std::ranges::find(xids, number, &RecentXid::number);
  if (found == xids.end()) {
    if (xids.size() >= kMostOfDevice) return;
    found = xids.insert(xids.end(), {.number = number});
  }
  found->at = at;
  ++found->count;
}

std::vector<RecentXid> XidBook::of(const std::string& uuid, Timestamp now) const {
  const MutexLock lock(mutex_);
  const auto found = xids_.find(uuid);
  if (found == xids_.end()) return {};
  std::vector<RecentXid> xids = found->second;
  std::erase_if(xids, [now](const RecentXid& xid) {
    return xid_of(xid.number).severity != EventSeverity::kCritical && now - xid.at > kWarningLasts;
  });
  return xids;
}

Event describe_nvml_event(const NvmlEvent& told, std::string uuid, Timestamp at) {
  Event event;
  event.at = at;
  event.uuid = std::move(uuid);
  if (told.type == kNvmlEventXid) {
    const Xid& xid = xid_of(told.data);
    event.kind = "xid";
    event.code = static_cast<std::uint32_t>(std::min<std::uint64_t>(told.data, UINT32_MAX));
    event.severity = xid.severity;
    event.message = fmt::format("XID {}: {}", told.data, xid.what);
    event.advice = xid.advice;
    return event;
  }
  const auto row = std::ranges::find(kKinds, told.type, &KindRow::type);
  if (row == kKinds.end()) {
    event.kind = "other";
    event.message = fmt::format("the driver told of something of type {:#x}", told.type);
    return event;
  }
  event.kind = row->kind;
  event.severity = row->severity;
  event.message = row->message;
  event.advice = row->advice;
  return event;
}

NvmlEvents::NvmlEvents(std::shared_ptr<const NvmlLibrary> library) : library_(std::move(library)) {
  if (!library_->call().wait_event.is_there()) return;
  if (library_->call().new_event_set(&set_) != kNvmlOk) set_ = nullptr;
}

NvmlEvents::~NvmlEvents() {
  if (set_ != nullptr) library_->call().free_event_set(set_);
}

void NvmlEvents::watch(NvmlDevice gpu) {
  if (set_ == nullptr) return;
  unsigned long long supported = 0;
  if (library_->call().event_types(gpu, &supported) != kNvmlOk) return;
  if (const auto types = supported & wanted_types(); types != 0) {
    library_->call().register_events(gpu, types, set_);
  }
}

Result<std::vector<Event>> NvmlEvents::wait(Duration patience, const Clock& clock,
                                            const std::function<std::string(NvmlDevice)>& uuid_of) {
  std::vector<Event> events;
  if (set_ == nullptr) return fail(Errc::kUnavailable, "this driver tells of no events");
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(patience).count();
  while (events.size() < kMostAtOnce) {
    NvmlEvent told{};
    const auto wait = events.empty() ? static_cast<std::uint32_t>(milliseconds) : 0U;
    const NvmlCode code = library_->call().wait_event(set_, &told, wait);
    if (code == kNvmlTimeout) break;
    if (code != kNvmlOk) {
      if (!events.empty()) break;
      return std::unexpected(nvml_error(code, "EventSetWait"));
    }
    events.push_back(describe_nvml_event(told, uuid_of(told.device), clock.now()));
  }
  return events;
}

}  // namespace gpuvigil
