// SPDX-License-Identifier: Apache-2.0
#include "fleet/fleet_state.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

constexpr double kPercentPerRatio = 100;
constexpr double kNsPerSecond = 1e9;
constexpr double kLastSecond = 9e9;

/// Where a value of a device goes.
struct Place {
  std::string_view name;
  std::optional<double> FleetDevice::* field;
  double scale = 1;
};

constexpr std::array kPlaces = {
    Place{"gpuvigil_gpu_utilization_ratio", &FleetDevice::utilization, kPercentPerRatio},
    Place{"gpuvigil_gpu_memory_used_bytes", &FleetDevice::memory_used},
    Place{"gpuvigil_gpu_memory_total_bytes", &FleetDevice::memory_total},
    Place{"gpuvigil_gpu_temperature_celsius", &FleetDevice::temperature},
    Place{"gpuvigil_gpu_power_watts", &FleetDevice::power},
};

constexpr std::string_view kInfo = "gpuvigil_gpu_info";
constexpr std::string_view kHealth = "gpuvigil_gpu_health";
constexpr std::string_view kBuild = "gpuvigil_build_info";
constexpr std::string_view kAlerts = "gpuvigil_alerts_firing";

std::uint32_t index_of(std::string_view text) {
  std::uint32_t index = 0;
  std::from_chars(text.data(), text.data() + text.size(), index);
  return index;
}

std::optional<Health> health_of(std::string_view state) {
  for (const Health health : {Health::kOk, Health::kDegraded, Health::kFailed, Health::kLost}) {
    if (state == to_string(health)) return health;
  }
  return std::nullopt;
}

/// A node while its series come in, in any order.
struct Gathered {
  FleetNode node;
  std::map<std::string, FleetDevice, std::less<>> devices;
};

class Gathering {
 public:
  explicit Gathering(Timestamp now) : now_(now) {}

  void seen(const PromSeries& series) {
    const double seconds = series.points.front().value;
    if (!(seconds >= 0 && seconds < kLastSecond)) return;
    FleetNode& node = nodes_[std::string(series.label("instance"))].node;
    const Timestamp at = from_unix_ns(std::llround(seconds * kNsPerSecond));
    node.last_seen = std::max(node.last_seen, at);
    node.is_silent = now_ - node.last_seen > kSilentAfter;
  }

  void has_device(const PromSeries& series) {
    const auto node = nodes_.find(series.label("instance"));
    if (node != nodes_.end()) describe(node->second, series);
  }

  void value(const PromSeries& series) {
    const auto found = nodes_.find(series.label("instance"));
    if (found == nodes_.end() || found->second.node.is_silent) return;
    Gathered& node = found->second;
    const std::string_view name = series.label("__name__");
    const double value = series.points.front().value;
    if (name == kBuild) {
      node.node.version = series.label("version");
    } else if (name == kAlerts) {
      if (!(value >= 0 && value < kLastSecond)) return;
      const bool is_critical = series.label("severity") == "critical";
      (is_critical ? node.node.criticals : node.node.warnings) += static_cast<std::uint64_t>(value);
    } else if (name == kInfo) {
      describe(node, series);  // what holds now goes over what was within the hour
    } else if (name == kHealth) {
      if (value > 0) device(node, series).health = health_of(series.label("state"));
    } else if (const auto place = std::ranges::find(kPlaces, name, &Place::name);
               place != kPlaces.end() && std::isfinite(value)) {
      device(node, series).*(place->field) = value * place->scale;
    }
  }

  Result<FleetState> take() {
    FleetState state{.at = now_, .nodes = {}};
    std::size_t devices = 0;
    for (auto& [name, gathered] : nodes_) {
      gathered.node.name = name;
      devices += gathered.devices.size();
      for (auto& [uuid, device] : gathered.devices) {
        device.uuid = uuid;
        gathered.node.devices.push_back(std::move(device));
      }
      std::ranges::stable_sort(gathered.node.devices, {}, &FleetDevice::index);
      state.nodes.push_back(std::move(gathered.node));
    }
    if (state.nodes.size() > kMaxFleetNodes || devices > kMaxFleetDevices) {
      return fail(Errc::kTooLarge,
                  fmt::format("{} nodes with {} devices; at most {} and {} may be",
                              state.nodes.size(), devices, kMaxFleetNodes, kMaxFleetDevices));
    }
    return state;
  }

 private:
  static FleetDevice& device(Gathered& node, const PromSeries& series) {
    return node.devices[std::string(series.label("uuid"))];
  }

  static void describe(Gathered& node, const PromSeries& series) {
    FleetDevice& one = device(node, series);
    one.name = series.label("name");
    one.driver_version = series.label("driver_version");
    one.index = index_of(series.label("gpu"));
  }

  const Timestamp now_;
  std::map<std::string, Gathered, std::less<>> nodes_;
};

}  // namespace

std::string fleet_seen_expression() {
  return "max by (instance) (max_over_time(gpuvigil_frame_timestamp_seconds[1h]))";
}

std::string fleet_devices_expression() {
  return "last_over_time(gpuvigil_gpu_info[1h])";
}

std::string fleet_values_expression() {
  std::string names = fmt::format("{}|{}|{}|{}", kInfo, kHealth, kBuild, kAlerts);
  for (const Place& place : kPlaces) names += fmt::format("|{}", place.name);
  return fmt::format("{{__name__=~\"{}\"}}", names);
}

Result<FleetState> fleet_state_of(Timestamp now, std::span<const PromSeries> seen,
                                  std::span<const PromSeries> devices,
                                  std::span<const PromSeries> values) {
  Gathering gathering(now);
  for (const PromSeries& series : seen) gathering.seen(series);
  for (const PromSeries& series : devices) gathering.has_device(series);
  for (const PromSeries& series : values) gathering.value(series);
  return gathering.take();
}

}  // namespace gpuvigil
