// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gpuvigil {

/// Every way in which something that happened can be missing from what is shown. Each has a
/// counter; a counter that is not zero is shown.
enum class Loss : std::uint8_t {
  kExecutionsRefused,       ///< Bad arguments to a recording call; told to the caller.
  kExecutionsUnreadable,    ///< GPU work in a file whose times are no times.
  kBytesUnreadable,         ///< Bytes of a file that could not be read, or were cut off.
  kExecutionsToOther,       ///< Counted, but under __other__: no room for their name.
  kBusyInexact,             ///< Intervals too late for an exact union; busy time is a lower bound.
  kExecutionsOverrun,       ///< Counted, but too many at once to be listed among the newest.
  kSamplesLate,             ///< Device samples that missed their deadline.
  kReadingsInvalid,         ///< Values of a driver that cannot be; shown as driver errors.
  kExecutionsUnattributed,  ///< Counted, but there was no room to tell of which process.
  kExecutionsUncounted,     ///< A program that reports itself had no room or no times for them.
  kEventsDropped,           ///< Events of devices that came faster than they were taken.
  kProcessesUnnamed,        ///< Processes on devices, beyond those whose names are looked up.
  kClientsUnread,           ///< Open files of graphics cards, beyond those that are read.
};
inline constexpr std::size_t kLossKinds = 13;

struct LossInfo {
  Loss loss;
  std::string_view name;  ///< In the API and /metrics.
  bool execution_lost;    ///< Adds to `dropped_executions`.
  std::string_view help;
};

inline constexpr std::array<LossInfo, kLossKinds> kLosses = {{
    {Loss::kExecutionsRefused, "executions_refused", false, "Refused for bad arguments."},
    {Loss::kExecutionsUnreadable, "executions_unreadable", true,
     "GPU work in a file whose times cannot be."},
    {Loss::kBytesUnreadable, "bytes_unreadable", false, "Bytes of files not readable or cut off."},
    {Loss::kExecutionsToOther, "executions_to_other", false,
     "Counted under __other__: no room for their name."},
    {Loss::kBusyInexact, "busy_inexact", false,
     "Intervals that came too late for an exact union of busy time."},
    {Loss::kExecutionsOverrun, "executions_overrun", false,
     "Counted, but too many at once to be listed among the newest."},
    {Loss::kSamplesLate, "samples_late", false, "Device samples that missed their deadline."},
    {Loss::kReadingsInvalid, "readings_invalid", false,
     "Values of a driver that cannot be: out of range, or not a number."},
    {Loss::kExecutionsUnattributed, "executions_unattributed", false,
     "Counted, but there was no room to tell of which process."},
    {Loss::kExecutionsUncounted, "executions_uncounted", true,
     "Of programs that report themselves: no room to count them, or no times."},
    {Loss::kEventsDropped, "events_dropped", false,
     "Events of devices that came faster than they were taken."},
    {Loss::kProcessesUnnamed, "processes_unnamed", false,
     "Processes on devices, beyond the 4096 of which is looked up who they are."},
    {Loss::kClientsUnread, "clients_unread", false,
     "Open files of graphics cards, beyond the 4096 that are read; each time that they were."},
}};

/// One counter for each kind.
class LossCounters {
 public:
  void add(Loss loss, std::uint64_t count) { counts_[static_cast<std::size_t>(loss)] += count; }
  [[nodiscard]] std::uint64_t operator[](Loss loss) const {
    return counts_[static_cast<std::size_t>(loss)];
  }
  /// Executions that happened and are in no counter.
  [[nodiscard]] std::uint64_t dropped_executions() const {
    std::uint64_t sum = 0;
    for (const LossInfo& info : kLosses) sum += info.execution_lost ? (*this)[info.loss] : 0;
    return sum;
  }

 private:
  std::array<std::uint64_t, kLossKinds> counts_{};
};

}  // namespace gpuvigil
