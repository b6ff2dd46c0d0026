// SPDX-License-Identifier: Apache-2.0
#include "views/fleet_view.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <set>
#include <span>

#include "base/glob.h"
#include "model/metric.h"
#include "views/history_view.h"
#include "views/json_parts.h"

namespace gpuvigil {
namespace {

using namespace detail;

constexpr double kBytesPerMebibyte = 1048576;
constexpr double kPercent = 100;
constexpr unsigned kMegabytePlaces = 3;

/// What some devices come to.
struct Sums {
  std::size_t devices = 0;
  double utilization = 0;
  std::size_t with_utilization = 0;
  double used = 0;
  double total = 0;
  bool has_memory = false;
  double power = 0;
  bool has_power = false;
  std::array<std::uint64_t, 4> health{};
  std::uint64_t health_unknown = 0;

  void add(const FleetDevice& device) {
    ++devices;
    if (device.utilization) {
      utilization += *device.utilization;
      ++with_utilization;
    }
    if (device.memory_used && device.memory_total) {
      used += *device.memory_used;
      total += *device.memory_total;
      has_memory = true;
    }
    if (device.power) {
      power += *device.power;
      has_power = true;
    }
    if (device.health) {
      ++health[static_cast<std::size_t>(*device.health)];
    } else {
      ++health_unknown;
    }
  }

  [[nodiscard]] std::optional<double> mean_utilization() const {
    if (with_utilization == 0) return std::nullopt;
    return utilization / static_cast<double>(with_utilization);
  }
};

Sums sums_of(const FleetNode& node) {
  Sums sums;
  for (const FleetDevice& device : node.devices) sums.add(device);
  return sums;
}

void write_number(JsonWriter& json, std::string_view key, const std::optional<double>& value,
                  unsigned places) {
  json.key(key);
  value ? json.decimal(*value, places) : json.null();
}

void write_memory(JsonWriter& json, const std::optional<double>& used,
                  const std::optional<double>& total) {
  const auto megabytes = [](const std::optional<double>& bytes) {
    return bytes ? std::optional(*bytes / kBytesPerMebibyte) : std::nullopt;
  };
  json.key("memory");
  json.begin_object();
  write_number(json, "used_mb", megabytes(used), kMegabytePlaces);
  write_number(json, "total_mb", megabytes(total), kMegabytePlaces);
  std::optional<double> percent;
  if (used && total && *total > 0) percent = kPercent * *used / *total;
  write_number(json, "percent", percent, kPercentPlaces);
  json.end_object();
}

/// The fields that a node and the whole fleet have alike.
void write_sums(JsonWriter& json, const Sums& sums, std::uint64_t warnings,
                std::uint64_t criticals) {
  write_number(json, "gpu_utilization", sums.mean_utilization(), kPercentPlaces);
  const auto if_any = [](bool any, double value) {
    return any ? std::optional(value) : std::nullopt;
  };
  write_memory(json, if_any(sums.has_memory, sums.used), if_any(sums.has_memory, sums.total));
  write_number(json, "power_watts", if_any(sums.has_power, sums.power), kSensorPlaces);
  json.key("health");
  json.begin_object();
  for (const Health health : {Health::kOk, Health::kDegraded, Health::kFailed, Health::kLost}) {
    json.key(to_string(health));
    json.number(sums.health[static_cast<std::size_t>(health)]);
  }
  json.key("unknown");
  json.number(sums.health_unknown);
  json.end_object();
  json.key("alerts");
  json.begin_object();
  json.key("warning");
  json.number(warnings);
  json.key("critical");
  json.number(criticals);
  json.end_object();
}

void write_device(JsonWriter& json, const FleetDevice& device) {
  json.begin_object();
  json.key("index");
  json.number(device.index);
  json.key("uuid");
  json.string(device.uuid);
  write_text(json, "name", device.name);
  write_text(json, "driver_version", device.driver_version);
  write_number(json, "gpu_utilization", device.utilization, kPercentPlaces);
  write_memory(json, device.memory_used, device.memory_total);
  write_number(json, "temperature_celsius", device.temperature, kSensorPlaces);
  write_number(json, "power_watts", device.power, kSensorPlaces);
  write_text(json, "health", device.health ? to_string(*device.health) : std::string_view());
  json.end_object();
}

/// The versions of drivers on a node, each once.
std::set<std::string> drivers_of(const FleetNode& node) {
  std::set<std::string> all;
  for (const FleetDevice& device : node.devices) {
    if (!device.driver_version.empty()) all.insert(device.driver_version);
  }
  return all;
}

bool is_other(const FleetDrift& drift, const FleetNode& node) {
  return std::ranges::any_of(drift.others, [&](const FleetDrift::Other& other) {
    return std::ranges::binary_search(other.nodes, node.name);
  });
}

void write_node(JsonWriter& json, const FleetNode& node, std::span<const FleetDrift> drifts) {
  json.begin_object();
  json.key("node");
  json.string(node.name);
  json.key("state");
  json.string(node.is_silent ? "silent" : "ok");
  json.key("last_seen");
  json.timestamp(node.last_seen);
  write_text(json, "version", node.version);
  json.key("driver_versions");
  json.begin_array();
  for (const std::string& driver : drivers_of(node)) json.string(driver);
  json.end_array();
  json.key("drift");
  json.begin_array();
  for (const FleetDrift& drift : drifts) {
    if (is_other(drift, node)) json.string(drift.what);
  }
  json.end_array();
  write_sums(json, sums_of(node), node.warnings, node.criticals);
  json.key("devices");
  json.begin_array();
  for (const FleetDevice& device : node.devices) write_device(json, device);
  json.end_array();
  json.end_object();
}

void write_drift(JsonWriter& json, const FleetDrift& drift) {
  json.begin_object();
  json.key("what");
  json.string(drift.what);
  json.key("usual");
  json.string(drift.usual);
  json.key("others");
  json.begin_array();
  for (const FleetDrift::Other& other : drift.others) {
    json.begin_object();
    json.key("version");
    json.string(other.version);
    json.key("nodes");
    json.begin_array();
    for (const std::string& node : other.nodes) json.string(node);
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

using NodesByVersion = std::map<std::string, std::vector<std::string>>;

void add_drift(std::vector<FleetDrift>& all, std::string what, const NodesByVersion& versions) {
  if (versions.size() < 2) return;
  const auto usual = std::ranges::max_element(
      versions, {}, [](const auto& version) { return version.second.size(); });
  FleetDrift drift{.what = std::move(what), .usual = usual->first, .others = {}};
  for (const auto& [version, nodes] : versions) {
    if (version == usual->first) continue;
    drift.others.push_back({.version = version, .nodes = nodes});
    std::ranges::sort(drift.others.back().nodes);
  }
  all.push_back(std::move(drift));
}

FleetState matching(const FleetQuery& query, const FleetState& state) {
  std::vector<Glob> globs(query.names.begin(), query.names.end());
  FleetState chosen{.at = state.at, .nodes = {}};
  for (const FleetNode& node : state.nodes) {
    if (query.is_silent && *query.is_silent != node.is_silent) continue;
    const bool is_named = globs.empty() || std::ranges::any_of(globs, [&](const Glob& glob) {
                            return glob.matches(node.name);
                          });
    if (is_named) chosen.nodes.push_back(node);
  }
  return chosen;
}

/// What nodes are put in order by; those that do not tell it come last.
double sort_value(FleetSort sort_by, bool descending, const FleetNode& node) {
  const double last = descending ? -std::numeric_limits<double>::infinity()
                                 : std::numeric_limits<double>::infinity();
  const Sums sums = sums_of(node);
  switch (sort_by) {
    case FleetSort::kUtilization:
      return sums.mean_utilization().value_or(last);
    case FleetSort::kMemory:
      return sums.total > 0 ? sums.used / sums.total : last;
    case FleetSort::kAlerts:
      return static_cast<double>(node.warnings) + 1e6 * static_cast<double>(node.criticals);
    case FleetSort::kNode:
      break;
  }
  return 0;
}

std::vector<const FleetNode*> in_order(const FleetQuery& query, const FleetState& state) {
  std::vector<std::pair<double, const FleetNode*>> keyed;
  for (const FleetNode& node : state.nodes) {
    keyed.emplace_back(sort_value(query.sort_by, query.descending, node), &node);
  }
  std::ranges::stable_sort(keyed, [&](const auto& a, const auto& b) {
    if (a.first != b.first) return query.descending ? a.first > b.first : a.first < b.first;
    const bool backwards = query.sort_by == FleetSort::kNode && query.descending;
    return backwards ? a.second->name > b.second->name : a.second->name < b.second->name;
  });
  std::vector<const FleetNode*> nodes;
  for (std::size_t i = query.offset; i < keyed.size() && nodes.size() < query.limit; ++i) {
    nodes.push_back(keyed[i].second);
  }
  return nodes;
}

}  // namespace

std::vector<FleetDrift> fleet_drift(const FleetState& state) {
  NodesByVersion programs;
  NodesByVersion drivers;
  for (const FleetNode& node : state.nodes) {
    if (!node.version.empty()) programs[node.version].push_back(node.name);
    for (const std::string& driver : drivers_of(node)) drivers[driver].push_back(node.name);
  }
  std::vector<FleetDrift> all;
  add_drift(all, "gpuvigil_version", programs);
  add_drift(all, "driver_version", drivers);
  return all;
}

std::string fleet_json(const Frame& frame, const FleetQuery& query, const FleetState& state) {
  const FleetState chosen = matching(query, state);
  const auto drifts = fleet_drift(chosen);
  Sums sums;
  std::uint64_t silent = 0;
  std::uint64_t warnings = 0;
  std::uint64_t criticals = 0;
  for (const FleetNode& node : chosen.nodes) {
    for (const FleetDevice& device : node.devices) sums.add(device);
    silent += node.is_silent ? 1 : 0;
    warnings += node.warnings;
    criticals += node.criticals;
  }
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_stamp(json, frame);
  json.key("as_of");
  json.timestamp(state.at);
  json.key("total_nodes");
  json.number(chosen.nodes.size());
  json.key("silent_nodes");
  json.number(silent);
  json.key("total_devices");
  json.number(sums.devices);
  write_sums(json, sums, warnings, criticals);
  json.key("drift");
  json.begin_array();
  for (const FleetDrift& drift : drifts) write_drift(json, drift);
  json.end_array();
  json.key("nodes");
  json.begin_array();
  for (const FleetNode* node : in_order(query, chosen)) write_node(json, *node, drifts);
  json.end_array();
  json.end_object();
  json.finish();
  return out;
}

std::string fleet_history_json(const Frame& frame, const FleetHistoryQuery& query,
                               const FleetHistory& answer) {
  const auto time_of = [&](std::size_t point) {
    return answer.first + static_cast<std::int64_t>(point) * answer.step;
  };
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_stamp(json, frame);
  write_window(json,
               {.from = answer.first, .to = time_of(answer.points), .coverage = answer.coverage});
  json.key("step_ms");
  json.milliseconds(static_cast<std::uint64_t>(answer.step.count()));
  json.key("agg");
  json.string(to_string(query.in_time.aggregate));
  json.key("times");
  json.begin_array();
  for (std::size_t i = 0; i < answer.points; ++i) json.timestamp(time_of(i));
  json.end_array();
  json.key("series");
  json.begin_array();
  for (const FleetSeries& series : answer.series) {
    const Metric* metric = find_metric(series.metric);
    const std::string_view unit = metric == nullptr ? "" : metric->unit;
    json.begin_object();
    json.key("metric");
    json.string(series.metric);
    json.key("unit");
    json.string(unit);
    write_text(json, "node", series.node);
    json.key("over_devices");
    json.string(adds_up(unit) ? "sum" : "avg");
    json.key("values");
    json.begin_array();
    for (const double value : series.values) json.exact(value);
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.end_object();
  json.finish();
  return out;
}

}  // namespace gpuvigil
