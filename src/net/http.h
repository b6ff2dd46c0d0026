// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"

namespace gpuvigil {

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

/// One HTTP request that was read whole and is well formed.
struct HttpRequest {
  Method method = Method::kGet;
  std::string path = {};  ///< Percent-decoded; starts with '/'; no NUL, no control characters.
  std::vector<std::pair<std::string, std::string>> query =
      {};  ///< Decoded, in order, repeats kept.
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< Names in lower case.
  std::string body = {};
  std::string remote = {};   ///< "127.0.0.1:51234".
  bool is_loopback = false;  ///< The client is on this machine and came by 127.0.0.0/8 or ::1.
  bool is_secure = false;    ///< It came over TLS.
  /// The user who owns the client's end of a loopback connection. Absent: another machine, not
  /// asked for (HttpServerOptions::identify_users), or in any doubt.
  std::optional<std::uint32_t> user = {};
  std::uint64_t id = 0;  ///< Counts the requests of a server from 1, for logs.

  /// The first header of that (lower case) name, or empty.
  [[nodiscard]] std::string_view header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return {};
  }
};

struct HttpResponse {
  unsigned status = 200;
  std::string_view content_type = "application/json";  ///< Of storage that lasts: a literal.
  std::shared_ptr<const std::string> body = {};  ///< Shared: many answers may be the same text.
  std::vector<std::pair<std::string, std::string>> headers =
      {};  ///< Besides those net adds itself.
};

/// One WebSocket connection as the application sees it.
///
/// Threading: the server's thread only. Calls after the connection closed do nothing.
class StreamPeer {
 public:
  virtual ~StreamPeer() = default;

  /// Sends a text message made by frame_text(). A peer that reads too slowly keeps one pending
  /// message, the newest: an older one that was not begun is dropped and counted.
  virtual void send(std::shared_ptr<const std::string> framed) = 0;

  /// Sends a small answer that must not be dropped, ahead of the pending message. A peer with more
  /// than 256 KiB of unread answers (HttpServerLimits::answer_bytes) is closed.
  virtual void answer(std::string_view text) = 0;

  virtual void close(std::uint16_t code, std::string_view reason) = 0;

  /// Messages dropped on this connection so far.
  [[nodiscard]] virtual std::uint64_t dropped() const = 0;
};

/// What the application does with one WebSocket connection. Destroyed when it is closed.
class StreamSession {
 public:
  virtual ~StreamSession() = default;
  /// A whole text message, valid UTF-8.
  virtual void on_text(std::string_view text) = 0;
};

/// The application takes a stream.
struct StreamAccepted {
  std::unique_ptr<StreamSession> session;  ///< Not null.
  /// The one of the subprotocols offered that is spoken; empty: none, and none is named. No control
  /// characters.
  std::string subprotocol = {};
};

/// The answer that a client is still owed. Copies are the same debt: the first send() settles it,
/// and if the last copy dies unsent the client gets a 500. Whatever comes too late (the client is
/// gone, the server has stopped, its time was up) is dropped.
///
/// Threading: any thread; nothing blocks.
class Reply {
 public:
  /// Called once, by whatever thread, with the answer, or with nothing when there will be none.
  using Sink = std::function<void(std::optional<HttpResponse>)>;

  /// `is_over` becomes true when nobody waits any longer; null: nobody can tell.
  explicit Reply(Sink sink, std::shared_ptr<const std::atomic<bool>> is_over = nullptr);
  void send(HttpResponse response) const;
  /// False once the client has gone or its time was up: then there is no use in going on.
  [[nodiscard]] bool is_awaited() const;

 private:
  struct Debt;
  std::shared_ptr<Debt> debt_;
};

/// The choice of a handler to answer later.
class Deferral {
 public:
  virtual ~Deferral() = default;
  /// At most once a request. The answer comes within `patience`; 0: within what the server gives
  /// everybody (HttpServerTimes::handler). A client of whom more patience is asked has gone when it
  /// says that it will send no more.
  [[nodiscard]] virtual Reply later(Duration patience) = 0;
  [[nodiscard]] Reply later() { return later(Duration::zero()); }
};

/// The application behind a server.
///
/// Threading: all calls come from the server's thread and must not block it for long.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  /// The answer; or nothing, after a call of deferral.later(), and whoever has that Reply answers
  /// within the patience that it asked for. Until then this client's next requests wait.
  virtual std::optional<HttpResponse> handle(const HttpRequest& request, Deferral& deferral) = 0;

  /// A well-formed upgrade request: a session to accept it, or the response that refuses it.
  /// `peer` lives as long as the session.
  virtual std::variant<StreamAccepted, HttpResponse> upgrade(const HttpRequest& request,
                                                             StreamPeer& peer) = 0;

  /// The response to a request that net itself refuses (malformed, too large, too slow, too many
  /// connections), so that every error has the same shape. `detail` says what was wrong.
  virtual HttpResponse refuse(unsigned status, std::string_view detail) = 0;

  /// A request that was to be answered later has its answer, of that status, or its client has gone
  /// (0). Once for each.
  virtual void settled(std::uint64_t /*request*/, unsigned /*status*/) {}
};

/// One unmasked, final text frame (RFC 6455) ready to be sent to any number of peers.
[[nodiscard]] std::shared_ptr<const std::string> frame_text(std::string_view text);

}  // namespace gpuvigil
