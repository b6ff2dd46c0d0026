// SPDX-License-Identifier: Apache-2.0
#include "alert/rule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "alert/rule_metric.h"
#include "base/text.h"

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

namespace {

constexpr std::array<std::string_view, 8> kMessageWords = {
    "{device}", "{uuid}", "{kernel}", "{value}", "{threshold}", "{hold}", "{rule}", "{metric}"};

constexpr std::size_t kMaxName = 100;
constexpr std::size_t kMaxLabelValue = 200;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxName && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

/// Six places at most, zeros cut: 92.345678, 2, 0.0001.
std::string spell_number(double value) {
  return fmt::format("{:.6g}", value);
}

}  // namespace

std::string message_of(const Rule& rule, const MessageWords& words) {
  const std::array<std::string, kMessageWords.size()> values = {
      fmt::format("{}", words.device),
      std::string(words.uuid),
      std::string(words.kernel),
      spell_number(words.value),
      spell_number(words.threshold),
      spell_duration(rule.hold.before_firing),
      rule.name,
      rule.metric,
  };
  std::string message;
  std::string_view rest = rule.message;
  while (!rest.empty()) {
    const auto word = std::ranges::find_if(
        kMessageWords, [&](std::string_view one) { return rest.starts_with(one); });
    if (word == kMessageWords.end()) {
      message += rest.front();
      rest.remove_prefix(1);
    } else {
      message += values[static_cast<std::size_t>(word - kMessageWords.begin())];
      rest.remove_prefix(word->size());
    }
  }
  return message;
}

std::string_view unknown_word(std::string_view summary) {
  for (auto open = summary.find('{'); open != std::string_view::npos;
       open = summary.find('{', open + 1)) {
    const auto close = summary.find('}', open);
    if (close == std::string_view::npos) return {};
    const std::string_view word = summary.substr(open, close - open + 1);
    if (std::ranges::find(kMessageWords, word) == kMessageWords.end()) return word;
  }
  return {};
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

namespace {

/// What a rule says where nobody wrote a summary.
std::string summary_of(const Rule& rule) {
  const std::string where =
      find_rule_metric(rule.metric) && find_rule_metric(rule.metric)->of_machine ? ""
      : rule.stat == KernelStat::kNone                                           ? "GPU {device}: "
                                       : "GPU {device}, {kernel}: ";
  return where + rule.text.when;
}

std::optional<Duration> read_keep(std::string_view text) {
  if (text.empty()) return Duration::zero();
  // The language of conditions has the times already.
  Rule scratch;
  const auto read = read_condition(fmt::format("device_lost above 0 for {}", text), scratch);
  return read ? std::optional(scratch.hold.before_firing) : std::nullopt;
}

void check_labels(const Labels& labels, std::vector<FieldError>& errors) {
  if (labels.size() > kMaxLabels) errors.push_back({"labels", "at most 16 labels are allowed"});
  for (const auto& [name, value] : labels) {
    if (!is_name(name)) {
      errors.push_back({"labels", "a label's name is 1 to 100 letters, digits, _, - or ."});
    } else if (value.size() > kMaxLabelValue || !is_clean_text(value)) {
      errors.push_back({"labels." + name, "must be printable text of at most 200 bytes"});
    }
  }
}

void check_texts(const RuleText& text, std::vector<FieldError>& errors) {
  const std::array<std::pair<std::string_view, std::string_view>, 3> texts = {
      {{"when", text.when}, {"summary", text.summary}, {"runbook", text.runbook}}};
  for (const auto& [field, value] : texts) {
    if (value.size() > kMaxRuleText || !is_clean_text(value)) {
      errors.push_back({std::string(field), "must be printable text of at most 2000 bytes"});
    }
  }
  if (const auto word = unknown_word(text.summary); !word.empty()) {
    errors.push_back({"summary", fmt::format("{} is no word of a summary; there are {}",
                                             clean_text(truncate_utf8(clean_text(word), 40)),
                                             fmt::join(kMessageWords, " "))});
  }
  const bool is_link = text.runbook.starts_with("https://") || text.runbook.starts_with("http://");
  if (!text.runbook.empty() && !is_link) {
    errors.push_back({"runbook", "must be an http or https address"});
  }
}

}  // namespace

std::expected<Rule, std::vector<FieldError>> compile_rule(const RuleText& text, RuleOrigin origin) {
  std::vector<FieldError> errors;
  Rule rule;
  rule.name = text.name;
  rule.origin = origin;
  rule.text = text;
  if (!is_name(text.name)) {
    errors.push_back({"name", "must be 1 to 100 letters, digits, _, - or ."});
  }
  check_texts(text, errors);
  if (const auto read = read_condition(text.when, rule); !read) {
    errors.push_back({"when", read.error().message});
  }
  if (const auto keep = read_keep(text.keep)) {
    rule.hold.before_resolving = *keep;
  } else {
    errors.push_back({"keep", "must be a time such as 30s or 5m, at most 24 hours"});
  }
  if (text.severity == "critical") {
    rule.severity = Severity::kCritical;
  } else if (text.severity != "warning") {
    errors.push_back({"severity", "must be warning or critical"});
  }
  check_labels(text.labels, errors);
  if (!errors.empty()) return std::unexpected(std::move(errors));
  rule.labels = text.labels;
  rule.runbook = text.runbook;
  rule.notify = text.notify;
  rule.message = text.summary.empty() ? summary_of(rule) : text.summary;
  return rule;
}

bool same_condition(const Rule& a, const Rule& b) {
  return a.metric == b.metric && a.comparison == b.comparison && a.threshold == b.threshold &&
         a.measure == b.measure && a.over == b.over && a.clear == b.clear &&
         a.limit_metric == b.limit_metric && a.limit_factor == b.limit_factor && a.stat == b.stat &&
         a.kernel == b.kernel && a.event_kind == b.event_kind && a.event_codes == b.event_codes;
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
    const bool has_own_metric = rule.stat != KernelStat::kNone || rule.measure == Measure::kEvents;
    if (!has_own_metric && !find_rule_metric(rule.metric)) {
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
