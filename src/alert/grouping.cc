// SPDX-License-Identifier: Apache-2.0
#include "alert/grouping.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "alert/silencing.h"
#include "base/sha256.h"

namespace gpuvigil {
namespace {

std::string key_of(const Labels& group, const std::string& first_id) {
  std::string identity = first_id;
  for (const auto& [name, value] : group) identity += fmt::format("\n{}={}", name, value);
  return fmt::format("gpuvigil-{:016x}", sha256_prefix(identity));
}

}  // namespace

Labels Grouper::labels_of(const Alert& alert) const {
  Labels labels;
  for (const std::string& name : options_.by) labels.emplace_back(name, label_of(alert, name));
  return labels;
}

std::vector<Notice> Grouper::update(std::span<const Alert> alerts, Timestamp now) {
  std::vector<Notice> out;
  close_notices(alerts, now, out);
  collect(alerts, now);
  for (auto group = groups_.begin(); group != groups_.end();) {
    if (!group->second.waiting.empty() && due_of(group->second) <= now) {
      flush(group->second, now, out);
    }
    std::erase_if(group->second.told, [&](Timestamp at) { return at <= now - options_.interval; });
    const bool is_idle = group->second.waiting.empty() && group->second.told.empty();
    group = is_idle ? groups_.erase(group) : std::next(group);
  }
  return out;
}

/// Tells of the notices whose alerts are all over.
void Grouper::close_notices(std::span<const Alert> alerts, Timestamp now,
                            std::vector<Notice>& out) {
  if (open_.empty()) return;
  std::unordered_map<std::string_view, const Alert*> known;
  for (const Alert& alert : alerts) known.emplace(alert.id, &alert);
  for (OpenNotice& open : open_) {
    for (Alert& told : open.notice.alerts) {
      const auto found = known.find(told.id);
      if (found == known.end()) {
        // It was over so long ago that nobody remembers, or its rule is gone.
        if (told.state == AlertState::kFiring) told.resolved_at = now;
        told.state = AlertState::kResolved;
      } else {
        told = *found->second;
      }
    }
    std::erase_if(open.ids, [&](const std::string& id) {
      const auto found = known.find(id);
      return found == known.end() || found->second->state != AlertState::kFiring;
    });
  }
  std::erase_if(open_, [&](OpenNotice& open) {
    if (!open.ids.empty()) return false;
    open.notice.is_resolved = true;
    open.notice.at = now;
    out.push_back(std::move(open.notice));
    return true;
  });
}

/// Puts what is not told yet to its group, and takes out what need not be told any more.
void Grouper::collect(std::span<const Alert> alerts, Timestamp now) {
  std::set<std::string_view> told;
  for (const OpenNotice& open : open_) told.insert(open.ids.begin(), open.ids.end());
  std::set<std::string_view> tellable;
  for (const Alert& alert : alerts) {
    if (!is_tellable(alert) || told.contains(alert.id)) continue;
    tellable.insert(alert.id);
    Labels labels = labels_of(alert);
    Group& group = groups_[labels];
    if (group.waiting.empty()) {
      group.labels = std::move(labels);
      group.wait_until = now + options_.wait;
    }
    group.waiting.insert_or_assign(alert.id, alert);
  }
  for (auto& [labels, group] : groups_) {
    never_told_ += std::erase_if(group.waiting,
                                 [&](const auto& one) { return !tellable.contains(one.first); });
  }
}

Timestamp Grouper::due_of(const Group& group) const {
  if (group.told.size() < options_.burst) return group.wait_until;
  return std::max(group.wait_until, group.told.front() + options_.interval);
}

void Grouper::flush(Group& group, Timestamp now, std::vector<Notice>& out) {
  if (open_.size() >= kMostOpen) return;
  OpenNotice open;
  open.notice.group = group.labels;
  open.notice.total = group.waiting.size();
  open.notice.at = now;
  for (auto& [id, alert] : group.waiting) {
    open.ids.push_back(id);
    open.notice.alerts.push_back(std::move(alert));
  }
  group.waiting.clear();
  // The worst comes first, so that what does not fit is the least.
  std::ranges::sort(open.notice.alerts, [](const Alert& a, const Alert& b) {
    if (a.severity != b.severity) return a.severity > b.severity;
    return a.began != b.began ? a.began < b.began : a.id < b.id;
  });
  open.notice.key = key_of(group.labels, open.notice.alerts.front().id);
  if (open.notice.alerts.size() > Notice::kMostAlerts) {
    open.notice.alerts.resize(Notice::kMostAlerts);
  }
  group.told.push_back(now);
  if (group.told.size() > options_.burst) group.told.erase(group.told.begin());
  out.push_back(open.notice);
  open_.push_back(std::move(open));
}

std::optional<Timestamp> Grouper::due() const {
  std::optional<Timestamp> first;
  for (const auto& [labels, group] : groups_) {
    if (group.waiting.empty()) continue;
    const Timestamp due = due_of(group);
    if (!first || due < *first) first = due;
  }
  return first;
}

}  // namespace gpuvigil
