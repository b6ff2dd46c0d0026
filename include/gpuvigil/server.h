// SPDX-License-Identifier: Apache-2.0
//
// The whole API from inside a program, in two lines:
//
//     gpuvigil::Server server(gpuvigil::get_global_monitor());
//     server.start();
//
// C++17; needs nothing but the standard library.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "gpuvigil/gpu_monitor.h"

namespace gpuvigil {

/// Whether a server was started, and if not, why not. Converts to true when it was.
class [[nodiscard]] ServerStatus {
 public:
  ServerStatus() = default;  ///< Started.
  explicit ServerStatus(std::string refusal) : refusal_(std::move(refusal)) {}
  explicit operator bool() const { return refusal_.empty(); }
  /// Names address and port and says what is wrong with them; empty when the server was started.
  [[nodiscard]] const std::string& message() const { return refusal_; }

 private:
  std::string refusal_;
};

struct ServerOptions {
  /// A number, or "localhost". Programs of this user may read over the loopback interface;
  /// everybody else, and every write, needs a token (gpuvigil token create).
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;  ///< 0: any free one; port() tells which.
};

/// Serves REST, the stream and the status page of a GpuMonitor: its own records, alerts and
/// devices, not a copy of them.
///
/// Threading: one thread at a time. The server has one thread of its own, which takes none of the
/// program's signals. After fork() the child must not use its parent's server.
class Server {
 public:
  /// `monitor` must outlive the server. Nothing happens before start().
  explicit Server(GpuMonitor& monitor, ServerOptions options = {});
  /// Stops.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Listens and answers when it returns. Refused when it runs already, when the address cannot be
  /// had or the port is taken. May be called again after stop().
  ServerStatus start();

  /// Finishes the requests in flight, for at most `grace`, and closes the streams. Idempotent.
  void stop(std::chrono::milliseconds grace = std::chrono::seconds(1));

  /// "http://127.0.0.1:8080", without a slash at its end; empty while it does not run.
  [[nodiscard]] std::string url() const;
  /// 0 while it does not run.
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gpuvigil
