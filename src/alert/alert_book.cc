// SPDX-License-Identifier: Apache-2.0
#include "alert/alert_book.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/sha256.h"
#include "model/metric.h"

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

bool crosses(const Rule& rule, double value) {
  return rule.comparison == Comparison::kAbove ? value > rule.threshold : value < rule.threshold;
}

double worse(const Rule& rule, double a, double b) {
  return rule.comparison == Comparison::kAbove ? std::max(a, b) : std::min(a, b);
}

Alert new_alert(const Rule& rule, const DeviceRow& row, double value, Timestamp now) {
  const std::string identity =
      fmt::format("{}\n{}\n{}", rule.name, row.info->uuid, to_unix_ns(now));
  return {.id = fmt::format("{:016x}", sha256_prefix(identity)),
          .rule = rule.name,
          .severity = rule.severity,
          .state = AlertState::kPending,
          .message = message_of(rule, row.index),
          .began = now,
          .resolved_at = {},
          .metric = rule.metric,
          .value = value,
          .threshold = rule.threshold,
          .device = row.index,
          .uuid = row.info->uuid,
          .acknowledged = false};
}

}  // namespace

AlertBook::AlertBook(const AlertSettings& settings) : AlertBook(builtin_rules(settings)) {
  GPUVIGIL_ASSERT(check_settings(settings).has_value());
}

AlertBook::AlertBook(std::vector<Rule> rules) : rules_(std::move(rules)) {
  GPUVIGIL_ASSERT(check_rules(rules_).has_value());
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
    for (std::size_t i = 0; i < rules_.size(); ++i) {
      const Rule& rule = rules_[i];
      const std::chrono::duration<double> age = now - device->last_data;
      const Metric* metric = find_metric(rule.metric);
      const auto value = metric != nullptr ? metric->read(row) : Reading<double>(age.count());
      look(rule, device->watches[i], row, value, now, changes);
    }
  }
  return changes;
}

void AlertBook::look(const Rule& rule, Watch& watch, const DeviceRow& row,
                     const Reading<double>& value, Timestamp now, std::vector<Alert>& changes) {
  const bool holds = value && crosses(rule, *value);
  const Verdict verdict = !value ? Verdict::kNoData : holds ? Verdict::kTrue : Verdict::kFalse;
  const AlertStep step = advance(rule.hold, watch.progress, verdict, now);
  const AlertPhase was = std::exchange(watch.progress, step.next).phase;

  if (was == AlertPhase::kIdle && step.next.phase != AlertPhase::kIdle) {
    watch.alert = new_alert(rule, row, *value, now);
  } else if (holds) {
    watch.alert.value = worse(rule, watch.alert.value, *value);
  }
  if (step.event == AlertEvent::kFired) {
    watch.alert.state = AlertState::kFiring;
    watch.alert.began = now;
    watch.alert.value = *value;
    ++began_today_;
    changes.push_back(watch.alert);
  }
  if (step.event == AlertEvent::kResolved) resolve(watch, now, changes);
}

void AlertBook::resolve(Watch& watch, Timestamp now, std::vector<Alert>& changes) {
  watch.alert.state = AlertState::kResolved;
  watch.alert.resolved_at = now;
  changes.push_back(watch.alert);
  resolved_.push_front(std::exchange(watch.alert, {}));
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

void AlertBook::write_to(Frame& frame) const {
  frame.alerts.clear();
  for (const auto& [uuid, device] : devices_) {
    for (const Watch& watch : device.watches) {
      if (watch.progress.phase != AlertPhase::kIdle) frame.alerts.push_back(watch.alert);
    }
  }
  std::ranges::sort(frame.alerts, [](const Alert& a, const Alert& b) {
    return a.began != b.began ? a.began > b.began : a.id < b.id;
  });
  frame.alerts.insert(frame.alerts.end(), resolved_.begin(), resolved_.end());
  frame.alerts_today = began_today_;
}

}  // namespace gpuvigil
