// SPDX-License-Identifier: Apache-2.0
#include "net/http_connection.h"

#include <algorithm>
#include <exception>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include "base/assert.h"
#include "base/log.h"
#include "net/handshake.h"
#include "net/stream_connection.h"

namespace gpuvigil {
namespace {

/// Pipelined requests that are served before others have their turn.
constexpr int kRequestsPerTurn = 32;

/// A client that takes less in the write time is given up.
constexpr std::size_t kProgressBytes = 64 * 1024;

/// The choice of one request. Made for each: the box is asked only if the handler wants to wait.
class ReplyMaker final : public Deferral {
 public:
  ReplyMaker(ReplyBox& box, std::uint64_t request) : box_(box), request_(request) {}

  Reply later(Duration patience) override {
    GPUVIGIL_ASSERT(is_over_ == nullptr);
    patience_ = patience;
    is_over_ = std::make_shared<std::atomic<bool>>(false);
    return box_.reply_for(request_, is_over_);
  }
  [[nodiscard]] Duration patience() const { return patience_; }
  /// Null: it was not asked for.
  [[nodiscard]] const std::shared_ptr<std::atomic<bool>>& is_over() const { return is_over_; }

 private:
  ReplyBox& box_;
  std::uint64_t request_;
  Duration patience_{};
  std::shared_ptr<std::atomic<bool>> is_over_;
};

/// The fence around the application: whatever it throws is a 500 of this one request.
template <class Call>
auto fenced(ServerCore& core, const HttpRequest& request, Call call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& error) {
    log(LogLevel::kError, "http.handler_threw",
        {kv("request", request.id), kv("path", request.path), kv("what", error.what())});
    return core.handler.refuse(500, "the request could not be served");
  }
}

}  // namespace

HttpConnection::HttpConnection(ServerCore& core, Transport transport, const Endpoint& peer)
    : Connection(core, std::move(transport), peer.key()),
      remote_(peer.to_string()),
      deadline_(core.now() + core.options.times.header),
      state_(transport_.is_secure() ? State::kHandshaking : State::kReading),
      is_loopback_(peer.is_loopback()) {}

HttpConnection::~HttpConnection() {
  if (debt_ != nullptr) {
    core_.waiting.erase(debt_->request);
    debt_->is_over->store(true);
    core_.handler.settled(debt_->request, 0);
  }
  core_.unread_bytes -= unread_;
}

void HttpConnection::on_ready(std::uint32_t events) {
  if (is_retired()) return;
  switch (state_) {
    case State::kHandshaking:
      return shake_hands();
    case State::kWaiting:  // watched for nothing but these: nobody is left to read the answer
      if ((events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) core_.retire(*this);
      return;
    case State::kWriting:
      return flush();
    case State::kLingering:
      return drain();
    case State::kReading:
      // While served bytes wait for their turn, the socket may keep the newer ones.
      if (!serve_again_ && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) read();
  }
}

void HttpConnection::shake_hands() {
  const auto outcome = transport_.shake_hands();
  const bool wants_room = outcome == Transport::Handshake::kWantsWrite;
  if (std::exchange(waits_for_room_, wants_room) != wants_room) {
    core_.loop->rewatch(transport_.fd(), wants_room ? EPOLLOUT : EPOLLIN, *this);
  }
  switch (outcome) {
    case Transport::Handshake::kWantsRead:
    case Transport::Handshake::kWantsWrite:
      return;
    case Transport::Handshake::kDone:
      // We have nothing to say yet, and a client without TCP_NODELAY waits for our acknowledgement
      // of its last word before it sends a request: 40 ms unless we give it now.
      set_option(transport_.fd(), IPPROTO_TCP, TCP_QUICKACK);
      state_ = State::kReading;
      return read();
    case Transport::Handshake::kPlainHttp:
      core_.counters.failed_handshakes.add();
      return refuse({400, "this port speaks TLS: ask it with https://"});
    case Transport::Handshake::kFailed:
      core_.counters.failed_handshakes.add();
      log(LogLevel::kDebug, "tls.handshake_failed",
          {kv("remote", remote_), kv("why", transport_.describe_failure())});
      return linger();
  }
}

void HttpConnection::read() {
  auto& scratch = core_.scratch;
  const ssize_t got = transport_.receive(scratch);
  if (got < 0 && would_block()) return;
  if (got <= 0) return core_.retire(*this);  // closed, also in the middle of a request
  const std::string_view bytes(scratch.data(), static_cast<std::size_t>(got));
  core_.counters.bytes_in.add(bytes.size());
  if (pending_.empty()) return serve(bytes);
  pending_ += bytes;
  serve_pending();
}

void HttpConnection::serve_pending() {
  const std::string bytes = std::exchange(pending_, {});
  serve(bytes);
}

void HttpConnection::serve(std::string_view bytes) {
  int served = 0;
  while (!is_retired() && state_ == State::kReading && !bytes.empty()) {
    if (served == kRequestsPerTurn) {
      serve_again_ = true;
      core_.call_again(*this);
      break;
    }
    std::string_view whole;  // the request, if it lies here in one piece and nothing follows
    if (parser_ == nullptr) {
      header_checked_ = false;
      deadline_ = core_.now() + core_.options.times.header;
      whole = bytes;
      if (RequestParser* known = core_.known_requests.find(bytes)) {
        bytes = {};
        if (!check_header(*known)) return;
        respond(*known, bytes);
        continue;
      }
      parser_ = std::make_unique<RequestParser>(core_.options.limits.request);
    }
    bytes.remove_prefix(parser_->feed(bytes));
    if (parser_->state() == RequestParser::State::kRefused) return refuse(parser_->refusal());
    if (parser_->state() == RequestParser::State::kHeader) break;
    if (!check_header(*parser_)) return;
    if (parser_->state() == RequestParser::State::kBody) break;
    ++served;
    auto parser = std::exchange(parser_, nullptr);
    respond(*parser, bytes);
    if (bytes.empty()) core_.known_requests.learn(whole, std::move(parser));
  }
  if (is_retired() || state_ == State::kLingering) return;
  keep(bytes);
}

void HttpConnection::keep(std::string_view rest) {
  pending_ = rest;
  count_unread();
}

void HttpConnection::count_unread() {
  const std::size_t held =
      pending_.size() + (parser_ == nullptr ? 0 : parser_->request().body.size());
  core_.unread_bytes += held - unread_;  // unsigned: wraps back
  const bool grew = held > unread_;
  unread_ = held;
  if (grew && state_ == State::kReading && core_.unread_bytes > core_.options.limits.unread_bytes) {
    refuse({503, "too much is being sent at once"});
  }
}

void HttpConnection::on_again() {
  if (!std::exchange(serve_again_, false)) return;
  if (state_ == State::kReading) serve_pending();
}

bool HttpConnection::check_header(RequestParser& parser) {
  if (std::exchange(header_checked_, true)) return true;
  const auto host = parser.request().header("host");
  const bool has_host = !host.empty() || parser.version() >= 11;
  if ((has_host && !core_.hosts.allows(host)) ||
      (!parser.authority().empty() && !core_.hosts.allows(parser.authority()))) {
    refuse({403, "this server does not answer to that host name"});
    return false;
  }
  for (const auto& [name, value] : parser.request().headers) {
    if (name != "origin" || core_.hosts.allows_origin(value, host, transport_.is_secure()))
      continue;
    refuse({403, "a page of another origin may not send this"});
    return false;
  }
  if (parser.state() != RequestParser::State::kBody) return true;
  deadline_ = core_.now() + core_.options.times.body;
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  if (parser.expects_continue() && parser.request().body.empty() &&
      transport_.send(kContinue) != static_cast<ssize_t>(kContinue.size())) {
    core_.retire(*this);  // 25 bytes always fit unless the connection is broken
    return false;
  }
  return true;
}

void HttpConnection::respond(RequestParser& parser, std::string_view rest) {
  HttpRequest& request = parser.request();
  identify(request);
  core_.counters.requests.add();
  if (parser.version() >= 11 && asks_for_websocket(request)) return upgrade(request, rest);
  ReplyMaker deferral(*core_.replies, request.id);
  using Outcome = std::optional<HttpResponse>;
  const Outcome response =
      fenced(core_, request, [&]() -> Outcome { return core_.handler.handle(request, deferral); });
  const ResponseForm form{.head_only = request.method == Method::kHead,
                          .keep_alive = parser.keep_alive() && !core_.is_stopping(),
                          .version = parser.version(),
                          .accept_encoding = request.header("accept-encoding"),
                          .if_none_match = request.header("if-none-match")};
  if (response) return send(*response, form);
  GPUVIGIL_ASSERT(deferral.is_over() != nullptr);  // else nobody would ever answer
  wait_for_reply(request, form, {.patience = deferral.patience(), .is_over = deferral.is_over()});
}

void HttpConnection::identify(HttpRequest& request) {
  if (core_.users && is_loopback_ && !std::exchange(is_identified_, true)) {
    user_ = core_.users->find(transport_.fd());
  }
  request.remote = remote_;
  request.is_loopback = is_loopback_;
  request.is_secure = transport_.is_secure();
  request.user = user_;
  request.id = ++core_.last_request;
}

void HttpConnection::wait_for_reply(const HttpRequest& request, const ResponseForm& form,
                                    const Wait& wait) {
  debt_ = std::make_unique<Debt>(Debt{.request = request.id,
                                      .form = form,
                                      .accept_encoding = std::string(form.accept_encoding),
                                      .if_none_match = std::string(form.if_none_match),
                                      .is_over = wait.is_over});
  core_.waiting.emplace(request.id, this);
  const bool is_long = wait.patience > Duration::zero();
  deadline_ = core_.now() + (is_long ? wait.patience : core_.options.times.handler);
  state_ = State::kWaiting;
  core_.loop->rewatch(transport_.fd(), is_long ? std::uint32_t{EPOLLRDHUP} : 0U, *this);
}

void HttpConnection::on_reply(std::optional<HttpResponse> response) {
  if (is_retired() || state_ != State::kWaiting) return;
  end_wait(response ? *response : core_.handler.refuse(500, "the request could not be served"));
}

void HttpConnection::end_wait(const HttpResponse& response) {
  const auto debt = std::exchange(debt_, nullptr);
  core_.waiting.erase(debt->request);
  debt->is_over->store(true);
  core_.handler.settled(debt->request, response.status);
  debt->form.keep_alive = debt->form.keep_alive && !core_.is_stopping();
  debt->form.accept_encoding = debt->accept_encoding;
  debt->form.if_none_match = debt->if_none_match;
  state_ = State::kReading;
  core_.loop->rewatch(transport_.fd(), EPOLLIN, *this);
  send(response, debt->form);
  if (!is_retired() && state_ == State::kReading && !pending_.empty()) serve_pending();
}

void HttpConnection::upgrade(const HttpRequest& request, std::string_view rest) {
  const auto accept = check_handshake(request);
  if (const auto* refusal = std::get_if<Refusal>(&accept)) return refuse(*refusal);
  if (core_.is_stopping()) return refuse({503, "the server is stopping"});
  auto stream = std::make_unique<StreamConnection>(core_, Connection::peer());
  using Outcome = std::variant<StreamAccepted, HttpResponse>;
  auto outcome =
      fenced(core_, request, [&]() -> Outcome { return core_.handler.upgrade(request, *stream); });
  if (const auto* response = std::get_if<HttpResponse>(&outcome)) {
    return send(*response, {.keep_alive = true,
                            .accept_encoding = request.header("accept-encoding"),
                            .if_none_match = {}});
  }
  auto& accepted = std::get<StreamAccepted>(outcome);
  GPUVIGIL_ASSERT(accepted.session != nullptr);
  auto& begun = *stream;
  stream->take_over(std::move(transport_), std::move(accepted.session));
  core_.replace(*this, std::move(stream));
  begun.begin(format_upgrade(std::get<std::string>(accept), accepted.subprotocol), rest);
}

void HttpConnection::refuse(const Refusal& refusal) {
  if (is_retired()) return;
  core_.counters.refused_requests.add();
  auto response = core_.handler.refuse(refusal.status, refusal.detail);
  if (refusal.status == 503 && !has_header(response, "retry-after")) {
    response.headers.emplace_back("Retry-After", "1");
  }
  if (refusal.status == 426) {
    response.headers.emplace_back("Sec-WebSocket-Version", "13");
    response.headers.emplace_back("Upgrade", "websocket");
  }
  parser_.reset();
  pending_.clear();
  send(response, {.keep_alive = false, .accept_encoding = {}, .if_none_match = {}});
}

void HttpConnection::send(const HttpResponse& response, const ResponseForm& form) {
  close_after_ = !form.keep_alive;
  auto [head, body] = core_.writer.write(response, form);
  const std::string_view all_of_body = body == nullptr ? std::string_view() : *body;
  const ssize_t result = transport_.send(head, all_of_body);
  if (result < 0 && !would_block()) return core_.retire(*this);
  const auto sent = static_cast<std::size_t>(std::max<ssize_t>(result, 0));
  core_.counters.bytes_out.add(sent);
  if (sent == head.size() + all_of_body.size()) return finish_response();

  head_ = head.substr(std::min(sent, head.size()));
  body_at_ = sent - std::min(sent, head.size());
  body_ = std::move(body);
  progress_ = 0;
  deadline_ = core_.now() + core_.options.times.write;
  state_ = State::kWriting;
  core_.loop->rewatch(transport_.fd(), EPOLLOUT, *this);
}

void HttpConnection::flush() {
  const auto body =
      body_ == nullptr ? std::string_view() : std::string_view(*body_).substr(body_at_);
  const ssize_t result = transport_.send(head_, body);
  if (result < 0 && would_block()) return;
  if (result < 0) return core_.retire(*this);
  auto sent = static_cast<std::size_t>(result);
  core_.counters.bytes_out.add(sent);
  progress_ += sent;
  if (progress_ >= kProgressBytes) {
    progress_ = 0;
    deadline_ = core_.now() + core_.options.times.write;
  }
  const bool is_all = sent == head_.size() + body.size();
  const std::size_t of_head = std::min(sent, head_.size());
  head_.erase(0, of_head);
  body_at_ += sent - of_head;
  if (!is_all) return;
  head_ = {};
  body_ = nullptr;
  state_ = State::kReading;
  core_.loop->rewatch(transport_.fd(), EPOLLIN, *this);
  finish_response();
  if (!is_retired() && state_ == State::kReading && !pending_.empty()) serve_pending();
}

void HttpConnection::finish_response() {
  if (close_after_) return linger();
  deadline_ = core_.now() + core_.options.times.idle;
  if (core_.is_stopping() && is_between_requests()) core_.retire(*this);
}

void HttpConnection::linger() {
  // Closing now would reset the connection if the client has sent more, and our last words be lost.
  transport_.end_sending();
  parser_.reset();
  pending_ = {};
  count_unread();
  state_ = State::kLingering;
  deadline_ = core_.now() + core_.options.times.linger;
}

void HttpConnection::drain() {
  const ssize_t got = transport_.discard(core_.scratch);
  if (got == 0 || (got < 0 && !would_block())) core_.retire(*this);
}

void HttpConnection::on_tick(Timestamp now) {
  if (now < deadline_) return;
  switch (state_) {
    case State::kReading:
      return close_on_timeout();
    case State::kHandshaking:
      core_.counters.timeouts.add();
      return core_.retire(*this);
    case State::kWaiting:
      return give_up_reply();
    case State::kWriting:
      core_.counters.timeouts.add();
      [[fallthrough]];
    case State::kLingering:
      return core_.retire(*this);
  }
}

void HttpConnection::close_on_timeout() {
  if (is_between_requests()) return core_.retire(*this);  // idle: nothing was asked
  core_.counters.timeouts.add();
  if (header_checked_) return refuse({408, "the body did not come in time"});
  refuse({408, "the header did not come in time"});
}

void HttpConnection::give_up_reply() {
  core_.counters.timeouts.add();
  auto response = core_.handler.refuse(503, "the answer takes too long; try again");
  if (!has_header(response, "retry-after")) response.headers.emplace_back("Retry-After", "1");
  end_wait(response);
}

void HttpConnection::on_stop() {
  if (state_ == State::kHandshaking) return core_.retire(*this);  // nothing was asked yet
  if (!is_between_requests()) return;
  read();  // a request may be on its way from the socket to us
  if (!is_retired() && is_between_requests()) core_.retire(*this);
}

}  // namespace gpuvigil
