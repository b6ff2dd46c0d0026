// SPDX-License-Identifier: Apache-2.0
#include "net/stream_connection.h"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/log.h"

namespace gpuvigil {
namespace {

/// What the kernel may hold for a client that does not read. Ten thousand of those cost kernel
/// memory, not ours; and the less it holds, the newer is what a slow client reads.
constexpr int kSendBuffer = 32 * 1024;  // the kernel doubles it for its own bookkeeping
constexpr int kUnsentBytes = 16 * 1024;

/// So little at a time that one client's flood of tiny messages leaves others their turn.
constexpr std::size_t kReadBytes = 4 * 1024;

/// Spreads the pings of clients that came together (after a restart, say) over the whole period.
Duration ping_offset(const ServerCore& core) {
  constexpr std::uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;  // 2^64 / 1.618: spreads evenly
  const std::uint64_t part = (core.counters.accepted.get() * kGoldenRatio) >> 32U;
  return std::chrono::duration_cast<Duration>(core.options.times.ping *
                                              (static_cast<double>(part) * 0x1p-32));
}

std::shared_ptr<const std::string> framed(Opcode opcode, std::string_view payload) {
  return std::make_shared<const std::string>(encode_frame(opcode, payload));
}

}  // namespace

StreamConnection::StreamConnection(ServerCore& core, const Endpoint::Key& peer)
    : Connection(core, Transport(), peer),
      last_heard_(core.now()),
      last_ping_(core.now() - ping_offset(core)),
      decoder_(WebSocketDecoder::Sender::kClient, core.options.limits.message_bytes) {}

StreamConnection::~StreamConnection() {
  if (is_open_) core_.counters.streams.subtract();
}

void StreamConnection::take_over(Transport transport, std::unique_ptr<StreamSession> session) {
  transport_ = std::move(transport);
  session_ = std::move(session);
}

void StreamConnection::begin(std::string response, std::string_view bytes) {
  is_open_ = true;
  core_.counters.streams.add();
  set_option(transport_.fd(), SOL_SOCKET, SO_SNDBUF, kSendBuffer);
  set_option(transport_.fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytes);
  core_.loop->rewatch(transport_.fd(), EPOLLIN, *this);
  current_ = std::make_shared<const std::string>(std::move(response));
  flush();
  if (is_closing_ && !is_retired()) core_.call_again(*this);
  std::string copy(bytes);
  if (!copy.empty() && !is_retired()) on_bytes(copy);
}

void StreamConnection::send(std::shared_ptr<const std::string> message) {
  if (!accepts_messages()) return;
  if (newest_ != nullptr) {
    ++dropped_;
    core_.counters.messages_dropped.add();
  }
  newest_ = std::move(message);
  if (is_open_ && !is_blocked_) flush();
}

void StreamConnection::answer(std::string_view text) {
  if (!accepts_messages()) return;
  const std::string frame = encode_frame(Opcode::kText, text);
  // One may always wait: how large it is is for the application to say.
  if (!answers_.empty() && answers_.size() + frame.size() > core_.options.limits.answer_bytes) {
    return begin_close(kCloseTryLater, "answers are not read");
  }
  answers_ += frame;
  if (is_open_ && !is_blocked_) flush();
}

void StreamConnection::close(std::uint16_t code, std::string_view reason) {
  if (!accepts_messages()) return;
  begin_close(code, reason);
}

void StreamConnection::begin_close(std::uint16_t code, std::string_view reason) {
  is_closing_ = true;
  close_frame_ =
      framed(Opcode::kClose, code == kCloseNoStatus ? std::string() : close_payload(code, reason));
  deadline_ = core_.now() + core_.options.times.close;
  if (!is_open_) return;
  core_.call_again(*this);  // to let go of the session, which may be calling us right now
  if (!is_blocked_) flush();
}

void StreamConnection::on_again() {
  if (is_closing_) session_.reset();
}

void StreamConnection::on_ready(std::uint32_t events) {
  if (is_retired()) return;
  if ((events & EPOLLOUT) != 0) flush();
  if (!is_retired() && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) read();
}

void StreamConnection::read() {
  const std::span scratch(core_.scratch);
  const ssize_t got =
      transport_.receive(scratch.first(transport_.is_secure() ? Transport::kRecord : kReadBytes));
  if (got < 0 && would_block()) return;
  if (got <= 0) return core_.retire(*this);
  last_heard_ = core_.now();
  core_.counters.bytes_in.add(static_cast<std::uint64_t>(got));
  on_bytes(scratch.first(static_cast<std::size_t>(got)));
}

void StreamConnection::on_bytes(std::span<char> bytes) {
  while (!is_retired()) {
    const auto event = decoder_.next(bytes);
    if (!event) return;
    on_event(*event);
  }
}

void StreamConnection::on_event(const WebSocketEvent& event) {
  using enum WebSocketEvent::Kind;
  switch (event.kind) {
    case kText:
      return on_text(event.payload);
    case kBinary:
      return close(kCloseUnsupported, "only text messages are understood");
    case kPong:
      return;  // it was heard; that is all a pong is for
    case kPing:
      if (is_closing_) return;
      pong_ = framed(Opcode::kPong, event.payload);  // the newest suffices (RFC 6455, 5.5.3)
      if (!is_blocked_) flush();
      return;
    case kError:
      was_closed_ = true;  // nothing that follows could be understood
      close(event.code, event.payload);
      break;
    case kClose:
      was_closed_ = true;
      close(event.code, {});
      break;
  }
  if (!is_retired() && current_ == nullptr && close_frame_ == nullptr) finish();
}

void StreamConnection::on_text(std::string_view text) {
  if (!accepts_messages()) return;
  try {
    session_->on_text(text);
  } catch (const std::exception& error) {
    // The fence around the application: whatever it throws ends this one stream.
    log(LogLevel::kError, "stream.handler_threw", {kv("what", error.what())});
    close(kCloseInternal, "the message could not be served");
  }
}

bool StreamConnection::take_next() {
  at_ = 0;
  if (pong_ != nullptr) {
    current_ = std::exchange(pong_, nullptr);
  } else if (!answers_.empty()) {
    current_ = std::make_shared<const std::string>(std::exchange(answers_, {}));
  } else if (newest_ != nullptr) {
    current_ = std::exchange(newest_, nullptr);
  } else {
    current_ = std::exchange(close_frame_, nullptr);
  }
  return current_ != nullptr;
}

void StreamConnection::flush() {
  while (current_ != nullptr || take_next()) {
    const auto rest = std::string_view(*current_).substr(at_);
    const ssize_t result = transport_.send(rest);
    if (result < 0 && !would_block()) return core_.retire(*this);
    const auto sent = static_cast<std::size_t>(std::max<ssize_t>(result, 0));
    core_.counters.bytes_out.add(sent);
    at_ += sent;
    if (sent < rest.size()) {
      if (sent > 0 && !is_closing_) deadline_ = core_.now() + core_.options.times.stuck;
      return set_blocked(true);
    }
    current_ = nullptr;
  }
  set_blocked(false);
  if (is_closing_ && was_closed_) finish();
}

void StreamConnection::set_blocked(bool blocked) {
  if (blocked == is_blocked_) return;
  is_blocked_ = blocked;
  if (blocked && !is_closing_) deadline_ = core_.now() + core_.options.times.stuck;
  core_.loop->rewatch(transport_.fd(), blocked ? EPOLLIN | EPOLLOUT : EPOLLIN, *this);
}

void StreamConnection::finish() {
  if (std::exchange(is_finished_, true)) return;
  transport_.end_sending();
  deadline_ = core_.now() + core_.options.times.linger;
}

void StreamConnection::on_tick(Timestamp now) {
  const auto& times = core_.options.times;
  if (is_closing_) {
    if (now >= deadline_) core_.retire(*this);
    return;
  }
  if (is_blocked_ && now >= deadline_) {
    core_.counters.timeouts.add();
    newest_ = nullptr;
    answers_ = {};
    pong_ = nullptr;
    return begin_close(kCloseTryLater, "nothing was read for too long");
  }
  if (now - last_heard_ >= times.silent) {
    core_.counters.timeouts.add();
    return begin_close(kClosePolicy, "pings were not answered");
  }
  if (now - last_ping_ >= times.ping) {
    last_ping_ = now;
    if (!is_blocked_) {
      current_ = framed(Opcode::kPing, {});
      at_ = 0;
      flush();
    }
  }
}

void StreamConnection::on_stop() {
  if (is_closing_) return;
  begin_close(kCloseGoingAway, "the server is stopping");
}

}  // namespace gpuvigil
