// SPDX-License-Identifier: Apache-2.0
#include "api/live_server.h"

#include <utility>
#include <vector>

#include "base/thread.h"

namespace gpuvigil {

LiveServer::LiveServer(Engine& engine, Duration frame_period)
    : engine_(engine), service_(engine, frame_period) {}

Result<std::unique_ptr<LiveServer>> LiveServer::start(Engine& engine,
                                                      const LiveServerOptions& options) {
  std::unique_ptr<LiveServer> live(new LiveServer(engine, options.frame_period));
  GPUVIGIL_TRY(live->http_, HttpServer::open(options.http, live->service_));
  live->wire();
  return live;
}

void LiveServer::wire() {
  StreamHub& hub = service_.hub();
  http_->every(StreamHub::kTick, [&hub] { hub.tick(std::chrono::steady_clock::now()); });
  listener_ = engine_.add_listener([this, &hub](const auto&, std::span<const Alert> changes) {
    if (changes.empty()) return;
    http_->post(
        [&hub, list = std::vector(changes.begin(), changes.end())] { hub.alerts_changed(list); });
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
