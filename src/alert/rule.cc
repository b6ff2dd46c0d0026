// SPDX-License-Identifier: Apache-2.0
#include "alert/rule.h"

#include <array>
#include <cmath>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "model/metric.h"

namespace gpuvigil {

using namespace std::chrono_literals;

std::string spell_duration(Duration duration) {
  const auto f = [](std::int64_t count, std::string_view unit) {
    return fmt::format("{} {}{}", count, unit, count == 1 ? "" : "s");
  };
  if (duration != 0ns && duration % 1h == 0ns) return f(duration / 1h, "hour");
  if (duration != 0ns && duration % 1min == 0ns) return f(duration / 1min, "minute");
  if (duration % 1s == 0ns) return f(duration / 1s, "second");
  return fmt::format("{} seconds", std::chrono::duration<double>(duration).count());
}

std::string message_of(const Rule& rule, std::uint32_t device) {
  const std::array<std::pair<std::string_view, std::string>, 3> values = {{
      {"{device}", fmt::format("{}", device)},
      {"{threshold}", fmt::format("{}", rule.threshold)},
      {"{hold}", spell_duration(rule.hold.before_firing)},
  }};
  std::string message;
  std::string_view rest = rule.message;
  while (!rest.empty()) {
    bool replaced = false;
    for (const auto& [word, value] : values) {
      if (!rest.starts_with(word)) continue;
      message += value;
      rest.remove_prefix(word.size());
      replaced = true;
      break;
    }
    if (replaced) continue;
    message += rest.front();
    rest.remove_prefix(1);
  }
  return message;
}

Result<void> check_settings(const AlertSettings& settings) {
  const std::array<std::pair<std::string_view, double>, 2> percents = {{
      {"utilization_percent", settings.utilization_percent},
      {"memory_percent", settings.memory_percent},
  }};
  for (const auto& [name, percent] : percents) {
    if (!(percent >= 0 && percent <= 100)) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("alerts: {} must be between 0 and 100, not {}", name, percent));
    }
  }
  const std::array<std::pair<std::string_view, Duration>, 4> times = {{
      {"utilization_for", settings.utilization_for},
      {"memory_for", settings.memory_for},
      {"resolve_after", settings.resolve_after},
      {"no_data_for", settings.no_data_for},
  }};
  for (const auto& [name, time] : times) {
    if (time < 0ns || time > 24h) {
      return fail(Errc::kInvalidArgument,
                  fmt::format("alerts: {} must be between 0 seconds and 24 hours", name));
    }
  }
  if (settings.no_data_for < 1s) {
    return fail(Errc::kInvalidArgument, "alerts: no_data_for must be at least 1 second");
  }
  return {};
}

std::vector<Rule> builtin_rules(const AlertSettings& settings) {
  const auto with_hold = [](std::string_view sentence, Duration hold) {
    return fmt::format("{}{}", sentence, hold > 0ns ? " for {hold}" : "");
  };
  return {
      {.name = "high_gpu_utilization",
       .metric = "gpu_utilization",
       .threshold = settings.utilization_percent,
       .hold = {settings.utilization_for, settings.resolve_after},
       .message =
           with_hold("GPU {device} utilization above {threshold}%", settings.utilization_for)},
      {.name = "high_memory_usage",
       .metric = "memory_usage",
       .threshold = settings.memory_percent,
       .hold = {settings.memory_for, settings.resolve_after},
       .severity = Severity::kCritical,
       .message = with_hold("GPU {device} memory usage above {threshold}%", settings.memory_for)},
      {.name = "device_lost",
       .metric = "device_lost",
       .threshold = 0,
       .severity = Severity::kCritical,
       .message = "GPU {device} is lost: it no longer answers on its bus"},
      {.name = "no_data",
       .metric = std::string(kDataAgeMetric),
       .threshold = std::chrono::duration<double>(settings.no_data_for).count(),
       .message = "GPU {device} has given no data for " + spell_duration(settings.no_data_for)},
  };
}

Result<void> check_rules(std::span<const Rule> rules) {
  if (rules.size() > kMaxRules) {
    return fail(Errc::kTooLarge,
                fmt::format("{} alert rules, at most {} are allowed", rules.size(), kMaxRules));
  }
  std::unordered_set<std::string_view> names;
  for (const Rule& rule : rules) {
    const auto wrong = [&](std::string_view what) {
      return fail(Errc::kInvalidArgument, fmt::format("alert rule \"{}\": {}", rule.name, what));
    };
    if (rule.name.empty()) return wrong("a rule needs a name");
    if (!names.insert(rule.name).second) return wrong("there is another rule of that name");
    if (rule.metric != kDataAgeMetric && find_metric(rule.metric) == nullptr) {
      return wrong(fmt::format("no such metric: {}", rule.metric));
    }
    if (!std::isfinite(rule.threshold)) return wrong("the threshold is no number");
    if (rule.hold.before_firing < 0ns || rule.hold.before_resolving < 0ns) {
      return wrong("a hold time is negative");
    }
  }
  return {};
}

}  // namespace gpuvigil
