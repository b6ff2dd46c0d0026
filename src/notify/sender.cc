// SPDX-License-Identifier: Apache-2.0
#include "notify/sender.h"

#include <random>
#include <utility>

#include "base/thread.h"
#include "notify/transport.h"

namespace gpuvigil {
namespace {

bool is_http(ChannelKind kind) {
  return kind != ChannelKind::kEmail && kind != ChannelKind::kCommand;
}

Result<std::unique_ptr<OutboundClient>> open_client(const ChannelSpec& spec, Duration deadline) {
  if (!is_http(spec.kind)) return std::unique_ptr<OutboundClient>();
  return OutboundClient::open(
      {.addresses = spec.addresses, .deadline = deadline, .ca_file = spec.ca_file});
}

}  // namespace

Sender::Sender(std::shared_ptr<const ChannelSpec> spec, SenderOptions options, Done done)
    : spec_(std::move(spec)), options_(options), done_(std::move(done)) {
  thread_ = start_thread("gpuvigil-notify", [this] { run(); });
}

Sender::~Sender() {
  stop();
}

void Sender::send(std::shared_ptr<const Notice> notice) {
  std::shared_ptr<const Notice> dropped;
  {
    const std::scoped_lock lock(mutex_);
    if (notices_.size() == options_.capacity) {
      // The first is being tried; the one behind it is the oldest that nobody waits for.
      dropped = *std::next(notices_.begin());
      notices_.erase(std::next(notices_.begin()));
      ++health_.dropped;
    }
    notices_.push_back(std::move(notice));
    health_.queued = notices_.size();
  }
  changed_.notify_all();
  if (dropped) done_(spec_->name, *dropped);
}

void Sender::send(std::shared_ptr<const AlertRoll> roll) {
  {
    const std::scoped_lock lock(mutex_);
    roll_ = std::move(roll);
    health_.queued = 1;
  }
  changed_.notify_all();
}

void Sender::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    if (client_ != nullptr) client_->cancel();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

ChannelHealth Sender::health() const {
  const std::scoped_lock lock(mutex_);
  return health_;
}

bool Sender::next(Message& message) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || !notices_.empty() || roll_; });
  if (stopping_) return false;
  message = {};
  if (roll_) {
    message.roll = std::exchange(roll_, nullptr);
  } else {
    message.notice = notices_.front();  // it stays until it is taken
  }
  return true;
}

bool Sender::rest(Duration pause) {
  std::unique_lock lock(mutex_);
  // A newer roll says all that the older one did.
  changed_.wait_for(lock, pause, [this] { return stopping_ || roll_ != nullptr; });
  return !stopping_;
}

void Sender::finish(const Message& message, bool delivered) {
  {
    const std::scoped_lock lock(mutex_);
    ++(delivered ? health_.delivered : health_.dropped);
    if (message.notice) notices_.pop_front();
    health_.queued = notices_.size() + (roll_ ? 1U : 0U);
  }
  if (message.notice) done_(spec_->name, *message.notice);
}

bool Sender::attempt(const Message& message, OutboundClient* client, unsigned failures,
                     Duration& pause) {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  const Try done = transport(*spec_, message, client, options_.deadline, options_.resend);
  SendVerdict verdict = judge(done.result);
  if (message.notice && verdict == SendVerdict::kRetry &&
      wall_time() - message.notice->at > options_.give_up) {
    verdict = SendVerdict::kDrop;
  }
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_) return false;
    health_.problem = done.problem;
    if (verdict == SendVerdict::kRetry) ++health_.retries;
  }
  if (verdict == SendVerdict::kRetry) {
    pause = retry_delay(options_.backoff, failures + 1, random(), done.result);
    return false;
  }
  finish(message, verdict == SendVerdict::kDelivered);
  return true;
}

void Sender::run() {
  auto client = open_client(*spec_, options_.deadline);
  {
    const std::scoped_lock lock(mutex_);
    if (!client) health_.problem = client.error().message;
    if (client && *client) client_ = client->get();
  }
  if (client) {
    Message message;
    while (next(message)) {
      Duration pause{};
      for (unsigned failures = 0; !attempt(message, client->get(), failures, pause); ++failures) {
        if (!rest(pause)) break;
        if (message.roll) {
          const std::scoped_lock lock(mutex_);
          if (roll_) message.roll = std::exchange(roll_, nullptr);
        }
      }
    }
  }
  const std::scoped_lock lock(mutex_);
  client_ = nullptr;
}

Result<void> Sender::try_once(const ChannelSpec& spec, const SenderOptions& options,
                              const Message& message) {
  GPUVIGIL_TRY(const auto client, open_client(spec, options.deadline));
  const Try done = transport(spec, message, client.get(), options.deadline, options.resend);
  if (done.problem.empty()) return {};
  return fail(Errc::kUnavailable, done.problem);
}

}  // namespace gpuvigil
