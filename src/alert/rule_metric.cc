// SPDX-License-Identifier: Apache-2.0
#include "alert/rule_metric.h"

#include <algorithm>
#include <array>

#include "alert/rule.h"
#include "model/metric.h"

namespace gpuvigil {
namespace {

/// Whether any of these reasons holds the clocks down.
template <std::uint32_t Bits>
Reading<double> is_throttled(const Frame&, const DeviceRow& row) {
  if (!row.sample.throttle_reasons) return missing(row.sample.throttle_reasons.error());
  return (*row.sample.throttle_reasons & Bits) != 0 ? 1.0 : 0.0;
}

/// Somebody holds memory of it and it does nothing.
Reading<double> is_held_idle(const Frame&, const DeviceRow& row) {
  if (!row.sample.processes) return missing(row.sample.processes.error());
  if (!row.sample.gpu_utilization) return missing(row.sample.gpu_utilization.error());
  return *row.sample.processes > 0 && row.sample.gpu_utilization->count() < 1.0 ? 1.0 : 0.0;
}

/// Programs on the device whose kernels are captured but cannot be seen just now.
Reading<double> blind_agents(const Frame& frame, const DeviceRow& row) {
  double blind = 0;
  for (const ProcessRow& process : frame.processes) {
    const bool is_blind = std::ranges::any_of(
        process.captures, [](const CaptureState& capture) { return !capture.blind.empty(); });
    if (!is_blind) continue;
    const bool is_here = std::ranges::any_of(
        process.uses, [&](const ProcessUse& use) { return use.device == row.index; });
    if (is_here) ++blind;
  }
  return blind;
}

Reading<double> disk_free(const Frame& frame, const DeviceRow&) {
  return detail::as_number(frame.disk_free);
}

constexpr std::uint32_t kThermal = kThrottleSwThermal | kThrottleHwThermal;
constexpr std::uint32_t kHardware = kThrottleHwSlowdown | kThrottleHwPowerBrake;

/// What is beyond the catalogue.
constexpr std::array kOwn = {
    RuleMetric{kDataAgeMetric, Unit::kSeconds},
    RuleMetric{"thermal_throttle", Unit::kFlag, MetricKind::kGauge, false, is_throttled<kThermal>},
    RuleMetric{"hardware_slowdown", Unit::kFlag, MetricKind::kGauge, false,
               is_throttled<kHardware>},
    RuleMetric{"held_idle", Unit::kFlag, MetricKind::kGauge, false, is_held_idle},
    RuleMetric{"blind_agents", Unit::kCount, MetricKind::kGauge, false, blind_agents},
    RuleMetric{"disk_free", Unit::kPercent, MetricKind::kGauge, true, disk_free},
    RuleMetric{"power_limit", Unit::kWatts, MetricKind::kGauge, false,
               [](const Frame&, const DeviceRow& row) {
                 return detail::as_number(row.sample.power_limit);
               }},
    RuleMetric{"processes", Unit::kCount, MetricKind::kGauge, false,
               [](const Frame&, const DeviceRow& row) -> Reading<double> {
                 if (!row.sample.processes) return missing(row.sample.processes.error());
                 return *row.sample.processes;
               }},
};

/// The unit as a value again, from its word in the table of metrics.
Unit unit_of(std::string_view word) {
  for (auto unit = Unit::kPercent; unit < Unit::kFlag;
       unit = static_cast<Unit>(static_cast<int>(unit) + 1)) {
    if (to_string(unit) == word) return unit;
  }
  return Unit::kFlag;
}

}  // namespace

std::optional<RuleMetric> find_rule_metric(std::string_view name) {
  const auto own = std::ranges::find(kOwn, name, &RuleMetric::name);
  if (own != kOwn.end()) return *own;
  const Metric* metric = find_metric(name);
  if (metric == nullptr) return std::nullopt;
  RuleMetric found{metric->name, unit_of(metric->unit)};
  const auto row = std::ranges::find(kDeviceMetrics, name, &DeviceMetric::name);
  if (row != kDeviceMetrics.end()) found.kind = row->kind;
  return found;
}

Reading<double> read_rule_metric(std::string_view name, const Frame& frame, const DeviceRow& row) {
  const auto own = std::ranges::find(kOwn, name, &RuleMetric::name);
  if (own != kOwn.end()) {
    return own->read == nullptr ? missing(Missing::kUnsupported) : own->read(frame, row);
  }
  const Metric* metric = find_metric(name);
  return metric == nullptr ? missing(Missing::kUnsupported) : metric->read(row);
}

std::vector<std::string_view> rule_metric_names() {
  std::vector<std::string_view> names;
  for (const RuleMetric& metric : kOwn) names.push_back(metric.name);
  for (const Metric& metric : kMetrics) names.push_back(metric.name);
  return names;
}

}  // namespace gpuvigil
