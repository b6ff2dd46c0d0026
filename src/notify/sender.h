// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "notify/channel.h"
#include "outbound/retry.h"

namespace gpuvigil {

struct SenderOptions {
  Backoff backoff;
  Duration give_up = std::chrono::hours(24);  ///< A notice that old is dropped, and counted.
  std::size_t capacity = 1000;  ///< Notices that wait; beyond, the oldest is dropped and counted.
  Duration deadline = std::chrono::seconds(10);  ///< Of one try.
  Duration resend = std::chrono::minutes(1);     ///< Of what an Alertmanager is told.
};

/// One channel's way out: a thread that sends its notices one after the other, each until it is
/// taken, so that a channel that is dead keeps its order and delays no other.
///
/// An Alertmanager takes no notices but the roll of all alerts; there only the newest waits.
/// Threading: any thread, except that stop() and the destructor are the owner's.
class Sender {
 public:
  /// `done(key, is_resolved)` is called on the sender's thread when a notice needs no more tries:
  /// delivered, or dropped.
  using Done = std::function<void(const std::string& channel, const Notice& notice)>;

  Sender(std::shared_ptr<const ChannelSpec> spec, SenderOptions options, Done done);
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void send(std::shared_ptr<const Notice> notice);
  void send(std::shared_ptr<const AlertRoll> roll);

  /// One try, at once, on the caller's thread. Errors: kUnavailable with what went wrong.
  [[nodiscard]] static Result<void> try_once(const ChannelSpec& spec, const SenderOptions& options,
                                             const Message& message);

  /// Ends the thread, a try that is under way included; what waits is not sent. Idempotent.
  void stop();

  [[nodiscard]] ChannelHealth health() const;
  [[nodiscard]] const ChannelSpec& spec() const { return *spec_; }

 private:
  void run();
  /// The oldest message; blocks until there is one. False: the end.
  bool next(Message& message);
  /// True when the message needs no more tries.
  bool attempt(const Message& message, OutboundClient* client, unsigned failures, Duration& pause);
  void finish(const Message& message, bool delivered);
  /// False: the end came first.
  bool rest(Duration pause);

  const std::shared_ptr<const ChannelSpec> spec_;
  const SenderOptions options_;
  const Done done_;

  mutable std::mutex mutex_;  // not base/mutex.h: a condition variable waits on it
  std::condition_variable changed_;
  std::deque<std::shared_ptr<const Notice>> notices_;
  std::shared_ptr<const AlertRoll> roll_;
  ChannelHealth health_;
  bool stopping_ = false;
  OutboundClient* client_ = nullptr;  ///< While the thread has one, to be cancelled.
  std::thread thread_;
};

}  // namespace gpuvigil
