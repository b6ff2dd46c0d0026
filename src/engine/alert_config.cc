// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "engine/alert_desk_impl.h"

namespace gpuvigil {
namespace {

std::vector<FieldError> within(const std::string& place, const std::vector<FieldError>& errors) {
  std::vector<FieldError> all;
  for (const FieldError& error : errors) all.push_back({place + "." + error.field, error.reason});
  return all;
}

}  // namespace

std::string in_one_line(const std::vector<FieldError>& errors) {
  std::string line;
  for (const FieldError& error : errors) {
    line += fmt::format("{}{}: {}", line.empty() ? "" : "; ", error.field, error.reason);
  }
  return line;
}

std::expected<std::vector<Matcher>, FieldError> read_matchers(
    const std::vector<std::string>& texts) {
  std::vector<Matcher> matchers;
  if (texts.size() > kMaxMatchers) {
    return std::unexpected(FieldError{"matchers", "at most 16 are allowed"});
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto read = parse_matcher(texts[i]);
    if (!read) {
      return std::unexpected(FieldError{fmt::format("matchers[{}]", i), read.error().message});
    }
    matchers.push_back(*std::move(read));
  }
  return matchers;
}

std::vector<Rule> configured_rules(const AlertConfig& config) {
  std::vector<Rule> rules;
  for (Rule& rule : builtin_rules(config.builtin)) {
    const bool is_replaced =
        std::ranges::find(config.rules, rule.name, &RuleText::name) != config.rules.end() ||
        std::ranges::find(config.disabled, rule.name) != config.disabled.end();
    if (!is_replaced) rules.push_back(std::move(rule));
  }
  for (const RuleText& text : config.rules) {
    if (auto rule = compile_rule(text, RuleOrigin::kFile)) rules.push_back(*std::move(rule));
  }
  return rules;
}

std::expected<DeskChannel, std::vector<FieldError>> make_channel(const ChannelText& text,
                                                                 RuleOrigin origin) {
  auto spec = compile_channel(text, origin);
  std::vector<FieldError> errors = spec ? std::vector<FieldError>() : spec.error();
  auto matchers = read_matchers(text.matchers);
  if (!matchers) errors.push_back(matchers.error());
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return DeskChannel{.text = text,
                     .origin = origin,
                     .matchers = *std::move(matchers),
                     .spec = *std::move(spec),
                     .sender = nullptr};
}

std::vector<FieldError> check_alert_config(const AlertConfig& config) {
  std::vector<FieldError> errors;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < config.rules.size(); ++i) {
    const std::string place = fmt::format("rules[{}]", i);
    const auto rule = compile_rule(config.rules[i], RuleOrigin::kFile);
    if (!rule) std::ranges::move(within(place, rule.error()), std::back_inserter(errors));
    if (std::ranges::find(names, config.rules[i].name) != names.end()) {
      errors.push_back({place + ".name", "there is another rule of that name"});
    }
    names.push_back(config.rules[i].name);
  }
  const auto builtin = builtin_rule_texts(config.builtin);
  for (std::size_t i = 0; i < config.disabled.size(); ++i) {
    if (std::ranges::find(builtin, config.disabled[i], &RuleText::name) == builtin.end()) {
      errors.push_back({fmt::format("disabled[{}]", i), "there is no such built-in rule"});
    }
  }
  names.clear();
  for (std::size_t i = 0; i < config.channels.size(); ++i) {
    const std::string place = fmt::format("channels[{}]", i);
    const auto channel = make_channel(config.channels[i], RuleOrigin::kFile);
    if (!channel) std::ranges::move(within(place, channel.error()), std::back_inserter(errors));
    if (std::ranges::find(names, config.channels[i].name) != names.end()) {
      errors.push_back({place + ".name", "there is another channel of that name"});
    }
    names.push_back(config.channels[i].name);
  }
  if (config.rules.size() > kMaxRules / 2) errors.push_back({"rules", "at most 500 are allowed"});
  if (config.channels.size() > kMaxChannels) {
    errors.push_back({"channels", "at most 32 are allowed"});
  }
  return errors;
}

}  // namespace gpuvigil
