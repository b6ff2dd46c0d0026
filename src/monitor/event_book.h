// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include "model/device.h"
#include "model/event.h"

namespace gpuvigil {

/// The event that a device's health has changed; nothing where it has not.
[[nodiscard]] std::optional<Event> health_event(const DeviceInfo& device,
                                                const DeviceSample& before,
                                                const DeviceSample& after);

/// Keeps the newest events and counts all of them.
///
/// Threading: one thread; the logs that it gives out may go anywhere.
class EventBook {
 public:
  /// Texts are cleaned and cut to 64 (kind) and 512 bytes.
  void add(Event event);

  /// Everything so far. Never null; the same pointer while nothing was added.
  [[nodiscard]] std::shared_ptr<const EventLog> log();

 private:
  using Key = std::tuple<std::string, std::string, std::optional<std::uint32_t>>;

  std::deque<Event> newest_;  ///< Newest first.
  std::map<Key, EventCount> counts_;
  std::uint64_t total_ = 0;
  std::uint64_t uncounted_ = 0;
  std::shared_ptr<const EventLog> log_;  ///< Null: to be made anew.
};

}  // namespace gpuvigil
