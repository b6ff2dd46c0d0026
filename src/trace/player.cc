// SPDX-License-Identifier: Apache-2.0
#include "trace/player.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/assert.h"

namespace gpuvigil {
namespace {

constexpr std::int64_t kShortestLoopNs = 1'000'000;
constexpr std::int64_t kLoopNsAnExecution = 100;

std::int64_t period_of(const Timeline& timeline, bool loop) {
  if (!loop) return timeline.length_ns;
  return std::max({timeline.length_ns, kShortestLoopNs,
                   kLoopNsAnExecution * static_cast<std::int64_t>(timeline.executions.size())});
}

}  // namespace

Result<std::unique_ptr<Player>> Player::open(const PlayerOptions& options,
                                             std::optional<Timestamp> start) {
  TimelineBuilder builder(options.limits);
  for (const std::string& path : options.paths) {
    GPUVIGIL_TRY([[maybe_unused]] const auto summaries,
                 options.read(path, builder, options.progress));
    builder.next_file();
  }
  GPUVIGIL_TRY(auto timeline, std::move(builder).build(options.align));
  return std::unique_ptr<Player>(new Player(std::move(timeline), start, options.loop));
}

Player::Player(Timeline timeline, std::optional<Timestamp> start, bool loop)
    : timeline_(std::move(timeline)),
      loop_(loop),
      period_ns_(period_of(timeline_, loop)),
      given_start_(start),
      series_(timeline_.series.size()),
      memory_(timeline_.devices.size()) {}

void Player::feed(Timestamp until, Intake& intake) {
  if (!begun_) {
    loop_start_ = given_start_.value_or(until);
    begin(intake);
  }
  std::int64_t now_ns = (until - loop_start_).count();
  while (!finished_ && now_ns >= 0) {
    advance(std::min(now_ns, timeline_.length_ns), intake);
    if (now_ns < period_ns_) break;
    if (!loop_) {
      finished_ = true;
      intake.close_owner(owner_);
      break;
    }
    next_loop();
    now_ns -= period_ns_;
  }
  tell_samples(now_ns, until, intake);
}

void Player::begin(Intake& intake) {
  begun_ = true;
  owner_ = intake.open_owner();
  for (const TimelineDevice& device : timeline_.devices) {
    devices_.push_back(
        intake.device({.uuid = fmt::format("REC-{:016x}-{}", device.file_id, devices_.size()),
                       .name = device.known.name,
                       .pci_bus_id = {},
                       .source = "replay"}));
  }
  for (const TraceSummary& summary : timeline_.summaries) {
    intake.lost(Loss::kExecutionsUnreadable, summary.executions_unreadable);
    intake.lost(Loss::kBytesUnreadable, summary.bytes_unreadable);
  }
}

/// Hands in what happens up to `to_ns` of this loop. What ended is told before what begins later,
/// so that no more wait than ran at once.
void Player::advance(std::int64_t to_ns, Intake& intake) {
  for (; next_execution_ < timeline_.executions.size(); ++next_execution_) {
    const TimelineExecution& execution = timeline_.executions[next_execution_];
    if (execution.start_ns > to_ns) break;
    hand_in_ended(execution.start_ns, intake);
    const TimelineSeries& series = timeline_.series[execution.series];
    intake.activity(devices_[series.device], series.kind,
                    loop_start_ + Duration(execution.start_ns),
                    loop_start_ + Duration(execution.end_ns()));
    running_.emplace(execution.end_ns(), next_execution_);
  }
  hand_in_ended(to_ns, intake);
  for (; next_memory_ < timeline_.memory.size(); ++next_memory_) {
    const TimelineMemory& reading = timeline_.memory[next_memory_];
    if (reading.at_ns > to_ns) break;
    memory_[reading.device] = reading.allocated_bytes;
  }
  cover(to_ns, intake);
}

void Player::hand_in_ended(std::int64_t to_ns, Intake& intake) {
  while (!running_.empty() && running_.top().first <= to_ns) {
    const TimelineExecution& execution = timeline_.executions[running_.top().second];
    running_.pop();
    intake.execution(slot_of(execution.series, intake),
                     {.start = loop_start_ + Duration(execution.start_ns),
                      .end = loop_start_ + Duration(execution.end_ns()),
                      .duration = Duration(execution.duration_ns),
                      .memory = std::nullopt});
  }
}

SeriesSlot Player::slot_of(std::uint32_t series, Intake& intake) {
  if (!series_[series]) {
    const TimelineSeries& known = timeline_.series[series];
    series_[series] =
        intake.series(owner_, devices_[known.device], timeline_.names[known.name], known.kind);
  }
  return *series_[series];
}

void Player::cover(std::int64_t to_ns, Intake& intake) {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const std::int64_t from = std::max(covered_to_ns_, timeline_.devices[i].from_ns);
    const std::int64_t to = std::min(to_ns, timeline_.devices[i].to_ns);
    if (from < to) {
      intake.covered(devices_[i], loop_start_ + Duration(from), loop_start_ + Duration(to));
    }
  }
  covered_to_ns_ = to_ns;
}

void Player::next_loop() {
  GPUVIGIL_ASSERT(running_.empty() && next_execution_ == timeline_.executions.size());
  loop_start_ += Duration(period_ns_);
  next_execution_ = 0;
  next_memory_ = 0;
  covered_to_ns_ = 0;
  std::ranges::fill(memory_, std::nullopt);
}

void Player::tell_samples(std::int64_t now_ns, Timestamp at, Intake& intake) const {
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    const TimelineDevice& device = timeline_.devices[i];
    const bool has_ended = finished_ || now_ns >= device.to_ns;
    DeviceSample sample =
        absent_sample(has_ended ? Missing::kRecordingEnded : Missing::kNotRecorded, at);
    if (!has_ended && memory_[i]) sample.memory_used = Bytes(*memory_[i]);
    if (device.known.memory_total_bytes) {
      sample.memory_total = Bytes(*device.known.memory_total_bytes);
    }
    intake.sample(devices_[i], sample);
  }
}

}  // namespace gpuvigil
