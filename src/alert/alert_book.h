// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "alert/life_cycle.h"
#include "alert/rule.h"
#include "model/frame.h"

namespace gpuvigil {

/// Every rule on every device, frame after frame: the alerts that are pending or firing and the
/// newest that are over.
///
/// A device is its UUID, so an alert goes on when the device comes back under another index.
/// Invariants: an alert is pending or firing at most once for each rule and device; at most
/// kMaxResolved resolved ones and kMaxDevices devices are kept, what does not fit is counted.
/// Threading: one thread, the engine's.
class AlertBook {
 public:
  static constexpr std::size_t kMaxResolved = 1000;
  static constexpr std::size_t kMaxDevices = 1024;

  /// With the rules that are always there. Requires check_settings(settings).
  explicit AlertBook(const AlertSettings& settings);

  /// Requires check_rules(rules).
  explicit AlertBook(std::vector<Rule> rules);

  /// Looks at the next edge and returns what began to fire or resolved there. Requires an edge,
  /// and that edges do not go back in time.
  std::vector<Alert> update(const Frame& frame);

  /// Alerts of an earlier life, newest first; those that are not resolved are left out.
  void remember(std::span<const Alert> alerts);

  /// Sets the frame's alerts (active ones first, each group newest first) and `alerts_today`.
  void write_to(Frame& frame) const;

  /// Resolved alerts that are no longer kept.
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

  /// Looks at devices that were not watched, because kMaxDevices others were.
  [[nodiscard]] std::uint64_t devices_unwatched() const { return devices_unwatched_; }

 private:
  /// One rule on one device.
  struct Watch {
    AlertProgress progress;
    Alert alert;  ///< Of meaning while pending or firing.
  };
  struct Device {
    Timestamp last_data{};       ///< When it last gave a reading; first seen, if it never did.
    std::vector<Watch> watches;  ///< One a rule, in the order of the rules.
  };

  Device* device_of(const DeviceRow& row, Timestamp now);
  void look(const Rule& rule, Watch& watch, const DeviceRow& row, const Reading<double>& value,
            Timestamp now, std::vector<Alert>& changes);
  void resolve(Watch& watch, Timestamp now, std::vector<Alert>& changes);

  std::vector<Rule> rules_;
  std::map<std::string, Device, std::less<>> devices_;  ///< By UUID.
  std::deque<Alert> resolved_;                          ///< Newest first.
  std::chrono::sys_days today_{};
  std::uint32_t began_today_ = 0;
  std::uint64_t forgotten_ = 0;
  std::uint64_t devices_unwatched_ = 0;
};

}  // namespace gpuvigil
