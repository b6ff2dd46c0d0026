// SPDX-License-Identifier: Apache-2.0
#include "alert/alert_book.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "alert/rule_metric.h"
#include "base/assert.h"
#include "base/sha256.h"

namespace gpuvigil {
namespace {

/// Reasons that say "not now", where the others say "never".
constexpr bool is_silence(Missing why) {
  return why == Missing::kNotSampled || why == Missing::kStale || why == Missing::kDriverError;
}

/// What a device tells of whether it answers.
enum class Answer { kGiven, kSilent, kNotAsked };

Answer answer_of(const DeviceRow& row) {
  // A recording has no driver that could fall silent, and a program that tells of its own device
  // promised no rhythm.
  if (row.info->source == "replay" || row.info->source == "sdk") return Answer::kNotAsked;
  const DeviceSample& sample = row.sample;
  bool given = false;
  bool silent = false;
  const auto look = [&](const auto& reading) {
    given = given || reading.has_value();
    silent = silent || (!reading && is_silence(reading.error()));
  };
  look(sample.gpu_utilization);
  look(sample.memory_used);
  look(sample.temperature);
  look(sample.power);
  look(sample.sm_clock);
  if (given) return Answer::kGiven;
  // A lost device has an alert of its own.
  return silent && sample.health != Health::kLost ? Answer::kSilent : Answer::kNotAsked;
}

bool crosses(const Rule& rule, double value, double threshold) {
  return rule.comparison == Comparison::kAbove ? value > threshold : value < threshold;
}

double worse(const Rule& rule, double a, double b) {
  return rule.comparison == Comparison::kAbove ? std::max(a, b) : std::min(a, b);
}

/// Firing, the condition is over only beyond where it clears.
RuleFinding finding_of(const Rule& rule, AlertPhase phase, const Reading<double>& value,
                       double threshold) {
  if (!value) return RuleFinding::kNoData;
  if (crosses(rule, *value, threshold)) return RuleFinding::kTrue;
  const bool holds_on =
      phase == AlertPhase::kFiring && rule.clear &&
      !(rule.comparison == Comparison::kAbove ? *value < *rule.clear : *value > *rule.clear);
  return holds_on ? RuleFinding::kTrue : RuleFinding::kFalse;
}

bool is_of_machine(const Rule& rule) {
  const auto metric = find_rule_metric(rule.metric);
  return metric && metric->of_machine;
}

MessageWords words_of(const Alert& alert) {
  return {.device = alert.device,
          .uuid = alert.uuid,
          .kernel = alert.kernel,
          .value = alert.value,
          .threshold = alert.threshold};
}

/// What an alert shows of its rule, which may have been rewritten since.
void adopt(const Rule& rule, Alert& alert) {
  alert.severity = rule.severity;
  alert.labels = rule.labels;
  alert.runbook = rule.runbook;
  alert.notify = rule.notify;
  alert.message = message_of(rule, words_of(alert));
}

Alert new_alert(const Rule& rule, const DeviceRow& row, std::string_view kernel, double value,
                double threshold, Timestamp now) {
  const std::string uuid = row.info ? row.info->uuid : "";
  const std::string identity = fmt::format("{}\n{}\n{}{}{}", rule.name, uuid, to_unix_ns(now),
                                           kernel.empty() ? "" : "\n", kernel);
  Alert alert{.id = fmt::format("{:016x}", sha256_prefix(identity)),
              .rule = rule.name,
              .state = AlertState::kPending,
              .began = now,
              .metric = rule.metric,
              .value = value,
              .threshold = threshold,
              .device = row.index,
              .uuid = uuid,
              .kernel = std::string(kernel)};
  adopt(rule, alert);
  return alert;
}

}  // namespace

AlertBook::AlertBook(const AlertSettings& settings) : AlertBook(builtin_rules(settings)) {
  GPUVIGIL_ASSERT(check_settings(settings).has_value());
}

AlertBook::AlertBook(std::vector<Rule> rules) : rules_(std::move(rules)) {
  GPUVIGIL_ASSERT(check_rules(rules_).has_value());
  prepare();
}

/// Places for what the rules remember, beside one another in their order.
void AlertBook::prepare() {
  machine_.resize(rules_.size());
  kernels_.resize(rules_.size());
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (rules_[i].stat != KernelStat::kNone) kernels_[i].names.emplace(rules_[i].kernel);
  }
}

template <class Visit>
void AlertBook::for_each_watch(Visit visit) {
  for (auto& [uuid, device] : devices_) {
    for (std::size_t i = 0; i < rules_.size(); ++i) visit(i, device.watches[i]);
  }
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    visit(i, machine_[i]);
    for (auto& [key, watch] : kernels_[i].watches) visit(i, watch);
  }
}

template <class Visit>
void AlertBook::for_each_watch(Visit visit) const {
  const_cast<AlertBook*>(this)->for_each_watch(
      [&](std::size_t rule, const Watch& watch) { visit(rule, watch); });
}

AlertBook::Device* AlertBook::device_of(const DeviceRow& row, Timestamp now) {
  auto found = devices_.find(row.info->uuid);
  if (found == devices_.end()) {
    if (devices_.size() >= kMaxDevices) {
      ++devices_unwatched_;
      return nullptr;
    }
    Device made{.last_data = now, .watches = std::vector<Watch>(rules_.size())};
    found = devices_.emplace(row.info->uuid, std::move(made)).first;
    // What an earlier life left of this device goes on.
    std::erase_if(waiting_, [&](LivingAlert& left) {
      if (left.alert.uuid != row.info->uuid || !left.alert.kernel.empty()) return false;
      const auto rule = std::ranges::find(rules_, left.alert.rule, &Rule::name);
      if (rule == rules_.end()) return false;
      go_on(found->second.watches[static_cast<std::size_t>(rule - rules_.begin())],
            std::move(left));
      return true;
    });
  }
  return &found->second;
}

std::vector<Alert> AlertBook::update(const Frame& frame) {
  GPUVIGIL_ASSERT(frame.is_edge);
  const Timestamp now = frame.edge;
  const auto day = std::chrono::floor<std::chrono::days>(now);
  if (day != today_) {
    today_ = day;
    began_today_ = 0;
  }
  std::vector<Alert> changes;
  look_at_devices(frame, changes);
  look_at_machine(frame, changes);
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (rules_[i].stat != KernelStat::kNone) look_at_kernels(i, frame, changes);
  }
  if (!waiting_.empty() && restored_at_ && now - *restored_at_ > kDeviceGone) {
    for (LivingAlert& left : std::exchange(waiting_, {})) {
      if (left.progress.phase != AlertPhase::kFiring) continue;
      Watch watch;
      watch.alert = std::move(left.alert);
      resolve(watch, now, changes);
    }
  }
  mark_all(now);
  if (changes.empty()) return changes;
  std::map<std::string_view, const Alert*> marked;
  for_each_watch([&](std::size_t, const Watch& watch) {
    if (watch.progress.phase != AlertPhase::kIdle) marked.emplace(watch.alert.id, &watch.alert);
  });
  for (Alert& change : changes) {
    const auto now_marked = marked.find(change.id);
    if (now_marked == marked.end()) continue;
    change.silenced = now_marked->second->silenced;
    change.inhibited = now_marked->second->inhibited;
  }
  return changes;
}

void AlertBook::look_at_devices(const Frame& frame, std::vector<Alert>& changes) {
  const Timestamp now = frame.edge;
  for (const DeviceRow& row : frame.devices) {
    if (!row.info) continue;
    Device* device = device_of(row, now);
    if (device == nullptr) continue;

    const Answer answer = answer_of(row);
    if (answer == Answer::kGiven) {
      device->last_data = std::max(device->last_data, std::min(row.sample.at, now));
    } else if (answer == Answer::kNotAsked) {
      device->last_data = now;
    }
    const Look look{.frame = frame, .row = row, .now = now, .data_age = now - device->last_data};
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const Rule& rule = rules_[i];
      if (rule.stat != KernelStat::kNone || is_of_machine(rule)) continue;
      judge(rule, device->watches[i], measure(rule, device->watches[i], look), look, changes);
    }
  }
}

void AlertBook::look_at_machine(const Frame& frame, std::vector<Alert>& changes) {
  static const DeviceRow kNoDevice{.info = nullptr, .sample = {}, .activity = {}};
  const Look look{.frame = frame, .row = kNoDevice, .now = frame.edge};
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (!is_of_machine(rules_[i])) continue;
    judge(rules_[i], machine_[i], measure(rules_[i], machine_[i], look), look, changes);
  }
}

void AlertBook::judge(const Rule& rule, Watch& watch, const Measured& measured, const Look& look,
                      std::vector<Alert>& changes) {
  const auto& [value, threshold] = measured;
  RuleFinding finding = finding_of(rule, watch.progress.phase, value, threshold);
  // A window that began before the restart is not seen whole: it cannot say that something is over.
  const bool is_blind = watch.is_restored && watch.progress.phase == AlertPhase::kFiring &&
                        restored_at_ && look.now - *restored_at_ < rule.over;
  if (is_blind && finding == RuleFinding::kFalse) finding = RuleFinding::kNoData;
  const AlertStep step = advance(rule.hold, watch.progress, finding, look.now);
  const AlertPhase was = std::exchange(watch.progress, step.next).phase;
  if (was != step.next.phase) ++changes_;

  if (was == AlertPhase::kIdle && step.next.phase != AlertPhase::kIdle) {
    watch.alert = new_alert(rule, look.row, look.kernel, *value, threshold, look.now);
  } else if (finding == RuleFinding::kTrue) {
    watch.alert.value = worse(rule, watch.alert.value, *value);
  }
  if (look.row.info) watch.alert.device = look.row.index;
  if (step.event == AlertEvent::kFired) {
    watch.alert.state = AlertState::kFiring;
    watch.alert.began = look.now;
    watch.alert.value = *value;
    watch.alert.message = message_of(rule, words_of(watch.alert));
    ++began_today_;
    changes.push_back(watch.alert);
  }
  if (step.event == AlertEvent::kResolved) resolve(watch, look.now, changes);
}

void AlertBook::resolve(Watch& watch, Timestamp now, std::vector<Alert>& changes) {
  watch.alert.state = AlertState::kResolved;
  watch.alert.resolved_at = now;
  changes.push_back(watch.alert);
  resolved_.push_front(std::exchange(watch.alert, {}));
  watch.is_restored = false;
  ++changes_;
  if (resolved_.size() > kMaxResolved) {
    resolved_.pop_back();
    ++forgotten_;
  }
}

void AlertBook::remember(std::span<const Alert> alerts) {
  for (const Alert& alert : alerts) {
    if (alert.state != AlertState::kResolved) continue;
    if (resolved_.size() == kMaxResolved) break;
    resolved_.push_back(alert);
  }
}

void AlertBook::go_on(Watch& watch, LivingAlert left) {
  watch.progress = left.progress;
  watch.alert = std::move(left.alert);
  watch.is_restored = true;
}

void AlertBook::mark_all(Timestamp now) {
  std::vector<Alert*> active;
  for_each_watch([&](std::size_t, Watch& watch) {
    if (watch.progress.phase != AlertPhase::kIdle) active.push_back(&watch.alert);
  });
  for (LivingAlert& left : waiting_) active.push_back(&left.alert);
  mark(active, silences_, inhibitions_, now);
}

std::vector<Alert> AlertBook::set_rules(std::vector<Rule> rules, Timestamp now) {
  GPUVIGIL_ASSERT(check_rules(rules).has_value());
  // A rule that judges as before keeps what it knows; the others begin anew.
  std::vector<std::size_t> from(rules.size(), rules_.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto old = std::ranges::find(rules_, rules[i].name, &Rule::name);
    if (old != rules_.end() && same_condition(*old, rules[i])) {
      from[i] = static_cast<std::size_t>(old - rules_.begin());
    }
  }
  std::vector<Alert> over;
  for_each_watch([&](std::size_t rule, Watch& watch) {
    if (std::ranges::find(from, rule) != from.end()) return;
    if (watch.progress.phase == AlertPhase::kFiring) resolve(watch, now, over);
    watch = {};
  });
  std::erase_if(waiting_, [&](LivingAlert& left) {
    const auto rule = std::ranges::find(rules, left.alert.rule, &Rule::name);
    if (rule != rules.end() && rule->metric == left.alert.metric) return false;
    Watch watch;
    watch.alert = std::move(left.alert);
    if (left.progress.phase == AlertPhase::kFiring) resolve(watch, now, over);
    return true;
  });
  const auto take = [&](std::vector<Watch>& watches) {
    std::vector<Watch> taken(rules.size());
    for (std::size_t i = 0; i < rules.size(); ++i) {
      if (from[i] < watches.size()) taken[i] = std::move(watches[from[i]]);
    }
    watches = std::move(taken);
  };
  for (auto& [uuid, device] : devices_) take(device.watches);
  take(machine_);
  std::vector<KernelWatches> kernels(rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (from[i] < kernels_.size()) kernels[i] = std::move(kernels_[from[i]]);
  }
  kernels_ = std::move(kernels);
  rules_ = std::move(rules);
  prepare();
  for_each_watch([&](std::size_t rule, Watch& watch) {
    if (watch.progress.phase != AlertPhase::kIdle) adopt(rules_[rule], watch.alert);
  });
  ++changes_;
  return over;
}

void AlertBook::set_silences(std::vector<Silence> silences, Timestamp now) {
  silences_ = std::move(silences);
  mark_all(now);
  ++changes_;
}

bool AlertBook::acknowledge(std::string_view id, const std::string& by) {
  bool found = false;
  for_each_watch([&](std::size_t, Watch& watch) {
    if (watch.progress.phase == AlertPhase::kIdle || watch.alert.id != id) return;
    watch.alert.acknowledged = true;
    watch.alert.acknowledged_by = by;
    found = true;
  });
  for (LivingAlert& left : waiting_) {
    if (left.alert.id != id) continue;
    left.alert.acknowledged = true;
    left.alert.acknowledged_by = by;
    found = true;
  }
  if (found) ++changes_;
  return found;
}

std::vector<LivingAlert> AlertBook::living() const {
  std::vector<LivingAlert> living = waiting_;
  for_each_watch([&](std::size_t, const Watch& watch) {
    if (watch.progress.phase != AlertPhase::kIdle) {
      living.push_back({watch.alert, watch.progress});
    }
  });
  return living;
}

std::vector<Alert> AlertBook::restore(const std::vector<LivingAlert>& living, Timestamp now) {
  std::vector<Alert> over;
  restored_at_ = now;
  for (const LivingAlert& one : living) {
    const auto rule = std::ranges::find(rules_, one.alert.rule, &Rule::name);
    const bool is_known = rule != rules_.end() && rule->metric == one.alert.metric;
    const bool firing = one.progress.phase == AlertPhase::kFiring;
    if (!is_known) {
      Watch watch;
      watch.alert = one.alert;
      if (firing) resolve(watch, now, over);
      continue;
    }
    // History takes what fired when its server ended for over.
    std::erase_if(resolved_, [&](const Alert& alert) { return alert.id == one.alert.id; });
    LivingAlert left = one;
    adopt(*rule, left.alert);
    // The time in which nobody looked is no evidence.
    left.progress.evident_at.reset();
    const auto index = static_cast<std::size_t>(rule - rules_.begin());
    const auto device = devices_.find(left.alert.uuid);
    if (left.alert.uuid.empty()) {
      go_on(machine_[index], std::move(left));
    } else if (!left.alert.kernel.empty()) {
      Watch& watch = kernels_[index].watches[{left.alert.uuid, left.alert.kernel}];
      go_on(watch, std::move(left));
    } else if (device != devices_.end()) {
      go_on(device->second.watches[index], std::move(left));
    } else {
      waiting_.push_back(std::move(left));
    }
  }
  ++changes_;
  return over;
}

void AlertBook::write_to(Frame& frame) const {
  frame.alerts.clear();
  for_each_watch([&](std::size_t, const Watch& watch) {
    if (watch.progress.phase != AlertPhase::kIdle) frame.alerts.push_back(watch.alert);
  });
  for (const LivingAlert& left : waiting_) frame.alerts.push_back(left.alert);
  std::ranges::sort(frame.alerts, [](const Alert& a, const Alert& b) {
    return a.began != b.began ? a.began > b.began : a.id < b.id;
  });
  frame.alerts.insert(frame.alerts.end(), resolved_.begin(), resolved_.end());
  frame.alerts_today = began_today_;
}

}  // namespace gpuvigil
