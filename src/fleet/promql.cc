// SPDX-License-Identifier: Apache-2.0
#include "fleet/promql.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/base_unit.h"
#include "model/metric.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kPrefix = "gpuvigil_gpu_";
constexpr double kPercentPerRatio = 100;
constexpr double kMegahertzPerHertz = 1e-6;

/// The metrics whose names in history and in exporters were given apart from the catalogue.
struct NamedRow {
  std::string_view metric;
  std::string_view stored;
  double scale;
  std::string_view only = {};
  std::string_view total = {};
};

constexpr std::array kNamedRows = {
    NamedRow{"gpu_utilization", "utilization_ratio", kPercentPerRatio},
    NamedRow{"kernel_busy", "kernel_busy_ratio", kPercentPerRatio},
    NamedRow{"memory_usage", "memory_used_bytes", kPercentPerRatio, "", "memory_total_bytes"},
    NamedRow{"memory_used", "memory_used_bytes", 1},
    NamedRow{"temperature", "temperature_celsius", 1},
    NamedRow{"power", "power_watts", 1},
    NamedRow{"sm_clock", "sm_clock_hertz", kMegahertzPerHertz},
    NamedRow{"memory_clock", "memory_clock_hertz", kMegahertzPerHertz},
    NamedRow{"device_lost", "health", 1, "state=\"lost\""},
    NamedRow{"device_healthy", "health", 1, "state=\"ok\""},
};
static_assert(kNamedRows.size() == detail::kNamedMetrics.size(), "a metric has no stored name");

double scale_of(Unit unit) {
  if (unit == Unit::kPercent) return kPercentPerRatio;
  return unit == Unit::kMegahertz ? kMegahertzPerHertz : 1;
}

std::string_view over_time(HistoryAggregate aggregate) {
  switch (aggregate) {
    case HistoryAggregate::kAverage:
      return "avg_over_time";
    case HistoryAggregate::kMin:
      return "min_over_time";
    case HistoryAggregate::kMax:
      return "max_over_time";
    case HistoryAggregate::kLast:
      return "last_over_time";
  }
  return "avg_over_time";
}

std::string selector(std::string_view name, std::string_view only, std::string_view matcher) {
  const bool both = !only.empty() && !matcher.empty();
  return fmt::format("{}{{{}{}{}}}", name, matcher, both ? "," : "", only);
}

std::string in_window(std::string_view function, std::string_view what, Duration window) {
  return fmt::format("{}({}[{}s] offset -{}s)", function, what,
                     std::chrono::ceil<std::chrono::seconds>(window).count(), kAhead.count());
}

/// What the labels of a device's series have in common, whatever was its index at the time.
constexpr std::string_view kByDevice = "max by (instance, uuid)";

}  // namespace

std::optional<StoredMetric> stored_metric(std::string_view metric) {
  if (const auto row = std::ranges::find(kNamedRows, metric, &NamedRow::metric);
      row != kNamedRows.end()) {
    return StoredMetric{
        .name = fmt::format("{}{}", kPrefix, row->stored),
        .only = std::string(row->only),
        .total = row->total.empty() ? std::string() : fmt::format("{}{}", kPrefix, row->total),
        .scale = row->scale};
  }
  const auto row = std::ranges::find(kDeviceMetrics, metric, &DeviceMetric::name);
  if (row == kDeviceMetrics.end()) return std::nullopt;
  const std::string_view unit = base_unit(row->unit);
  return StoredMetric{.name = fmt::format("{}{}{}{}{}", kPrefix, row->name, unit.empty() ? "" : "_",
                                          unit, row->kind == MetricKind::kCounter ? "_total" : ""),
                      .scale = scale_of(row->unit)};
}

std::string promql_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string promql_one_of(std::string_view label, std::span<const std::string> values) {
  constexpr std::string_view kMeaningful = R"(\.+*?()|[]{}^$)";
  std::string pattern;
  for (const std::string& value : values) {
    if (&value != values.data()) pattern += '|';
    for (const char c : value) {
      if (kMeaningful.contains(c)) pattern += '\\';
      pattern += c;
    }
  }
  return fmt::format("{}=~{}", label, promql_text(pattern));
}

std::string device_expression(const StoredMetric& metric, std::string_view matcher,
                              HistoryAggregate aggregate, Duration window) {
  const std::string value =
      in_window(over_time(aggregate), selector(metric.name, metric.only, matcher), window);
  if (metric.total.empty()) return fmt::format("{} ({})", kByDevice, value);
  const std::string total =
      in_window("last_over_time", selector(metric.total, "", matcher), window);
  return fmt::format("{0} ({1}) / {0} ({2})", kByDevice, value, total);
}

std::string fleet_expression(const StoredMetric& metric, std::string_view matcher,
                             HistoryAggregate aggregate, Duration window, FleetGroup group,
                             bool adds_up) {
  const std::string_view by = group == FleetGroup::kNode ? "by (instance)" : "by ()";
  if (metric.total.empty()) {
    return fmt::format("{} {} ({})", adds_up ? "sum" : "avg", by,
                       device_expression(metric, matcher, aggregate, window));
  }
  // The share of all memory, not the mean of shares: devices differ in size.
  const StoredMetric used{.name = metric.name};
  const StoredMetric total{.name = metric.total};
  return fmt::format("sum {0} ({1}) / sum {0} ({2})", by,
                     device_expression(used, matcher, aggregate, window),
                     device_expression(total, matcher, HistoryAggregate::kLast, window));
}

}  // namespace gpuvigil
