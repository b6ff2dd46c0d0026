// SPDX-License-Identifier: Apache-2.0
#include "api/live_server.h"

#include <utility>
#include <vector>

#include "api/ingest.h"
#include "base/thread.h"

namespace gpuvigil {

namespace {

/// What the mode of authorization means for the server in front of it.
HttpServerOptions http_options(const LiveServerOptions& options) {
  HttpServerOptions http = options.http;
  http.identify_users = options.access.mode == AuthMode::kLocal;
  http.allow_remote = options.access.mode != AuthMode::kOff;
  http.limits.request.body_bytes = kMaxIngestBytes;
  return http;
}

}  // namespace

LiveServer::LiveServer(Engine& engine, const LiveServerOptions& options)
    : engine_(engine),
      access_(options.access, TokenFile(options.state_directory), clock_),
      service_(engine, access_, options.frame_period, options.metrics) {
  service_.set_tracer(options.tracer);
}

Result<std::unique_ptr<LiveServer>> LiveServer::start(Engine& engine,
                                                      const LiveServerOptions& options) {
  std::unique_ptr<LiveServer> live(new LiveServer(engine, options));
  GPUVIGIL_TRY(live->http_, HttpServer::open(http_options(options), live->service_));
  live->service_.set_history(options.history);
  live->service_.set_http_stats([http = live->http_.get()] { return http->stats(); });
  live->service_.set_export_stats(options.export_stats);
  live->service_.set_desk(options.desk);
  live->wire();
  return live;
}

void LiveServer::wire() {
  StreamHub& hub = service_.hub();
  http_->every(StreamHub::kTick, [&hub] { hub.tick(std::chrono::steady_clock::now()); });
  http_->every(std::chrono::seconds(1), [this] { service_.refresh_access(); });
  listener_ = engine_.add_listener([this, &hub](const auto&, std::span<const Alert> changes) {
    if (!changes.empty()) {
      http_->post(
          [&hub, list = std::vector(changes.begin(), changes.end())] { hub.alerts_changed(list); });
    }
    // A fast replay closes frames faster than they can be told: one notice at a time.
    if (edge_is_told_.exchange(true)) return;
    const bool posted = http_->post([this] {
      edge_is_told_ = false;
      service_.frame_closed(std::chrono::steady_clock::now());
    });
    if (!posted) edge_is_told_ = false;
  });
  net_ = start_thread("gpuvigil-net", [this] { http_->run(); });
}

LiveServer::~LiveServer() {
  stop(Duration::zero());
}

void LiveServer::stop(Duration grace) {
  if (!net_.joinable()) return;
  service_.drain();
  http_->stop(grace);
  net_.join();
  engine_.remove_listener(listener_);
}

std::string LiveServer::url() const {
  return http_->url();
}

}  // namespace gpuvigil
