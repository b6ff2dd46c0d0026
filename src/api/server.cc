// SPDX-License-Identifier: Apache-2.0
#include "gpuvigil/server.h"

#include <unistd.h>

#include "api/live_server.h"

namespace gpuvigil {

struct Server::Impl {
  Engine& engine;
  ServerOptions options;
  std::unique_ptr<LiveServer> live;  ///< Null while it does not run.
};

Server::Server(GpuMonitor& monitor, ServerOptions options)
    : impl_(new Impl{monitor.engine(), std::move(options), nullptr}) {}

Server::~Server() = default;

ServerStatus Server::start() {
  if (impl_->live) return ServerStatus("the server is running already, at " + url());
  LiveServerOptions options;
  options.http.address = impl_->options.address;
  options.http.port = impl_->options.port;
  options.access.own_user = ::geteuid();
  options.state_directory = default_state_directory();
  options.frame_period = impl_->engine.frame_period();
  auto live = LiveServer::start(impl_->engine, options);
  if (!live) return ServerStatus(live.error().message);
  impl_->live = *std::move(live);
  return {};
}

void Server::stop(std::chrono::milliseconds grace) {
  if (!impl_->live) return;
  impl_->live->stop(grace);
  impl_->live.reset();
}

std::string Server::url() const {
  return impl_->live ? impl_->live->url() : std::string();
}

std::uint16_t Server::port() const {
  return impl_->live ? impl_->live->port() : 0;
}

}  // namespace gpuvigil
