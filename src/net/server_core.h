// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/event_loop.h"
#include "net/host_rules.h"
#include "net/http_server.h"
#include "net/known_requests.h"
#include "net/peer_user.h"
#include "net/reply_box.h"
#include "net/response_writer.h"
#include "net/socket.h"
#include "net/tls_identity.h"
#include "net/transport.h"

namespace gpuvigil {

class HttpConnection;
class ServerCore;

/// A number that the server's thread counts and any thread reads.
class Counter {
 public:
  void add(std::uint64_t by = 1) { value_.store(get() + by, std::memory_order_relaxed); }
  void subtract(std::uint64_t by = 1) { value_.store(get() - by, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;  ///< One writer: no locked instruction is needed.
};

/// One accepted socket, speaking HTTP or, after an upgrade, WebSocket.
///
/// Owned by the ServerCore. When it is over it is retired: the socket is closed at once, the object
/// lives on until the end of the round, so that whoever called it may return through it.
class Connection : public EventTarget {
 public:
  Connection(ServerCore& core, Transport transport, const Endpoint::Key& peer)
      : core_(core), transport_(std::move(transport)), peer_(peer) {}

  /// Looks whether a deadline has passed.
  virtual void on_tick(Timestamp now) = 0;
  /// The server stops: finish what is begun, then retire.
  virtual void on_stop() = 0;
  /// At the end of a round in which call_again() was asked for.
  virtual void on_again() = 0;

  [[nodiscard]] bool is_retired() const { return is_retired_; }

 protected:
  [[nodiscard]] const Endpoint::Key& peer() const { return peer_; }

  ServerCore& core_;
  Transport transport_;

 private:
  friend class ServerCore;
  Endpoint::Key peer_;
  std::uint32_t slot_ = 0;  ///< Where the core keeps it.
  bool is_retired_ = false;
  bool is_called_again_ = false;
};

/// What a server needs of the system, each ready for use.
struct ServerParts {
  std::unique_ptr<EventLoop> loop;
  std::shared_ptr<ReplyBox> replies;
  std::unique_ptr<TlsIdentity> identity;  ///< Null: no TLS.
  UniqueFd listener;
};

/// What all connections of a server share.
///
/// Threading: the server's thread; the counters may be read from any.
class ServerCore final : public EventTarget {
 public:
  ServerCore(const HttpServerOptions& options, HttpHandler& handler, ServerParts parts);
  ~ServerCore() override;

  /// Errors: kUnavailable when the listener cannot be watched.
  [[nodiscard]] Result<void> start();
  void run();
  /// From any thread.
  void request_stop(Duration grace);

  // For connections.
  void adopt(std::unique_ptr<Connection> connection);
  void retire(Connection& connection);
  /// The old one gives its socket to the new one: neither accepted nor closed.
  void replace(Connection& old, std::unique_ptr<Connection> fresh);
  void call_again(Connection& connection);
  [[nodiscard]] bool is_stopping() const { return is_stopping_; }
  [[nodiscard]] Timestamp now() const { return loop->now(); }

  const HttpServerOptions options;
  const Endpoint endpoint;
  HttpHandler& handler;
  HostRules hosts;
  const std::unique_ptr<EventLoop> loop;
  const std::shared_ptr<ReplyBox> replies;
  std::unordered_map<std::uint64_t, HttpConnection*> waiting;  ///< By HttpRequest::id: for a reply.
  std::uint64_t last_request = 0;                              ///< Its HttpRequest::id.
  std::optional<PeerUsers> users;  ///< With HttpServerOptions::identify_users.
  KnownRequests known_requests;
  ResponseWriter writer;
  std::vector<char> scratch;     ///< What recv() reads into: connections that wait hold no buffers.
  std::size_t unread_bytes = 0;  ///< Held by requests that are not whole.

  struct {
    Counter connections, streams, accepted, refused_connections, requests, refused_requests,
        failed_handshakes, timeouts, bytes_in, bytes_out, messages_dropped;
  } counters;

 private:
  /// Hears of deferred answers.
  class ReplyTarget final : public EventTarget {
   public:
    explicit ReplyTarget(ServerCore& core) : core_(core) {}
    void on_ready(std::uint32_t) override { core_.deliver_replies(); }

   private:
    ServerCore& core_;
  };

  void on_ready(std::uint32_t events) override;  ///< Of the listener.
  void deliver_replies();
  void accept_all(int at_most);
  void welcome(UniqueFd fd, const Endpoint& peer);
  /// Plain, or about to begin with TLS; without a descriptor when there is no memory for that.
  [[nodiscard]] Transport make_transport(UniqueFd fd) const;
  void shed_one();
  /// Why one more connection from there is too many; empty when it is not.
  [[nodiscard]] std::string_view objection(const Endpoint::Key& peer) const;
  void remove(Connection& connection);
  void begin_stop(Duration grace);
  void tick();
  bool end_of_round();
  void bury();

  const std::unique_ptr<TlsIdentity> identity_;  ///< Null: no TLS.
  ReplyTarget reply_target_{*this};
  UniqueFd listener_;
  UniqueFd spare_;  ///< Given up for a moment to accept, and close, when descriptors run out.
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> retired_;  ///< In this round.
  std::vector<Connection*> again_;
  std::map<Endpoint::Key, std::size_t> per_address_;
  /// What request_stop() was given and the loop has not seen yet; negative: nothing.
  std::atomic<std::int64_t> stop_grace_ns_ = -1;
  bool is_stopping_ = false;
};

}  // namespace gpuvigil
