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
/// Intervals are real time, whatever the timeline's speed; messages of a group fall on multiples
/// of its interval, a little after the edge of a frame.
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

  /// Sends what is due at `now` (any steady time); to be called every kTick.
  void tick(std::chrono::steady_clock::time_point now);
  static constexpr Duration kTick = std::chrono::milliseconds(10);

  /// Tells those who asked for alerts what changed.
  void alerts_changed(std::span<const Alert> changes);

  [[nodiscard]] std::size_t clients() const { return clients_; }
  [[nodiscard]] std::size_t groups() const { return groups_.size(); }

 private:
  class Session;
  struct Group;

  void join(Session& session, Subscription subscription);
  void leave(Session& session);
  void send_metrics(Group& group, const Frame& frame);

  FrameSource newest_;
  std::function<void()> refresh_;
  Duration frame_period_;
  std::map<Subscription, std::unique_ptr<Group>> groups_;
  std::size_t clients_ = 0;
};

}  // namespace gpuvigil
