// SPDX-License-Identifier: Apache-2.0
#include "alert/silencing.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/glob.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxPattern = 256;

bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= 100 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

Matcher rule_is(std::string_view pattern) {
  return {.label = "rule", .pattern = std::string(pattern)};
}

bool inhibits(const Inhibition& inhibition, const Alert& source, const Alert& target) {
  return &source != &target && source.state == AlertState::kFiring && source.rule != target.rule &&
         matches(inhibition.source, source) && matches(inhibition.target, target) &&
         std::ranges::all_of(inhibition.equal, [&](const std::string& label) {
           return label_of(source, label) == label_of(target, label);
         });
}

}  // namespace

Result<Matcher> parse_matcher(std::string_view text) {
  const auto equals = text.find('=');
  const bool is_not = equals != std::string_view::npos && equals > 0 && text[equals - 1] == '!';
  const std::string_view label =
      text.substr(0, equals == std::string_view::npos ? 0 : equals - (is_not ? 1 : 0));
  if (!is_label(label)) {
    return fail(Errc::kInvalidArgument, "must be LABEL=GLOB or LABEL!=GLOB, such as rule=xid*");
  }
  const std::string_view pattern = text.substr(equals + 1);
  if (pattern.size() > kMaxPattern || !is_clean_text(pattern)) {
    return fail(Errc::kInvalidArgument, "its pattern must be printable text of at most 256 bytes");
  }
  return Matcher{.label = std::string(label), .pattern = std::string(pattern), .is_equal = !is_not};
}

std::string label_of(const Alert& alert, std::string_view name) {
  if (name == "rule") return alert.rule;
  if (name == "severity") return std::string(to_string(alert.severity));
  if (name == "metric") return alert.metric;
  if (name == "device") return alert.uuid.empty() ? "" : fmt::format("{}", alert.device);
  if (name == "uuid") return alert.uuid;
  if (name == "kernel") return alert.kernel;
  if (name == "id") return alert.id;
  const auto found = std::ranges::find(alert.labels, name, &Labels::value_type::first);
  return found == alert.labels.end() ? "" : found->second;
}

bool matches(std::span<const Matcher> matchers, const Alert& alert) {
  return std::ranges::all_of(matchers, [&](const Matcher& matcher) {
    return Glob(matcher.pattern).matches(label_of(alert, matcher.label)) == matcher.is_equal;
  });
}

std::vector<Inhibition> builtin_inhibitions() {
  return {
      {.source = {rule_is("device_lost")}, .target = {rule_is("*")}, .equal = {"uuid"}},
      {.source = {rule_is("temperature_shutdown")},
       .target = {rule_is("temperature_slowdown")},
       .equal = {"uuid"}},
      {.source = {rule_is("temperature_slowdown")},
       .target = {rule_is("thermal_throttle")},
       .equal = {"uuid"}},
  };
}

void mark(std::span<Alert* const> alerts, std::span<const Silence> silences,
          std::span<const Inhibition> inhibitions, Timestamp now) {
  for (Alert* alert : alerts) {
    alert->silenced = std::ranges::any_of(silences, [&](const Silence& silence) {
      return is_active(silence, now) && matches(silence.matchers, *alert);
    });
    alert->inhibited = false;
  }
  for (const Inhibition& inhibition : inhibitions) {
    // Sources are few; most times there is none and the targets need no look.
    for (const Alert* source : alerts) {
      if (source->state != AlertState::kFiring || !matches(inhibition.source, *source)) continue;
      for (Alert* target : alerts) {
        if (inhibits(inhibition, *source, *target)) target->inhibited = true;
      }
    }
  }
}

}  // namespace gpuvigil
