// SPDX-License-Identifier: Apache-2.0
#include "collect/sample_report.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

// Beyond what any board has or will have for years; what a broken sensor or driver says is
// beyond it: all bits set, NaN, 255 %, 4095 degrees.
constexpr double kMinCelsius = -60;
constexpr double kMaxCelsius = detail::kMaxCelsius;
constexpr double kMaxWatts = detail::kMaxWatts;
constexpr std::uint32_t kMaxMegahertz = 20'000;
constexpr std::uint64_t kMaxMemoryBytes = std::uint64_t{1} << 50U;
constexpr std::uint32_t kMaxProcesses = 1U << 22U;  // Linux has no more pids

/// `visit(reading)` for each reading of a sample.
template <class Visit>
void for_each_reading(DeviceSample& sample, Visit visit) {
  visit(sample.gpu_utilization);
  visit(sample.memory_used);
  visit(sample.memory_total);
  visit(sample.temperature);
  visit(sample.power);
  visit(sample.power_limit);
  visit(sample.sm_clock);
  visit(sample.memory_clock);
  visit(sample.throttle_reasons);
  visit(sample.processes);
  visit(sample.details);
}

bool is_within(double value, double low, double high) {
  return std::isfinite(value) && value >= low && value <= high;
}

bool is_sensible(const DeviceMetric& metric, double value) {
  return is_within(value, metric.unit == Unit::kCelsius ? kMinCelsius : 0, metric.max);
}

/// The same for the readings of the catalogue; copies them only when one is refused.
std::uint64_t refuse_nonsense(Reading<std::shared_ptr<const DeviceDetails>>& details) {
  if (!details) return 0;
  std::uint64_t refused = 0;
  std::shared_ptr<DeviceDetails> cleaned;
  for (const DeviceMetric& metric : kDeviceMetrics) {
    const Reading<double>& reading = (*details)->metrics[metric.id];
    if (!reading || is_sensible(metric, *reading)) continue;
    if (!cleaned) cleaned = std::make_shared<DeviceDetails>(**details);
    cleaned->metrics[metric.id] = missing(Missing::kDriverError);
    ++refused;
  }
  if (cleaned) details = std::move(cleaned);
  return refused;
}

/// `report` of a backend that does not come back, and what it is that does not.
std::shared_ptr<SampleReport> hung_copy(const SampleReport& report,
                                        const std::optional<CallInProgress>& call, Timestamp now) {
  auto hung = std::make_shared<SampleReport>(report);
  hung->state = BackendState::kHung;
  const auto seconds = [now](Timestamp since) {
    return std::chrono::duration_cast<std::chrono::seconds>(now - since).count();
  };
  hung->problem = call
                      ? fmt::format("{}: {} has not answered for {} s", report.backend, call->what,
                                    seconds(call->since))
                      : fmt::format("{}: nothing new for {} s", report.backend, seconds(report.at));
  return hung;
}

}  // namespace

std::uint64_t missed_deadlines(const SamplerOptions& options, Timestamp due, Timestamp now) {
  const Duration over = now - due - options.deadline;
  if (over <= Duration::zero()) return 0;
  return 1 + static_cast<std::uint64_t>(over / options.period);
}

std::shared_ptr<const SampleReport> as_of(const std::shared_ptr<const SampleReport>& report,
                                          const SamplerOptions& options,
                                          const std::optional<CallInProgress>& call,
                                          Timestamp now) {
  const std::uint64_t missed = missed_deadlines(options, report->next_due, now);
  if (missed == 0) return report;

  auto stale = hung_copy(*report, call, now);
  stale->samples_late += missed * report->devices.size();
  for (SampledDevice& device : stale->devices) {
    // What was missing keeps its reason: "unsupported" and "lost" stay true.
    for_each_reading(device.sample, [](auto& reading) {
      if (reading) reading = missing(Missing::kStale);
    });
    if (device.sample.health == Health::kOk) device.sample.health = Health::kDegraded;
  }
  return stale;
}

std::shared_ptr<const SampleReport> as_of_roster(const std::shared_ptr<const SampleReport>& roster,
                                                 const SamplerOptions& options,
                                                 const std::optional<CallInProgress>& call,
                                                 Timestamp now) {
  if (missed_deadlines(options, roster->next_due, now) == 0) return roster;
  return hung_copy(*roster, call, now);
}

std::shared_ptr<const SampleReport> merge_reports(
    const SampleReport& roster, std::span<const std::shared_ptr<const SampleReport>> boards) {
  auto merged = std::make_shared<SampleReport>(roster);
  std::unordered_map<std::string_view, std::pair<const SampleReport*, const DeviceSample*>> said;
  for (const auto& board : boards) {
    for (const SampledDevice& device : board->devices) {
      said[device.info->uuid] = {board.get(), &device.sample};
    }
  }
  std::unordered_set<const SampleReport*> present;
  for (SampledDevice& device : merged->devices) {
    const auto found = said.find(device.info->uuid);
    if (found == said.end()) {
      if (device.is_listed && merged->state == BackendState::kOk) {
        merged->state = BackendState::kStarting;
      }
      continue;
    }
    const auto& [board, sample] = found->second;
    if (device.is_listed) {
      device.sample = *sample;
      present.insert(board);
    } else {
      device.sample.inventory = sample->inventory;  // what it is stays known when it is lost
    }
  }
  bool is_named = false;
  for (const auto& board : boards) {
    merged->samples_late += board->samples_late;
    merged->readings_invalid += board->readings_invalid;
    merged->calls_failed += board->calls_failed;
    if (!present.contains(board.get())) continue;
    merged->at = std::min(merged->at, board->at);
    merged->next_due = std::min(merged->next_due, board->next_due);
    // The first device that hangs says more than a list that hangs with it.
    if (board->state == BackendState::kHung && !is_named &&
        roster.state != BackendState::kFailing) {
      merged->state = board->state;
      merged->problem = board->problem;
      is_named = true;
    }
  }
  return merged;
}

Timestamp next_tick(Timestamp due, Duration period, Timestamp now) {
  const auto passed = std::max<std::int64_t>((now - due) / period, 0);
  return due + (passed + 1) * period;
}

std::uint64_t refuse_nonsense(DeviceSample& sample) {
  std::uint64_t refused = 0;
  const auto require = [&refused](auto& reading, auto is_sensible) {
    if (!reading || is_sensible(reading->count())) return;
    reading = missing(Missing::kDriverError);
    ++refused;
  };
  const auto is_power = [](double watts) { return is_within(watts, 0, kMaxWatts); };
  const auto is_clock = [](std::uint32_t mhz) { return mhz <= kMaxMegahertz; };

  require(sample.gpu_utilization, [](double percent) { return is_within(percent, 0, 100); });
  require(sample.memory_total,
          [](std::uint64_t bytes) { return bytes > 0 && bytes <= kMaxMemoryBytes; });
  require(sample.memory_used, [&sample](std::uint64_t bytes) {
    return bytes <= (sample.memory_total ? sample.memory_total->count() : kMaxMemoryBytes);
  });
  require(sample.temperature,
          [](double celsius) { return is_within(celsius, kMinCelsius, kMaxCelsius); });
  require(sample.power, is_power);
  require(sample.power_limit, is_power);
  require(sample.sm_clock, is_clock);
  require(sample.memory_clock, is_clock);
  if (sample.throttle_reasons == UINT32_MAX) {
    sample.throttle_reasons = missing(Missing::kDriverError);
    ++refused;
  }
  if (sample.processes && *sample.processes > kMaxProcesses) {
    sample.processes = missing(Missing::kDriverError);
    ++refused;
  }
  refused += refuse_nonsense(sample.details);
  if (refused > 0 && sample.health == Health::kOk) sample.health = Health::kDegraded;
  return refused;
}

}  // namespace gpuvigil
