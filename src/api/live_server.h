// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "api/service.h"
#include "auth/access.h"
#include "base/clock.h"
#include "base/result.h"
#include "engine/engine.h"
#include "net/http_server.h"

namespace gpuvigil {

struct LiveServerOptions {
  HttpServerOptions http;
  AccessOptions access;
  std::string state_directory;  ///< Where its tokens are; empty: there are none.
  Duration frame_period = std::chrono::seconds(1);  ///< Of the engine, in real time.
  HistoryDoor history;                              ///< What it leads to outlives the server.
  Tracer* tracer = nullptr;  ///< To outlive the server; null: nobody can be traced.
  MetricsOptions metrics = {};
  /// How exporters fare; empty: there are none. Any thread may call it.
  std::function<std::vector<ExportStats>()> export_stats = {};
  AlertDesk* desk = nullptr;  ///< Must outlive the server; null: nothing of alerts can be set.
};

/// A running engine behind HTTP: the service, its server and the thread of both.
///
/// Threading: one thread at a time; the const members from any.
class LiveServer {
 public:
  /// Listens and answers when it returns. `engine` must be started, be stopped only after this
  /// server, and outlive it. Errors: those of HttpServer::open().
  [[nodiscard]] static Result<std::unique_ptr<LiveServer>> start(Engine& engine,
                                                                 const LiveServerOptions& options);
  /// Stops without grace.
  ~LiveServer();
  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;

  /// /readyz says no from now on; requests in flight are finished, for at most `grace`; streams
  /// are closed with 1001. Idempotent.
  void stop(Duration grace);

  /// Runs `task` on the server's thread, soon. False, and it never runs, when too many wait.
  bool post(std::function<void()> task) { return http_->post(std::move(task)); }

  /// "http://127.0.0.1:8080", without a slash at its end.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] std::uint16_t port() const { return http_->port(); }

 private:
  LiveServer(Engine& engine, const LiveServerOptions& options);
  void wire();

  Engine& engine_;
  const SystemClock clock_;
  Access access_;
  Service service_;
  std::unique_ptr<HttpServer> http_;
  Engine::ListenerId listener_{};
  std::atomic<bool> edge_is_told_{false};  ///< To the hub, which has not looked yet.
  std::thread net_;
};

}  // namespace gpuvigil
