// SPDX-License-Identifier: Apache-2.0
#include "net/server_core.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "net/http_connection.h"

namespace gpuvigil {
namespace {

/// So many connections over the limit are told so properly; what comes beyond is just closed.
constexpr std::size_t kRefusedAtOnce = 64;

constexpr std::size_t kScratchBytes = 32 * 1024;
static_assert(kScratchBytes >= Transport::kRecord);

/// How often the files of the certificate are looked at.
constexpr Duration kRefresh = std::chrono::seconds(1);

std::vector<std::string> own_names(const HttpServerOptions& options) {
  auto names = options.allowed_hosts;
  names.push_back(options.address);
  return names;
}

/// Every connection is looked at once a period: with ten thousand of them that is not for nothing.
Duration tick_period(const HttpServerTimes& times) {
  const Duration shortest =
      std::min({times.header, times.body, times.idle, times.handler, times.write, times.ping,
                times.silent, times.stuck, times.close});
  return std::clamp<Duration>(std::min(shortest / 8, times.linger), std::chrono::milliseconds(1),
                              std::chrono::seconds(1));
}

UniqueFd open_spare() {
  return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

ServerCore::ServerCore(const HttpServerOptions& the_options, HttpHandler& the_handler,
                       ServerParts parts)
    : options(the_options),
      endpoint(Endpoint::local(parts.listener.get())),
      handler(the_handler),
      hosts(own_names(the_options), the_options.allowed_origins),
      loop(std::move(parts.loop)),
      replies(std::move(parts.replies)),
      scratch(kScratchBytes),
      identity_(std::move(parts.identity)),
      listener_(std::move(parts.listener)),
      spare_(open_spare()) {
  if (options.identify_users) users.emplace();
}

ServerCore::~ServerCore() {
  while (!connections_.empty()) retire(*connections_.back());
  bury();
}

Result<void> ServerCore::start() {
  GPUVIGIL_CHECK(loop->watch(listener_.get(), EPOLLIN, *this));
  GPUVIGIL_CHECK(loop->watch(replies->fd(), EPOLLIN, reply_target_));
  loop->every(tick_period(options.times), [this] { tick(); });
  if (identity_) loop->every(kRefresh, [this] { identity_->refresh(); });
  return {};
}

void ServerCore::run() {
  loop->run([this] { return end_of_round(); });
  while (!connections_.empty()) retire(*connections_.back());
  bury();
}

void ServerCore::request_stop(Duration grace) {
  // Not a task: those may be dropped.
  stop_grace_ns_.store(std::max(grace, Duration::zero()).count());
  loop->wake();
}

void ServerCore::begin_stop(Duration grace) {
  if (grace <= Duration::zero()) {
    loop->quit();
  } else {
    loop->every(grace, [this] { loop->quit(); });
  }
  if (std::exchange(is_stopping_, true)) return;
  // Who has connected already is served once more; who comes later is told "refused" by the system.
  accept_all(SOMAXCONN);
  listener_.reset();
  std::vector<Connection*> all;
  all.reserve(connections_.size());
  for (const auto& connection : connections_) all.push_back(connection.get());
  for (auto* connection : all) {
    if (!connection->is_retired()) connection->on_stop();
  }
}

void ServerCore::adopt(std::unique_ptr<Connection> connection) {
  connection->slot_ = static_cast<std::uint32_t>(connections_.size());
  ++per_address_[connection->peer_];
  connections_.push_back(std::move(connection));
  counters.connections.add();
}

void ServerCore::remove(Connection& connection) {
  const auto slot = connection.slot_;
  GPUVIGIL_ASSERT(slot < connections_.size() && connections_[slot].get() == &connection);
  connection.is_retired_ = true;
  connection.transport_.close();
  retired_.push_back(std::move(connections_[slot]));
  if (slot + 1 != connections_.size()) {
    connections_[slot] = std::move(connections_.back());
    connections_[slot]->slot_ = slot;
  }
  connections_.pop_back();
  const auto address = per_address_.find(connection.peer_);
  GPUVIGIL_ASSERT(address != per_address_.end());
  if (--address->second == 0) per_address_.erase(address);
  counters.connections.subtract();
}

void ServerCore::retire(Connection& connection) {
  if (!connection.is_retired_) remove(connection);
}

void ServerCore::replace(Connection& old, std::unique_ptr<Connection> fresh) {
  adopt(std::move(fresh));
  remove(old);
}

void ServerCore::call_again(Connection& connection) {
  if (!std::exchange(connection.is_called_again_, true)) again_.push_back(&connection);
}

void ServerCore::on_ready(std::uint32_t) {
  if (listener_) accept_all(64);  // a flood of them must not keep those waiting who are in
}

void ServerCore::deliver_replies() {
  for (auto& answer : replies->take()) {
    const auto found = waiting.find(answer.request);
    if (found != waiting.end()) found->second->on_reply(std::move(answer.response));
  }
}

void ServerCore::accept_all(int at_most) {
  for (int i = 0; i < at_most; ++i) {
    Endpoint peer;
    socklen_t size = sizeof(sockaddr_storage);
    UniqueFd fd(::accept4(listener_.get(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      welcome(std::move(fd), peer);
    } else if (errno == EMFILE || errno == ENFILE) {
      shed_one();
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;  // EAGAIN: that was all; anything else is tried again when the loop says so
    }
  }
}

void ServerCore::shed_one() {
  spare_.reset();
  UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd) counters.refused_connections.add();
  fd.reset();
  spare_ = open_spare();
}

std::string_view ServerCore::objection(const Endpoint::Key& peer) const {
  if (connections_.size() >= options.limits.connections) return "too many connections";
  const auto address = per_address_.find(peer);
  if (address != per_address_.end() && address->second >= options.limits.connections_per_address) {
    return "too many connections from this address";
  }
  return {};
}

void ServerCore::welcome(UniqueFd fd, const Endpoint& peer) {
  const std::string_view too_many = objection(peer.key());
  if (!too_many.empty()) {
    counters.refused_connections.add();
    // A handshake only to refuse what comes after it would cost more than to serve it.
    if (identity_ || connections_.size() >= options.limits.connections + kRefusedAtOnce) return;
  }
  const int socket = fd.get();
  Transport transport = make_transport(std::move(fd));
  if (transport.fd() < 0) return counters.refused_connections.add();
  auto made = std::make_unique<HttpConnection>(*this, std::move(transport), peer);
  auto& connection = *made;
  adopt(std::move(made));
  if (!loop->watch(socket, EPOLLIN, connection)) {
    counters.refused_connections.add();
    return retire(connection);
  }
  counters.accepted.add();
  if (!too_many.empty()) connection.refuse({503, std::string(too_many)});
}

Transport ServerCore::make_transport(UniqueFd fd) const {
  if (!identity_) return Transport(std::move(fd));
  auto session = identity_->make_session();
  if (session == nullptr) return {};
  return {std::move(fd), std::move(session)};
}

void ServerCore::tick() {
  const Timestamp at = now();
  // From behind: whoever retires is replaced by the last one, which has had its turn.
  for (std::size_t i = connections_.size(); i-- > 0;) {
    if (i < connections_.size()) connections_[i]->on_tick(at);
  }
}

bool ServerCore::end_of_round() {
  const auto grace = stop_grace_ns_.exchange(-1);
  if (grace >= 0) begin_stop(Duration(grace));
  for (auto* connection : std::exchange(again_, {})) {
    connection->is_called_again_ = false;
    if (!connection->is_retired()) connection->on_again();
  }
  bury();
  if (is_stopping_ && connections_.empty()) loop->quit();
  return !again_.empty();
}

void ServerCore::bury() {
  // A session that dies may make others retire.
  while (!retired_.empty()) {
    std::erase_if(again_, [](const auto* connection) { return connection->is_retired(); });
    auto dead = std::exchange(retired_, {});
    dead.clear();
  }
}

}  // namespace gpuvigil
