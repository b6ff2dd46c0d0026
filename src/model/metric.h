// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "model/frame.h"

namespace gpuvigil {

/// A recording has no driver to ask, so what it shows as utilization is the share of time in which
/// a kernel ran; the device's source says so.
[[nodiscard]] inline Reading<Percent> shown_utilization(const DeviceRow& row) {
  return row.info && row.info->source == "replay" ? row.kernel_busy : row.sample.gpu_utilization;
}

/// Used over total device memory; missing when either is, or when the total is zero.
[[nodiscard]] inline Reading<Percent> memory_percent(Reading<Bytes> used, Reading<Bytes> total) {
  if (!used) return missing(used.error());
  if (!total) return missing(total.error());
  if (total->count() == 0) return missing(Missing::kDriverError);
  return Percent(100.0 * static_cast<double>(used->count()) / static_cast<double>(total->count()));
}

/// One number of a device over time: what rules compare and history keeps.
struct Metric {
  std::string_view name;  ///< In rules, alerts and history; never changes.
  std::string_view unit;  ///< As to_string(Unit) says.
  Reading<double> (*read)(const DeviceRow&);
};

namespace detail {

template <class T>
[[nodiscard]] Reading<double> as_number(const Reading<T>& reading) {
  if (!reading) return missing(reading.error());
  return static_cast<double>(reading->count());
}

}  // namespace detail

namespace detail {

/// The readings that DeviceSample has by name, and what frames add to them.
inline constexpr std::array kNamedMetrics = {
    Metric{"gpu_utilization", "percent",
           [](const DeviceRow& row) { return as_number(shown_utilization(row)); }},
    Metric{"kernel_busy", "percent",
           [](const DeviceRow& row) { return as_number(row.kernel_busy); }},
    Metric{"memory_usage", "percent",
           [](const DeviceRow& row) {
             return as_number(memory_percent(row.sample.memory_used, row.sample.memory_total));
           }},
    Metric{"memory_used", "bytes",
           [](const DeviceRow& row) { return as_number(row.sample.memory_used); }},
    Metric{"temperature", "celsius",
           [](const DeviceRow& row) { return as_number(row.sample.temperature); }},
    Metric{"power", "watts", [](const DeviceRow& row) { return as_number(row.sample.power); }},
    Metric{"sm_clock", "mhz", [](const DeviceRow& row) { return as_number(row.sample.sm_clock); }},
    Metric{"memory_clock", "mhz",
           [](const DeviceRow& row) { return as_number(row.sample.memory_clock); }},
    Metric{"device_lost", "bool",
           [](const DeviceRow& row) {
             return Reading<double>(row.sample.health == Health::kLost ? 1.0 : 0.0);
           }},
    Metric{"device_healthy", "bool",
           [](const DeviceRow& row) {
             return Reading<double>(row.sample.health == Health::kOk ? 1.0 : 0.0);
           }},
};

template <std::size_t... Named, std::size_t... Catalogued>
constexpr std::array<Metric, sizeof...(Named) + sizeof...(Catalogued)> all_metrics(
    std::index_sequence<Named...>, std::index_sequence<Catalogued...>) {
  return {kNamedMetrics[Named]...,
          Metric{kDeviceMetrics[Catalogued].name, to_string(kDeviceMetrics[Catalogued].unit),
                 [](const DeviceRow& row) {
                   return reading_of(row.sample, static_cast<MetricId>(Catalogued));
                 }}...};
}

}  // namespace detail

/// Every metric of a device: those with a name of their own, then the catalogue's.
inline constexpr auto kMetrics =
    detail::all_metrics(std::make_index_sequence<detail::kNamedMetrics.size()>(),
                        std::make_index_sequence<kDeviceMetricCount>());

/// Null when there is no metric of that name.
[[nodiscard]] constexpr const Metric* find_metric(std::string_view name) {
  for (const Metric& metric : kMetrics) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

}  // namespace gpuvigil
