// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "collect/backend.h"
#include "collect/call_watch.h"
#include "collect/sample_report.h"

namespace gpuvigil {

/// What the devices of one board say, round by round; of each reading why it is absent, and how
/// many came too late. What it does depends on the driver's answers and the clock alone.
///
/// Threading: belongs to one thread; its calls block as long as the driver does.
class BoardReader {
 public:
  /// As many devices are remembered, those of former partitionings included.
  static constexpr std::size_t kMaxDevices = 64;

  /// `clock` and `watch` as for Roster. `name` is the backend's.
  BoardReader(std::string name, SamplerOptions options, std::shared_ptr<const Clock> clock,
              CallWatch& watch);

  /// One round. Its report says when to call next.
  [[nodiscard]] std::shared_ptr<const SampleReport> read(Backend& backend, const Board& board);

  /// The board is not to be read now: what it said is no more, what it is stays known.
  [[nodiscard]] std::shared_ptr<const SampleReport> rest();

 private:
  void read(Backend& backend, const DeviceInfo& info);
  std::shared_ptr<const SampleReport> make_report(Timestamp now, Timestamp next_due) const;

  const std::string name_;
  const SamplerOptions options_;
  const std::shared_ptr<const Clock> clock_;
  CallWatch& watch_;

  std::map<std::string, SampledDevice, std::less<>> devices_;  ///< By UUID.
  std::optional<Timestamp> due_;                               ///< None: it rests.
  std::uint64_t samples_late_ = 0;
  std::uint64_t readings_invalid_ = 0;
  std::uint64_t calls_failed_ = 0;
};

}  // namespace gpuvigil
