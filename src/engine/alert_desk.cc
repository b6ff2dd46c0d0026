// SPDX-License-Identifier: Apache-2.0
#include "engine/alert_desk.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include <fmt/format.h>
#include <sys/statvfs.h>

#include "base/log.h"
#include "base/private_file.h"
#include "base/thread.h"
#include "engine/alert_desk_impl.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20U;
constexpr std::size_t kMaxOutgoing = 1000;
constexpr Duration kDiskPeriod = 10s;
/// For so long an Alertmanager is told that something is over, as Prometheus does it.
constexpr Duration kTellResolved = 15min;

/// The part of a notice that a channel wants; null: nothing of it.
std::shared_ptr<const Notice> part_for(const DeskChannel& channel,
                                       const std::shared_ptr<const Notice>& notice) {
  if (channel.matchers.empty()) return notice;
  auto part = std::make_shared<Notice>(*notice);
  std::erase_if(part->alerts,
                [&](const Alert& alert) { return !matches(channel.matchers, alert); });
  if (part->alerts.empty()) return nullptr;
  if (notice->total == notice->alerts.size()) part->total = part->alerts.size();
  return part;
}

}  // namespace

std::vector<Rule> AlertDesk::Impl::all_rules() const {
  std::vector<Rule> rules = configured_rules(config);
  for (const Rule& rule : api_rules) {
    // What the file has come to name is the file's.
    if (std::ranges::find(rules, rule.name, &Rule::name) == rules.end()) rules.push_back(rule);
  }
  return rules;
}

bool AlertDesk::Impl::apply_rules(std::function<void()> visible) {
  return engine.change_alerts(
      [rules = all_rules()](AlertBook& book, Timestamp now) { return book.set_rules(rules, now); },
      std::move(visible));
}

bool AlertDesk::Impl::apply_silences(std::function<void()> visible) {
  return engine.change_alerts(
      [list = silences](AlertBook& book, Timestamp now) {
        book.set_silences(list, now);
        return std::vector<Alert>();
      },
      std::move(visible));
}

DeskChannel* AlertDesk::Impl::find_channel(std::string_view name) {
  const auto found = std::ranges::find_if(
      channels, [&](const DeskChannel& channel) { return channel.text.name == name; });
  return found == channels.end() ? nullptr : &*found;
}

void AlertDesk::Impl::start_sender(DeskChannel& channel) {
  channel.sender = std::make_unique<Sender>(
      channel.spec, options.sender, [this](const std::string& name, const Notice& notice) {
        // When too much waits the file says that it is to be sent: it is sent once more, later.
        static_cast<void>(tasks.post([this, name, notice] { taken(name, notice); }));
      });
}

/// Reads what an earlier life left. Whatever cannot be read is set aside.
void AlertDesk::Impl::load() {
  if (options.state_file.empty()) return;
  const auto text = read_private_file(options.state_file, kMaxFileBytes);
  if (!text && text.error().code == Errc::kNotFound) return;
  auto state =
      text ? parse_alert_state(*text) : Result<AlertStateFile>(std::unexpected(text.error()));
  if (!state) {
    const std::string aside = options.state_file + ".unreadable";
    static_cast<void>(::rename(options.state_file.c_str(), aside.c_str()));
    log(LogLevel::kError, "alerts.state_unreadable",
        {kv("why", state.error().message), kv("kept_as", aside)});
    return;
  }
  if (options.keep_living) {
    restored = std::move(state->living);
    grouper.restore(std::move(state->open));
    outgoing = std::move(state->outgoing);
  }
  silences = std::move(state->silences);
  for (const RuleText& text_of : state->rules) {
    if (auto rule = compile_rule(text_of, RuleOrigin::kApi)) api_rules.push_back(*std::move(rule));
  }
  for (const ChannelText& text_of : state->channels) {
    auto channel = make_channel(text_of, RuleOrigin::kApi);
    if (channel && find_channel(text_of.name) == nullptr) channels.push_back(*std::move(channel));
  }
}

/// Alerting goes on when this fails: what is not kept may be told twice, better than never.
void AlertDesk::Impl::save() {
  dirty = false;
  if (options.state_file.empty()) return;
  AlertStateFile state;
  if (options.keep_living) {
    if (living) state.living = *living;
    state.open = grouper.open();
    state.outgoing = outgoing;
  }
  state.silences = silences;
  for (const Rule& rule : api_rules) state.rules.push_back(rule.text);
  for (const DeskChannel& channel : channels) {
    if (channel.origin == RuleOrigin::kApi) state.channels.push_back(channel.text);
  }
  const auto done = write_private_file(options.state_file, format_alert_state(state));
  if (!done && !std::exchange(save_failed, true)) {
    log(LogLevel::kError, "alerts.state_not_kept", {kv("why", done.error().message)});
  }
  if (done) save_failed = false;
}

void AlertDesk::Impl::enqueue(const Outgoing& one) {
  for (const std::string& name : one.channels) {
    DeskChannel* channel = find_channel(name);
    if (channel == nullptr || !channel->sender) continue;
    if (auto part = part_for(*channel, one.notice)) channel->sender->send(std::move(part));
  }
}

void AlertDesk::Impl::tell(const std::vector<Notice>& notices) {
  std::vector<Outgoing> made;
  for (const Notice& notice : notices) {
    Outgoing one{.notice = std::make_shared<const Notice>(notice), .channels = {}};
    for (const DeskChannel& channel : channels) {
      const bool takes_notices = channel.spec->kind != ChannelKind::kAlertmanager;
      if (takes_notices && part_for(channel, one.notice)) one.channels.push_back(channel.text.name);
    }
    log(LogLevel::kInfo, notice.is_resolved ? "alerts.over" : "alerts.firing",
        {kv("key", notice.key), kv("alerts", notice.total), kv("channels", one.channels.size())});
    if (!one.channels.empty()) made.push_back(std::move(one));
  }
  outgoing.insert(outgoing.end(), made.begin(), made.end());
  if (outgoing.size() > kMaxOutgoing) {
    outgoing.erase(outgoing.begin(), outgoing.end() - static_cast<std::ptrdiff_t>(kMaxOutgoing));
  }
  save();  // first the file, then the world
  for (const Outgoing& one : made) enqueue(one);
}

void AlertDesk::Impl::taken(const std::string& channel, const Notice& notice) {
  const auto found = std::ranges::find_if(outgoing, [&](const Outgoing& one) {
    return one.notice->key == notice.key && one.notice->is_resolved == notice.is_resolved;
  });
  if (found == outgoing.end()) return;
  std::erase(found->channels, channel);
  if (found->channels.empty()) outgoing.erase(found);
  dirty = true;
}

void AlertDesk::Impl::tell_roll(std::span<const Alert> alerts, Timestamp now) {
  const bool is_wanted = std::ranges::any_of(channels, [](const DeskChannel& channel) {
    return channel.spec->kind == ChannelKind::kAlertmanager;
  });
  if (!is_wanted) return;
  std::vector<const Alert*> told;
  std::string in_short;
  for (const Alert& alert : alerts) {
    const bool is_over = alert.state == AlertState::kResolved && alert.notify &&
                         alert.resolved_at && now - *alert.resolved_at < kTellResolved;
    if (!is_over && !is_tellable(alert)) continue;
    told.push_back(&alert);
    in_short += alert.id + (is_over ? "." : "!");
  }
  if (in_short == roll_told && now - roll_at < options.sender.resend) return;
  roll_told = std::move(in_short);
  roll_at = now;
  if (told.empty()) return;
  for (DeskChannel& channel : channels) {
    if (channel.spec->kind != ChannelKind::kAlertmanager || !channel.sender) continue;
    auto roll = std::make_shared<AlertRoll>();
    roll->at = now;
    for (const Alert* alert : told) {
      if (matches(channel.matchers, *alert)) roll->alerts.push_back(*alert);
    }
    if (!roll->alerts.empty()) channel.sender->send(std::shared_ptr<const AlertRoll>(roll));
  }
}

void AlertDesk::Impl::watch_disk(Timestamp now) {
  if (options.state_file.empty() || now - disk_looked < kDiskPeriod) return;
  disk_looked = now;
  struct statvfs disk{};
  const std::string directory = options.state_file.substr(0, options.state_file.rfind('/') + 1);
  if (::statvfs(directory.c_str(), &disk) != 0 || disk.f_blocks == 0) return;
  engine.set_disk_free(
      Percent(100.0 * static_cast<double>(disk.f_bavail) / static_cast<double>(disk.f_blocks)));
}

/// Looks at the newest frame: whether somebody is to be told, or something to be kept.
void AlertDesk::Impl::look() {
  if (!*is_restored) return;  // what is not shown yet would seem to be over
  const Timestamp now = clock.now();
  const auto frame = engine.frame();
  const auto lives = engine.living_alerts();
  if (lives != living) {
    const bool is_empty = (!living || living->empty()) && (!lives || lives->empty());
    living = lives;
    dirty = dirty || !is_empty;
  }
  const auto expired =
      std::erase_if(silences, [&](const Silence& silence) { return silence.ends <= now; });
  if (expired > 0) {
    dirty = true;
    apply_silences([] {});
  }
  const auto notices = grouper.update(frame->alerts, now);
  if (!notices.empty()) {
    tell(notices);
  } else if (dirty) {
    save();
  }
  settle_acks();
  tell_roll(frame->alerts, now);
  watch_disk(now);
}

/// Answers those whose acknowledgement the file has: what is answered outlasts a kill.
void AlertDesk::Impl::settle_acks() {
  using State = WaitingAck::State;
  std::erase_if(acks, [&](const WaitingAck& ack) {
    if (*ack.state != State::kFound) return *ack.state == State::kAnswered;
    const bool is_kept = !living || std::ranges::none_of(*living, [&](const LivingAlert& one) {
      return one.alert.id == ack.id && !one.alert.acknowledged;
    });
    if (is_kept) ack.done(true);
    return is_kept;
  });
}

void AlertDesk::Impl::run() {
  for (DeskChannel& channel : channels) start_sender(channel);
  for (const Outgoing& one : outgoing) enqueue(one);
  bool open = true;
  while (open) {
    Duration wait = 1s;
    if (const auto due = grouper.due()) wait = std::min(wait, clock.until(*due));
    open = tasks.wait_and_run(std::max<Duration>(wait, 10ms));
    if (open) look();
  }
  for (DeskChannel& channel : channels) channel.sender->stop();
  if (dirty) save();
}

AlertDesk::AlertDesk(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AlertDesk::~AlertDesk() {
  stop();
}

Result<std::unique_ptr<AlertDesk>> AlertDesk::open(Engine& engine, const AlertConfig& config,
                                                   AlertDeskOptions options) {
  if (const auto errors = check_alert_config(config); !errors.empty()) {
    return fail(Errc::kInvalidArgument, in_one_line(errors));
  }
  auto impl = std::make_unique<Impl>(engine, std::move(options));
  impl->config = config;
  impl->grouper.configure(config.grouping);
  for (const ChannelText& text : config.channels) {
    impl->channels.push_back(*make_channel(text, RuleOrigin::kFile));
  }
  impl->load();
  return std::unique_ptr<AlertDesk>(new AlertDesk(std::move(impl)));
}

void AlertDesk::start() {
  Impl& desk = *impl_;
  // Before the next edge is looked at: the book goes on where the last life ended.
  static_cast<void>(desk.engine.change_alerts(
      [rules = desk.all_rules(), silences = desk.silences, restored = std::move(desk.restored)](
          AlertBook& book, Timestamp now) {
        auto over = book.set_rules(rules, now);
        std::ranges::move(book.restore(restored, now), std::back_inserter(over));
        book.set_silences(silences, now);
        return over;
      },
      [shown = desk.is_restored] { *shown = true; }));
  desk.listener = desk.engine.add_listener([&desk](const auto&, std::span<const Alert>) {
    // Frames may close faster than the desk looks: one notice at a time.
    if (desk.edge_is_told.exchange(true)) return;
    const bool posted = desk.tasks.post([&desk] { desk.edge_is_told = false; });
    if (!posted) desk.edge_is_told = false;
  });
  desk.thread = start_thread("gpuvigil-alerts", [&desk] { desk.run(); });
}

void AlertDesk::stop() {
  Impl& desk = *impl_;
  if (!desk.thread.joinable()) return;
  desk.engine.remove_listener(desk.listener);
  desk.tasks.close();
  desk.thread.join();
  if (desk.tester.joinable()) desk.tester.join();
}

bool AlertDesk::post(std::function<void()> work) {
  return impl_->tasks.post(std::move(work));
}

Result<void> AlertDesk::configure(const AlertConfig& config) {
  if (const auto errors = check_alert_config(config); !errors.empty()) {
    return fail(Errc::kInvalidArgument, in_one_line(errors));
  }
  Impl& desk = *impl_;
  desk.config = config;
  desk.grouper.configure(config.grouping);
  desk.apply_rules([] {});
  std::vector<DeskChannel> kept;
  for (const ChannelText& text : config.channels) {
    DeskChannel* same = desk.find_channel(text.name);
    if (same != nullptr && same->origin == RuleOrigin::kFile && same->text == text) {
      kept.push_back(std::move(*same));
      continue;
    }
    kept.push_back(*make_channel(text, RuleOrigin::kFile));
    desk.start_sender(kept.back());
  }
  for (DeskChannel& channel : desk.channels) {
    const bool is_ours = channel.origin == RuleOrigin::kApi && channel.sender &&
                         std::ranges::find(config.channels, channel.text.name,
                                           &ChannelText::name) == config.channels.end();
    if (is_ours) kept.push_back(std::move(channel));
  }
  desk.channels = std::move(kept);  // those that are gone end here
  desk.dirty = true;
  return {};
}

}  // namespace gpuvigil
