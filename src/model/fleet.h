// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/device.h"
#include "model/history.h"

namespace gpuvigil {

/// A device of some machine, as a server of time series knows it. What nobody told is absent.
struct FleetDevice {
  std::string uuid;
  std::string name;
  std::string driver_version;
  std::uint32_t index = 0;            ///< For display.
  std::optional<double> utilization;  ///< Percent.
  std::optional<double> memory_used;  ///< Bytes.
  std::optional<double> memory_total;
  std::optional<double> temperature;  ///< Celsius.
  std::optional<double> power;        ///< Watts.
  std::optional<Health> health;
};

/// A machine that writes to that server.
struct FleetNode {
  std::string name;            ///< Its label `instance`.
  std::string version;         ///< Of gpuvigil there; empty: not told.
  Timestamp last_seen{};       ///< The newest edge that it has written.
  bool is_silent = false;      ///< That was so long ago that nothing is known of now.
  std::uint64_t warnings = 0;  ///< Alerts that fire.
  std::uint64_t criticals = 0;
  std::vector<FleetDevice> devices;  ///< By index, then UUID.
};

/// All machines at one instant, by name.
struct FleetState {
  Timestamp at{};
  std::vector<FleetNode> nodes;
};

/// Whose values become one series.
enum class FleetGroup { kNode, kFleet };

/// Metrics of machines over time. `in_time.devices` is not looked at.
struct FleetHistoryQuery {
  HistoryQuery in_time;
  std::vector<std::string> nodes;  ///< Names; empty: all.
  FleetGroup group = FleetGroup::kNode;
};

/// One value a step of one metric of a machine, or of all of them.
struct FleetSeries {
  std::string metric;
  std::string node;            ///< Empty: all that were asked for.
  std::vector<double> values;  ///< As many as FleetHistory::points; not a number: a gap.
};

struct FleetHistory {
  Timestamp first{};
  Duration step{};
  std::size_t points = 0;
  std::vector<FleetSeries> series;  ///< By metric as asked, then node.
  double coverage = 0;              ///< Share of the steps in which any of them has a value.
};

/// How it stands with the server of time series.
struct FleetStatus {
  std::string url;      ///< Its origin.
  bool is_up = true;    ///< The last question was answered.
  std::string problem;  ///< Of the last question; empty: there was none.
  std::uint64_t queries = 0;
  std::uint64_t queries_failed = 0;
  std::uint64_t queries_refused = 0;  ///< Too many at once.
};

/// What many machines have written to one server of time series: the port to whoever asks it.
///
/// Threading: all members from any thread; nothing blocks. Answers come on a thread of its own:
/// kTimeout when it takes too long, kTooLarge for more points than there may be, kUnavailable where
/// nobody answers, kCorrupt for an answer that cannot be read. False, and `done` is not called,
/// when too many wait already.
class Fleet {
 public:
  virtual ~Fleet() = default;

  /// As History::ask(); where no device is named, those of this machine.
  [[nodiscard]] virtual bool ask(HistoryQuery query,
                                 std::function<void(Result<HistoryAnswer>)> done) = 0;

  /// Every machine that was heard within the last hour. At most a few seconds old.
  [[nodiscard]] virtual bool ask_nodes(
      std::function<void(Result<std::shared_ptr<const FleetState>>)> done) = 0;

  [[nodiscard]] virtual bool ask_history(FleetHistoryQuery query,
                                         std::function<void(Result<FleetHistory>)> done) = 0;

  [[nodiscard]] virtual FleetStatus status() const = 0;
};

/// How the devices of a machine become one value: amounts are added, everything else is averaged.
[[nodiscard]] constexpr bool adds_up(std::string_view unit) {
  return unit == "bytes" || unit == "watts" || unit == "joules" || unit == "seconds" ||
         unit == "count";
}

}  // namespace gpuvigil
