// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/bounded_queue.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/tls_test_kit.h"
#include "net/transport.h"

namespace gpuvigil::testing {

/// No test waits longer than this for anything; what is quick is not slowed by it.
inline constexpr std::chrono::seconds kPatience{20};

/// An application for tests: echoes, holds, counts.
///
///   /echo        the method, path, query and body
///   /shared      a body that all answers share (its text is `shared`)
///   /big         a body of `big_bytes`
///   /throw       throws
///   /who         the user, whether the connection is of this machine, whether it is secure
///   /later       answers when a test takes the Reply out of `replies`
///   upgrade of /stream: keeps the peer, records texts; of any other path: 404
class TestApp final : public HttpHandler {
 public:
  std::optional<HttpResponse> handle(const HttpRequest& request, Deferral& deferral) override;
  std::variant<StreamAccepted, HttpResponse> upgrade(const HttpRequest& request,
                                                     StreamPeer& peer) override;
  HttpResponse refuse(unsigned status, std::string_view detail) override;
  void settled(std::uint64_t request, unsigned status) override;

  /// The statuses of what was answered later, 0 for whom nobody waited. The server's thread, or
  /// after its end.
  std::vector<unsigned> settlements;

  /// The streams that are open. The server's thread only.
  std::vector<StreamPeer*> peers;

  /// Called for each text; default: answers with the same. The server's thread.
  std::function<void(StreamPeer&, std::string_view)> on_text;

  /// Of /later, oldest first.
  BoundedQueue<Reply> replies{100'000, WhenFull::kDropNewest};

  std::shared_ptr<const std::string> shared;
  std::string shared_type = "application/json";
  std::size_t big_bytes = 8 * 1024 * 1024;
  std::atomic<int> handled = 0;
  std::atomic<int> sessions_ended = 0;
};

/// A server with that application on a free port, in a thread of its own. Where is_tls_run(), with
/// TLS.
class TestServer {
 public:
  explicit TestServer(HttpServerOptions options = {});
  ~TestServer();

  [[nodiscard]] std::uint16_t port() const { return server->port(); }
  /// Waits for the Reply of the next request for /later.
  [[nodiscard]] Reply next_reply();
  /// Runs `task` on the server's thread and waits for it.
  void on_thread(const std::function<void()>& task) const;
  /// Waits until `holds(stats)` is true; false when it never was.
  [[nodiscard]] bool eventually(const std::function<bool(const HttpServerStats&)>& holds) const;
  /// Stops and joins; how long run() took to return.
  std::chrono::nanoseconds stop(Duration grace);

  TestApp app;
  std::unique_ptr<HttpServer> server;

 private:
  std::thread thread_;
};

/// A blocking socket, with a deadline on everything; over TLS, it trusts common_identity().
class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer = 0, bool is_secure = is_tls_run());

  /// False when the other side has closed or reset.
  bool send(std::string_view bytes);
  /// What comes until the other side closes.
  std::string read_to_end();
  /// One response with Content-Length (or none for `head`): head and body; less when it is cut.
  std::string read_response(bool head = false);
  /// Exactly so many bytes, or fewer when it is cut.
  std::string read_exactly(std::size_t count);
  /// Until `text` is in what came (which is returned up to its end), or it is cut.
  std::string read_until(std::string_view text);
  /// True when the other side closes (or resets) without another byte.
  bool is_closed();
  void shut_down_sending() { transport_.end_sending(); }
  [[nodiscard]] int fd() const { return transport_.fd(); }

  // WebSocket.
  bool upgrade(std::string_view path = "/stream");
  struct Frame {
    unsigned opcode = 0;  ///< 0: the connection ended.
    std::string payload;
  };
  Frame read_frame();
  bool send_text(std::string_view text);

 private:
  bool receive();
  Transport transport_;
  bool is_lost_ = false;  ///< The handshake has failed.
  std::string buffer_;
};

/// What this program's clients need to reach a TestServer.
[[nodiscard]] HttpClientOptions client_options(HttpHeaders headers = {});

/// "http://" or "https://", as a TestServer of this run has it.
[[nodiscard]] std::string_view own_scheme();

/// "GET path HTTP/1.1" with a Host field, and `more` lines with their CR LF.
[[nodiscard]] std::string get(std::string_view path, std::string_view more = {});

/// A text/plain answer.
[[nodiscard]] HttpResponse text_response(std::string text);

/// The number behind "HTTP/1.1 "; 0 when there is none.
[[nodiscard]] int status_of(std::string_view response);

}  // namespace gpuvigil::testing
