// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "api/subscription.h"
#include "base/clock.h"
#include "model/alert.h"
#include "model/frame.h"
#include "net/http.h"

namespace gpuvigil {

/// All clients of the stream, in groups of equal subscriptions: a message is made once a group and
/// its bytes are shared by everyone in it.
///
///     tick --group due--> frame --metrics_json--> framed once --> every member's peer
///
/// Intervals are real time, whatever the timeline's speed. Those of whole frame periods go out when
/// the frame of an edge has been closed; the others on a grid of their own, from frames that are
/// asked for.
///
/// Threading: the server's thread only.
class StreamHub {
 public:
  using FrameSource = std::function<std::shared_ptr<const Frame>()>;

  /// `newest` gives the frame to tell of; `refresh` asks for a newer one than the last edge and
  /// does not wait for it. `frame_period` is in real time.
  StreamHub(FrameSource newest, std::function<void()> refresh, Duration frame_period);
  ~StreamHub();
  StreamHub(const StreamHub&) = delete;
  StreamHub& operator=(const StreamHub&) = delete;

  /// A session that belongs to this hub until it is destroyed; the hub must outlive it. `token_id`
  /// is whose it is, empty for somebody without a token.
  [[nodiscard]] std::unique_ptr<StreamSession> open(Subscription subscription, StreamPeer& peer,
                                                    std::string token_id = {});

  /// Closes the streams of those tokens of which `is_gone` is true, with 1008.
  void close_where(const std::function<bool(const std::string& token_id)>& is_gone);

  /// The frame of an edge has been closed at `now` (any steady time): sends what goes with it.
  void frame_closed(std::chrono::steady_clock::time_point now);

  /// Sends what is due at `now` without an edge; to be called every kTick.
  void tick(std::chrono::steady_clock::time_point now);
  static constexpr Duration kTick = kStreamStep;  ///< No interval is finer.

  /// Tells those who asked for alerts what changed.
  void alerts_changed(std::span<const Alert> changes);

  [[nodiscard]] std::size_t clients() const { return clients_; }
  [[nodiscard]] std::size_t groups() const { return groups_.size(); }

 private:
  class Session;
  struct Group;

  void join(Session& session, Subscription subscription);
  void leave(Session& session);
  static void fetch_early(std::span<Session* const> members, std::size_t at);
  [[nodiscard]] bool goes_with_edges(const Group& group) const;
  void send_metrics(Group& group, std::chrono::steady_clock::time_point now);

  FrameSource newest_;
  std::function<void()> refresh_;
  Duration frame_period_;
  std::map<Subscription, std::unique_ptr<Group>> groups_;
  std::size_t clients_ = 0;
};

}  // namespace gpuvigil
