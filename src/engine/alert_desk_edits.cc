// SPDX-License-Identifier: Apache-2.0
// What people set at the desk: rules, silences, channels, acknowledgements.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/secret.h"
#include "base/text.h"
#include "base/thread.h"
#include "engine/alert_desk_impl.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxComment = 500;
constexpr Duration kLongestSilence = 24h * 400;

DeskRefusal refusal(DeskRefusal::Kind kind, std::string detail,
                    std::vector<FieldError> errors = {}) {
  return {.kind = kind, .detail = std::move(detail), .errors = std::move(errors)};
}

}  // namespace

std::vector<RuleRow> AlertDesk::rules() const {
  std::vector<RuleRow> rows;
  const auto frame = impl_->engine.frame();
  for (const Rule& rule : impl_->all_rules()) {
    RuleRow row{.text = rule.text, .origin = rule.origin};
    for (const Alert& alert : frame->alerts) {
      if (alert.rule != rule.name) continue;
      if (alert.state == AlertState::kPending) ++row.pending;
      if (alert.state == AlertState::kFiring) ++row.firing;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

DeskResult<RuleRow> AlertDesk::put_rule(const RuleText& text, std::function<void()> visible) {
  Impl& desk = *impl_;
  auto rule = compile_rule(text, RuleOrigin::kApi);
  if (!rule) {
    return std::unexpected(refusal(DeskRefusal::Kind::kInvalid, "the rule is not understood",
                                   std::move(rule).error()));
  }
  const auto configured = configured_rules(desk.config);
  if (std::ranges::find(configured, text.name, &Rule::name) != configured.end()) {
    return std::unexpected(
        refusal(DeskRefusal::Kind::kConflict,
                "a rule of that name is built in or in the configuration file: change it there"));
  }
  const auto old = std::ranges::find(desk.api_rules, text.name, &Rule::name);
  if (old == desk.api_rules.end() && desk.api_rules.size() >= kMaxRules / 4) {
    return std::unexpected(refusal(DeskRefusal::Kind::kFull, "there are 250 rules already"));
  }
  if (old != desk.api_rules.end()) {
    *old = *rule;
  } else {
    desk.api_rules.push_back(*rule);
  }
  desk.save();
  if (!desk.apply_rules(std::move(visible))) {
    return std::unexpected(refusal(DeskRefusal::Kind::kFailed, "the engine is busy; try again"));
  }
  return RuleRow{.text = text, .origin = RuleOrigin::kApi};
}

DeskResult<void> AlertDesk::remove_rule(const std::string& name, std::function<void()> visible) {
  Impl& desk = *impl_;
  if (std::erase_if(desk.api_rules, [&](const Rule& rule) { return rule.name == name; }) == 0) {
    const auto configured = configured_rules(desk.config);
    const bool is_there = std::ranges::find(configured, name, &Rule::name) != configured.end();
    return std::unexpected(
        is_there ? refusal(DeskRefusal::Kind::kConflict,
                           "this rule is built in or in the configuration file: disable it there")
                 : refusal(DeskRefusal::Kind::kNotFound, "there is no rule of that name"));
  }
  desk.save();
  if (!desk.apply_rules(std::move(visible))) {
    return std::unexpected(refusal(DeskRefusal::Kind::kFailed, "the engine is busy; try again"));
  }
  return {};
}

std::vector<Silence> AlertDesk::silences() const {
  return impl_->silences;
}

DeskResult<void> AlertDesk::add_silence(const SilenceWish& wish,
                                        std::function<void(const Silence&)> visible) {
  Impl& desk = *impl_;
  std::vector<FieldError> errors;
  auto matchers = read_matchers(wish.matchers);
  if (!matchers) errors.push_back(matchers.error());
  if (wish.matchers.empty()) errors.push_back({"matchers", "at least one is needed"});
  const Timestamp now = desk.clock.now();
  if (wish.ends <= now) errors.push_back({"ends_at", "must lie in the future"});
  if (wish.ends <= wish.starts) errors.push_back({"ends_at", "must be after starts_at"});
  if (wish.ends > now + kLongestSilence) errors.push_back({"ends_at", "must be within 400 days"});
  if (wish.comment.size() > kMaxComment || !is_clean_text(wish.comment)) {
    errors.push_back({"comment", "must be printable text of at most 500 bytes"});
  }
  if (!errors.empty()) {
    return std::unexpected(
        refusal(DeskRefusal::Kind::kInvalid, "the silence is not understood", std::move(errors)));
  }
  if (desk.silences.size() >= kMaxSilences) {
    return std::unexpected(refusal(DeskRefusal::Kind::kFull, "there are 1000 silences already"));
  }
  std::array<unsigned char, 8> random{};
  random_bytes(random);
  std::string id;
  for (const unsigned char byte : random) id += fmt::format("{:02x}", byte);
  const Silence silence{.id = id,
                        .matchers = *std::move(matchers),
                        .starts = wish.starts,
                        .ends = wish.ends,
                        .comment = wish.comment,
                        .created_by = wish.created_by};
  desk.silences.push_back(silence);
  desk.save();
  if (!desk.apply_silences([silence, visible = std::move(visible)] { visible(silence); })) {
    return std::unexpected(refusal(DeskRefusal::Kind::kFailed, "the engine is busy; try again"));
  }
  return {};
}

DeskResult<void> AlertDesk::remove_silence(const std::string& id, std::function<void()> visible) {
  Impl& desk = *impl_;
  if (std::erase_if(desk.silences, [&](const Silence& one) { return one.id == id; }) == 0) {
    return std::unexpected(refusal(DeskRefusal::Kind::kNotFound, "there is no such silence"));
  }
  desk.save();
  if (!desk.apply_silences(std::move(visible))) {
    return std::unexpected(refusal(DeskRefusal::Kind::kFailed, "the engine is busy; try again"));
  }
  return {};
}

bool AlertDesk::acknowledge(std::string id, std::string by, std::function<void(bool)> done) {
  using State = WaitingAck::State;
  Impl& desk = *impl_;
  if (desk.acks.size() >= kMaxDeskTasks) return false;
  auto found = std::make_shared<bool>(false);
  auto state = std::make_shared<std::atomic<State>>(State::kAsked);
  const bool taken = desk.engine.change_alerts(
      [found, id, by = std::move(by)](AlertBook& book, Timestamp) {
        *found = book.acknowledge(id, by);
        return std::vector<Alert>();
      },
      [found, state, done] {
        *state = *found ? State::kFound : State::kAnswered;
        if (!*found) done(false);
      });
  if (taken) desk.acks.push_back({std::move(id), std::move(state), std::move(done)});
  return taken;
}

std::vector<ChannelRow> AlertDesk::channels() const {
  std::vector<ChannelRow> rows;
  for (const DeskChannel& channel : impl_->channels) {
    rows.push_back({.text = without_secrets(channel.text),
                    .origin = channel.origin,
                    .health = channel.sender ? channel.sender->health() : ChannelHealth()});
  }
  return rows;
}

DeskResult<ChannelRow> AlertDesk::put_channel(const ChannelText& text) {
  Impl& desk = *impl_;
  auto made = make_channel(text, RuleOrigin::kApi);
  if (!made) {
    return std::unexpected(refusal(DeskRefusal::Kind::kInvalid, "the channel is not understood",
                                   std::move(made).error()));
  }
  DeskChannel* old = desk.find_channel(text.name);
  if (old != nullptr && old->origin != RuleOrigin::kApi) {
    return std::unexpected(
        refusal(DeskRefusal::Kind::kConflict,
                "a channel of that name is in the configuration file: change it there"));
  }
  if (old == nullptr && desk.channels.size() >= kMaxChannels) {
    return std::unexpected(refusal(DeskRefusal::Kind::kFull, "there are 32 channels already"));
  }
  if (old == nullptr) old = &desk.channels.emplace_back();
  *old = *std::move(made);
  desk.start_sender(*old);
  desk.save();
  return ChannelRow{
      .text = without_secrets(text), .origin = RuleOrigin::kApi, .health = old->sender->health()};
}

DeskResult<void> AlertDesk::remove_channel(const std::string& name) {
  Impl& desk = *impl_;
  const DeskChannel* channel = desk.find_channel(name);
  if (channel == nullptr) {
    return std::unexpected(refusal(DeskRefusal::Kind::kNotFound, "there is no such channel"));
  }
  if (channel->origin != RuleOrigin::kApi) {
    return std::unexpected(refusal(DeskRefusal::Kind::kConflict,
                                   "this channel is in the configuration file: remove it there"));
  }
  std::erase_if(desk.channels, [&](const DeskChannel& one) { return one.text.name == name; });
  for (Outgoing& one : desk.outgoing) std::erase(one.channels, name);
  std::erase_if(desk.outgoing, [](const Outgoing& one) { return one.channels.empty(); });
  desk.save();
  return {};
}

DeskResult<void> AlertDesk::test_channel(const std::string& name,
                                         std::function<void(Result<void>)> done) {
  Impl& desk = *impl_;
  const DeskChannel* channel = desk.find_channel(name);
  if (channel == nullptr) {
    return std::unexpected(refusal(DeskRefusal::Kind::kNotFound, "there is no such channel"));
  }
  if (desk.testing.exchange(true)) {
    return std::unexpected(
        refusal(DeskRefusal::Kind::kFull, "another test is under way; try again"));
  }
  if (desk.tester.joinable()) desk.tester.join();
  const Timestamp now = desk.clock.now();
  Alert alert;
  alert.id = fmt::format("test-{}", to_unix_ns(now));
  alert.rule = "gpuvigil_test";
  alert.state = AlertState::kFiring;
  alert.message = "This is a test of gpuvigil's channel " + name;
  alert.began = now;
  alert.metric = "test";
  if (channel->spec->kind == ChannelKind::kAlertmanager) alert.resolved_at = now + 1min;
  Message message;
  message.notice = std::make_shared<const Notice>(Notice{
      .key = "gpuvigil-" + alert.id, .is_test = true, .alerts = {alert}, .total = 1, .at = now});
  message.roll = std::make_shared<const AlertRoll>(AlertRoll{.alerts = {alert}, .at = now});
  desk.tester =
      start_thread("gpuvigil-test", [&desk, spec = channel->spec, message, done = std::move(done)] {
        const Result<void> taken = Sender::try_once(*spec, desk.options.sender, message);
        desk.testing = false;  // first: who hears of this one may ask for the next at once
        done(taken);
      });
  return {};
}

}  // namespace gpuvigil
