// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <utility>

#include <fmt/format.h>

#include "alert/rule.h"
#include "base/assert.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

/// One row of the table.
struct BuiltIn {
  std::string_view name;
  std::string_view when;
  std::string_view keep;
  bool critical;
  bool notify;
  std::string_view summary;
};

constexpr bool kCritical = true;
constexpr bool kWarning = false;
constexpr bool kCalls = true;
constexpr bool kShows = false;

/// What calls people is what somebody has to do something about: hardware that fails or goes away,
/// and not that a GPU works hard, is full, or is not used. The XIDs are those that say something of
/// the device; what a faulty program causes (13, 31, 43, 45 and their like) is in the events alone.
constexpr std::array kBuiltIns = {
    BuiltIn{"device_lost", "device_lost above 0", "", kCritical, kCalls,
            "GPU {device} is lost: it no longer answers on its bus"},
    BuiltIn{"xid", "count of xid 48, 62, 64, 74, 79, 95, 119, 120 over 10 min above 0", "",
            kCritical, kCalls, "GPU {device}: its driver logged a hardware error (XID)"},
    BuiltIn{"ecc_uncorrected", "count of ecc_uncorrected over 10 min above 0", "", kCritical,
            kCalls, "GPU {device}: a memory error could not be corrected"},
    BuiltIn{"ecc_corrected_often", "increase of ecc_corrected over 1 h above 1000", "", kWarning,
            kShows, "GPU {device}: {value} corrected memory errors within an hour"},
    BuiltIn{"row_remap_failed", "row_remap_failed above 0", "", kCritical, kCalls,
            "GPU {device}: a row of memory could not be replaced"},
    BuiltIn{"row_remap_pending", "row_remap_pending above 0", "", kWarning, kCalls,
            "GPU {device}: rows of memory wait for a reset to be replaced"},
    BuiltIn{"temperature_slowdown", "temperature above slowdown_temperature - 1 C for 1 min", "30s",
            kWarning, kCalls,
            "GPU {device} at {value} °C is about to slow itself down (over {threshold} °C)"},
    BuiltIn{"temperature_shutdown", "temperature above shutdown_temperature - 3 C", "30s",
            kCritical, kCalls,
            "GPU {device} at {value} °C is about to switch itself off (over {threshold} °C)"},
    BuiltIn{"hardware_slowdown", "hardware_slowdown above 0 for 30 s", "30s", kWarning, kCalls,
            "GPU {device}: the hardware holds its clocks down (slowdown or power brake)"},
    BuiltIn{"thermal_throttle", "thermal_throttle above 0 for 2 min", "30s", kWarning, kCalls,
            "GPU {device}: heat has held its clocks down for {hold}"},
    BuiltIn{"power_limit", "power above 99 % of power_limit for 10 min", "1m", kWarning, kShows,
            "GPU {device} has been at its power limit ({threshold} W) for {hold}"},
    BuiltIn{"power_limit_lowered", "power_limit_enforced below power_limit_default for 10 min",
            "1m", kWarning, kShows,
            "GPU {device}: its power limit ({value} W) is below the default ({threshold} W)"},
    BuiltIn{"memory_growing", "growth of memory_usage over 30 min above 5 %", "5m", kWarning,
            kShows, "GPU {device}: memory has grown steadily by {value}% within half an hour"},
    BuiltIn{"held_idle", "held_idle above 0 for 30 min", "1m", kWarning, kShows,
            "GPU {device} has been held but idle for {hold}"},
    BuiltIn{"pcie_degraded", "pcie_width below pcie_width_max for 10 min", "1m", kWarning, kCalls,
            "GPU {device} has {value} PCI Express lanes of {threshold}"},
    BuiltIn{"agent_blind", "blind_agents above 0 for 1 min", "10s", kWarning, kShows,
            "GPU {device}: the kernels of {value} programs cannot be seen just now"},
    BuiltIn{"disk_low", "disk_free below 5 % until above 7 % for 1 min", "1m", kWarning, kCalls,
            "the disk of gpuvigil's state has {value}% left"},
};

/// "90%", as people and parsers read it.
std::string spell_for(Duration hold) {
  return hold > 0ns ? fmt::format(" for {} s", std::chrono::duration<double>(hold).count()) : "";
}

/// Utilization, memory and silence, with what can be set about them.
std::vector<RuleText> settable(const AlertSettings& settings) {
  const std::string keep =
      settings.resolve_after > 0ns
          ? fmt::format("{}s", std::chrono::duration<double>(settings.resolve_after).count())
          : "";
  const auto summary = [](std::string_view sentence, Duration hold) {
    return fmt::format("{}{}", sentence, hold > 0ns ? " for {hold}" : "");
  };
  return {
      {.name = "high_gpu_utilization",
       .when = fmt::format("gpu_utilization above {} %{}", settings.utilization_percent,
                           spell_for(settings.utilization_for)),
       .keep = keep,
       .summary = summary("GPU {device} utilization above {threshold}%", settings.utilization_for),
       .notify = false},
      {.name = "high_memory_usage",
       .when = fmt::format("memory_usage above {} %{}", settings.memory_percent,
                           spell_for(settings.memory_for)),
       .keep = keep,
       .severity = "critical",
       .summary = summary("GPU {device} memory usage above {threshold}%", settings.memory_for),
       .notify = false},
      {.name = "no_data",
       .when = fmt::format("no data for {} s",
                           std::chrono::duration<double>(settings.no_data_for).count()),
       .summary = "GPU {device} has given no data for " + spell_duration(settings.no_data_for)},
  };
}

}  // namespace

std::vector<RuleText> builtin_rule_texts(const AlertSettings& settings) {
  std::vector<RuleText> texts = settable(settings);
  for (const BuiltIn& row : kBuiltIns) {
    texts.push_back({.name = std::string(row.name),
                     .when = std::string(row.when),
                     .keep = std::string(row.keep),
                     .severity = row.critical ? "critical" : "warning",
                     .summary = std::string(row.summary),
                     .notify = row.notify});
  }
  return texts;
}

std::vector<Rule> builtin_rules(const AlertSettings& settings) {
  std::vector<Rule> rules;
  for (const RuleText& text : builtin_rule_texts(settings)) {
    auto rule = compile_rule(text, RuleOrigin::kBuiltIn);
    GPUVIGIL_ASSERT(rule.has_value());
    rules.push_back(*std::move(rule));
  }
  return rules;
}

}  // namespace gpuvigil
