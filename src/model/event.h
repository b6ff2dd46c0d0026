// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace gpuvigil {

enum class EventSeverity { kInfo, kWarning, kCritical };

[[nodiscard]] constexpr std::string_view to_string(EventSeverity severity) {
  switch (severity) {
    case EventSeverity::kInfo:
      return "info";
    case EventSeverity::kWarning:
      return "warning";
    case EventSeverity::kCritical:
      return "critical";
  }
  return "info";
}

/// Something that happened to a device at one instant.
struct Event {
  Timestamp at{};
  std::string uuid;  ///< Of the device; empty: it was about none in particular.
  std::string kind;  ///< "xid", "ecc_uncorrected", "health", "device_lost", "device_back", "mig".
  std::optional<std::uint32_t> code;  ///< The number of an XID.
  EventSeverity severity = EventSeverity::kInfo;
  std::string message;  ///< A sentence without a full stop.
  std::string advice;   ///< What to do; empty: nothing.

  friend bool operator==(const Event&, const Event&) = default;
};

/// How often one kind of event happened to one device.
struct EventCount {
  std::string uuid;
  std::string kind;
  std::optional<std::uint32_t> code;
  std::uint64_t count = 0;
  Timestamp first{};
  Timestamp last{};
};

/// The events of a machine since the server began. Immutable once in a frame.
struct EventLog {
  static constexpr std::size_t kMostEvents = 1'000;  ///< The oldest go first.
  static constexpr std::size_t kMostCounts = 4'000;  ///< What finds no room is in `uncounted`.

  std::vector<Event> events;  ///< Newest first.
  std::vector<EventCount> counts;
  std::uint64_t total = 0;      ///< Events that ever came.
  std::uint64_t uncounted = 0;  ///< Of them, those that are in no row of `counts`.
};

}  // namespace gpuvigil
