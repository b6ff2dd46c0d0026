// SPDX-License-Identifier: Apache-2.0
#include "api/stream_hub.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/glob.h"
#include "base/prefetch.h"
#include "views/json_views.h"

namespace gpuvigil {
namespace {

constexpr std::uint16_t kPolicyViolation = 1008;  // RFC 6455, 7.4.1

using Steady = std::chrono::steady_clock::time_point;

/// The next multiple of the interval that is at least half of it away: who comes just before one
/// has a message at once and is not sent another right after it.
Steady next_on_grid(Steady now, Duration interval) {
  const Duration earliest = now.time_since_epoch() + interval / 2;
  return Steady((earliest / interval + 1) * interval);
}

/// The newest executions that match a subscription and were not told yet. Those that the frame
/// lists singly; and, because it lists only so many, the last one of each matching kernel that ran.
class NewExecutions {
 public:
  NewExecutions(const Frame& frame, const Subscription& wanted, std::uint64_t told_order,
                Timestamp told_until)
      : globs_(wanted.kernels.begin(), wanted.kernels.end()) {
    if (wanted.recent == 0) return;
    for (const RecentExecution& one : frame.recent) {
      if (one.order <= told_order || newest_.size() == wanted.recent) break;
      if (matches_name(*one.name) && selected(wanted, one.device)) newest_.push_back(&one);
    }
    const bool all_listed = frame.recent.size() < Frame::kMaxRecent;
    if (!all_listed && newest_.size() < wanted.recent) {
      add_last_ones(frame, wanted, told_until);
    }
  }

  [[nodiscard]] const std::vector<const RecentExecution*>& newest() const { return newest_; }

 private:
  [[nodiscard]] bool matches_name(const KernelName& name) const {
    return globs_.empty() ||
           std::ranges::any_of(globs_, [&](const Glob& glob) { return glob.matches(name.name); });
  }
  static bool selected(const Subscription& wanted, std::uint32_t device) {
    return !wanted.devices || std::ranges::find(*wanted.devices, device) != wanted.devices->end();
  }

  void add_last_ones(const Frame& frame, const Subscription& wanted, Timestamp told_until) {
    const Timestamp listed_since = frame.recent.back().end;
    for (const SeriesRow& series : frame.series) {
      const bool unseen = series.last_end > told_until && series.last_end < listed_since;
      const KernelRow& kernel = frame.kernels[series.kernel];
      if (!unseen || !selected(wanted, series.device) || !matches_name(*kernel.name)) {
        continue;
      }
      made_.push_back({.name = kernel.name,
                       .kind = kernel.kind,
                       .device = series.device,
                       .end = series.last_end,
                       .duration = Duration(static_cast<std::int64_t>(series.last_duration_ns)),
                       .memory = std::nullopt});
    }
    std::ranges::sort(made_, std::ranges::greater(), &RecentExecution::end);
    const std::size_t room = std::min(wanted.recent - newest_.size(), made_.size());
    for (std::size_t i = 0; i < room; ++i) newest_.push_back(&made_[i]);
  }

  std::vector<Glob> globs_;
  std::vector<const RecentExecution*> newest_;
  std::vector<RecentExecution> made_;
};

}  // namespace

struct StreamHub::Group {
  explicit Group(Subscription given) : subscription(std::move(given)) {}

  Subscription subscription;
  std::vector<Session*> members;
  Steady sent{};                 ///< The last message,
  Steady due{};                  ///< and when the next one goes out without an edge.
  std::int64_t edges_to_go = 1;  ///< Until the next one, where it goes out with an edge.
  std::uint64_t told_order = 0;  ///< The newest execution that a message looked at,
  Timestamp told_until{};        ///< and the time of the frame it was made from.
};

class StreamHub::Session final : public StreamSession {
 public:
  Session(StreamHub& hub, StreamPeer& peer, std::string token_id)
      : hub_(hub), peer_(peer), token_id_(std::move(token_id)) {}
  ~Session() override { hub_.leave(*this); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void on_text(std::string_view text) override {
    const auto message = read_stream_message(text, *hub_.newest_());
    if (!message) {
      peer_.answer(stream_error_json(message.error()));
    } else if (message->type == StreamMessage::Type::kPing) {
      peer_.answer(R"({"type":"pong"})");
    } else {
      hub_.leave(*this);
      hub_.join(*this, message->subscription);
      peer_.answer(subscribed_json(message->subscription));
    }
  }

  [[nodiscard]] StreamPeer& peer() { return peer_; }
  [[nodiscard]] const std::string& token_id() const { return token_id_; }
  Group* group = nullptr;

 private:
  StreamHub& hub_;
  StreamPeer& peer_;
  const std::string token_id_;
};

StreamHub::StreamHub(FrameSource newest, std::function<void()> refresh, Duration frame_period)
    : newest_(std::move(newest)), refresh_(std::move(refresh)), frame_period_(frame_period) {}

StreamHub::~StreamHub() {
  GPUVIGIL_ASSERT(clients_ == 0);
}

std::unique_ptr<StreamSession> StreamHub::open(Subscription subscription, StreamPeer& peer,
                                               std::string token_id) {
  auto session = std::make_unique<Session>(*this, peer, std::move(token_id));
  join(*session, std::move(subscription));
  return session;
}

void StreamHub::join(Session& session, Subscription subscription) {
  auto& group = groups_[subscription];
  if (!group) group = std::make_unique<Group>(std::move(subscription));
  group->members.push_back(&session);
  session.group = group.get();
  ++clients_;
}

void StreamHub::leave(Session& session) {
  Group* group = std::exchange(session.group, nullptr);
  if (group == nullptr) return;
  std::erase(group->members, &session);
  --clients_;
  if (group->members.empty()) groups_.erase(Subscription(group->subscription));
}

void StreamHub::close_where(const std::function<bool(const std::string& token_id)>& is_gone) {
  for (const auto& [subscription, group] : groups_) {
    for (Session* member : group->members) {
      if (!member->token_id().empty() && is_gone(member->token_id())) {
        member->peer().close(kPolicyViolation, "the token has been revoked or has expired");
      }
    }
  }
}

/// Asks early for the memory of those whose turn is soon: it has not been touched for a second.
void StreamHub::fetch_early(std::span<Session* const> members, std::size_t at) {
  constexpr std::size_t kAhead = 4;
  constexpr std::size_t kBytes = 256;  // of a connection, those that matter
  if (at + 2 * kAhead >= members.size()) return;
  prefetch(members[at + 2 * kAhead]);
  prefetch(&members[at + kAhead]->peer(), kBytes);
}

bool StreamHub::goes_with_edges(const Group& group) const {
  return group.subscription.interval % frame_period_ == Duration::zero();
}

void StreamHub::frame_closed(Steady now) {
  for (auto& [subscription, group] : groups_) {
    if (!subscription.metrics || !goes_with_edges(*group)) continue;
    // Who came just before this edge has had a message a moment ago.
    if (now - group->sent < frame_period_ / 2) continue;
    if (--group->edges_to_go == 0) send_metrics(*group, now);
  }
}

void StreamHub::tick(Steady now) {
  bool wants_fresh = false;
  for (auto& [subscription, group] : groups_) {
    if (!subscription.metrics) continue;
    wants_fresh = wants_fresh || subscription.interval < frame_period_;
    if (now >= group->due) send_metrics(*group, now);  // the first one at once
  }
  if (wants_fresh) refresh_();
}

void StreamHub::send_metrics(Group& group, Steady now) {
  const Subscription& wanted = group.subscription;
  group.sent = now;
  group.edges_to_go = wanted.interval / frame_period_;
  // Should the edge not come in time, its message comes without it.
  group.due = goes_with_edges(group) ? now + wanted.interval + frame_period_ / 2
                                     : next_on_grid(now, wanted.interval);
  const std::shared_ptr<const Frame> newest = newest_();
  const Frame& frame = *newest;
  const NewExecutions found(frame, wanted, group.told_order, group.told_until);
  const std::string open =
      begin_metrics_json(frame, {.devices = wanted.devices, .recent = found.newest()});
  if (!frame.recent.empty()) group.told_order = frame.recent.front().order;
  group.told_until = frame.edge;

  // Nearly everyone missed nothing: that message is framed once. What others missed is their own.
  const auto framed = [&](std::uint64_t dropped) {
    std::string message = open;
    end_metrics_json(message, dropped);
    return frame_text(message);
  };
  std::shared_ptr<const std::string> nothing_missed;
  for (std::size_t i = 0; i < group.members.size(); ++i) {
    fetch_early(group.members, i);
    StreamPeer& peer = group.members[i]->peer();
    const std::uint64_t dropped = peer.dropped();
    if (dropped == 0 && !nothing_missed) nothing_missed = framed(0);
    peer.send(dropped == 0 ? nothing_missed : framed(dropped));
  }
}

void StreamHub::alerts_changed(std::span<const Alert> changes) {
  for (const Alert& alert : changes) {
    const std::string text = alert_json(alert);
    for (auto& [subscription, group] : groups_) {
      const auto& devices = subscription.devices;
      const bool selected = !devices || std::ranges::find(*devices, alert.device) != devices->end();
      if (!subscription.alerts || !selected) continue;
      for (Session* member : group->members) member->peer().answer(text);
    }
  }
}

}  // namespace gpuvigil
