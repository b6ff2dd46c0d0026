// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/http.h"
#include "net/request_parser.h"
#include "net/tls_identity.h"

namespace gpuvigil {

/// How much of everything a server takes on. Each limit that is hit is counted in HttpServerStats.
struct HttpServerLimits {
  std::size_t connections = 16'384;
  std::size_t connections_per_address = 1'024;
  RequestLimits request;
  std::size_t unread_bytes = 64 * 1024 * 1024;  ///< Of requests that are not whole, over all.
  std::size_t message_bytes = 16 * 1024;        ///< One WebSocket message from a client.
  std::size_t answer_bytes = 256 * 1024;        ///< Unread StreamPeer::answer()s of a stream.
};

/// How long a server waits for whom. A time is noticed at most an eighth of the shortest (of
/// `linger`, all of it), and at most a second, after it has passed.
struct HttpServerTimes {
  /// From the first byte (or from accept, with what TLS takes) to the last.
  Duration header = std::chrono::seconds(10);
  Duration body = std::chrono::seconds(30);     ///< From the end of the header.
  Duration idle = std::chrono::seconds(60);     ///< Between two requests.
  Duration handler = std::chrono::seconds(10);  ///< For an answer that was deferred.
  Duration write = std::chrono::seconds(30);    ///< For each 64 KiB of a response.
  Duration linger = std::chrono::seconds(1);    ///< For the client to close after our last byte.
  Duration ping = std::chrono::seconds(20);     ///< Between two pings of a stream.
  Duration silent = std::chrono::seconds(60);   ///< Without a byte from a stream's client.
  Duration stuck = std::chrono::seconds(30);    ///< Without a byte accepted by a stream's client.
  Duration close = std::chrono::seconds(5);     ///< For a stream's client to answer our close.
};

struct HttpServerOptions {
  std::string address = "127.0.0.1";       ///< A number, or "localhost".
  std::uint16_t port = 8080;               ///< 0: any free one.
  bool allow_remote = false;               ///< An address that other machines can reach is refused.
  std::vector<std::string> allowed_hosts;  ///< Beside localhost, 127.0.0.1, [::1] and `address`.
  /// Whose pages may send requests, beside our own: "https://gpu.example:8443".
  std::vector<std::string> allowed_origins;
  bool identify_users = false;  ///< Fill in HttpRequest::user: one look at the kernel's tables
                                ///< for each connection from this machine.
  std::optional<TlsFiles> tls;  ///< Serve https and wss with these, and nothing in the clear. They
                                ///< are looked at once a second and read again when they change.
  HttpServerLimits limits;
  HttpServerTimes times;
};

/// What a server has done so far.
struct HttpServerStats {
  std::uint64_t connections = 0;  ///< Open now, streams included.
  std::uint64_t streams = 0;      ///< Open now.
  std::uint64_t accepted = 0;
  std::uint64_t refused_connections = 0;  ///< Over a limit of connections, or out of descriptors.
  std::uint64_t requests = 0;             ///< That reached the handler.
  std::uint64_t refused_requests = 0;     ///< That did not: malformed, too large, not our host.
  std::uint64_t failed_handshakes = 0;    ///< Of TLS.
  std::uint64_t timeouts = 0;             ///< Connections that were given up, of any kind.
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t messages_dropped = 0;  ///< Of slow stream clients.
  std::uint64_t tasks_dropped = 0;     ///< By post(), when 4096 were waiting; deferred answers too.
};

class ServerCore;

/// An HTTP/1.1 and WebSocket server over TCP that knows nothing of what it serves.
///
/// One thread (in run()) does everything: sockets, handlers, timers, posted tasks. Connections that
/// wait hold no buffers; a stream's client that reads too slowly keeps one pending message.
///
/// Threading: open() and the destructor from one thread, run() from one at a time; every() before
/// run() or from its thread; all else from any thread.
class HttpServer {
 public:
  /// Listens; nobody is answered before run(). `handler` must outlive the server.
  ///
  /// Errors: kInvalidArgument (not an address, or one that is refused; not an origin), kUnavailable
  /// (in use, not an address of this machine), kPermission, and those of TlsIdentity::open(); the
  /// message names what is wrong.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> open(const HttpServerOptions& options,
                                                                HttpHandler& handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// The port it listens on, also when 0 was asked for.
  [[nodiscard]] std::uint16_t port() const;
  /// "127.0.0.1:8080" or "[::1]:8080".
  [[nodiscard]] std::string endpoint() const;
  /// "http://127.0.0.1:8080", or with https; without a slash at its end.
  [[nodiscard]] std::string url() const;

  /// Serves until stop() has done its work.
  void run();

  /// Runs `task` on the thread of run(), soon. False, and it never runs, when 4096 wait already.
  bool post(std::function<void()> task);

  /// Runs `task` on the thread of run() every `period`.
  void every(Duration period, std::function<void()> task);

  /// Stops accepting, finishes the requests in flight, closes streams with 1001. run() returns when
  /// all that is done, and at most `grace` later in any case. May be called before run().
  void stop(Duration grace);

  [[nodiscard]] HttpServerStats stats() const;

 private:
  explicit HttpServer(std::unique_ptr<ServerCore> core);
  std::unique_ptr<ServerCore> core_;
};

}  // namespace gpuvigil
