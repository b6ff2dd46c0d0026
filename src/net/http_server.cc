// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.h"

#include <utility>

#include <fmt/format.h>

#include "net/server_core.h"
#include "net/socket.h"

namespace gpuvigil {

HttpServer::HttpServer(std::unique_ptr<ServerCore> core) : core_(std::move(core)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::open(const HttpServerOptions& options,
                                                     HttpHandler& handler) {
  GPUVIGIL_TRY(const Endpoint endpoint, Endpoint::parse(options.address, options.port));
  if (!endpoint.is_loopback() && !options.allow_remote) {
    return fail(
        Errc::kInvalidArgument,
        fmt::format("{} can be reached from other machines, which needs authorization; switch it "
                    "on, or listen on 127.0.0.1 or [::1]",
                    endpoint.to_string()));
  }
  for (const std::string& origin : options.allowed_origins) {
    if (is_origin(origin)) continue;
    return fail(
        Errc::kInvalidArgument,
        fmt::format("'{}' is not an origin; write one like https://gpu.example:8443", origin));
  }
  std::unique_ptr<TlsIdentity> identity;
  if (options.tls) {
    GPUVIGIL_TRY(identity, TlsIdentity::open(*options.tls));
  }
  GPUVIGIL_TRY(auto listener, listen_on(endpoint));
  GPUVIGIL_TRY(auto loop, EventLoop::open());
  GPUVIGIL_TRY(auto replies, ReplyBox::open(options.limits.connections + 1));
  auto core = std::make_unique<ServerCore>(options, handler,
                                           ServerParts{.loop = std::move(loop),
                                                       .replies = std::move(replies),
                                                       .identity = std::move(identity),
                                                       .listener = std::move(listener)});
  GPUVIGIL_CHECK(core->start());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(core)));
}

std::uint16_t HttpServer::port() const {
  return core_->endpoint.port();
}
std::string HttpServer::endpoint() const {
  return core_->endpoint.to_string();
}

std::string HttpServer::url() const {
  return (core_->options.tls ? "https://" : "http://") + endpoint();
}

void HttpServer::run() {
  core_->run();
}

bool HttpServer::post(std::function<void()> task) {
  return core_->loop->post(std::move(task));
}

void HttpServer::every(Duration period, std::function<void()> task) {
  core_->loop->every(period, std::move(task));
}

void HttpServer::stop(Duration grace) {
  core_->request_stop(grace);
}

HttpServerStats HttpServer::stats() const {
  const auto& counters = core_->counters;
  return {.connections = counters.connections.get(),
          .streams = counters.streams.get(),
          .accepted = counters.accepted.get(),
          .refused_connections = counters.refused_connections.get(),
          .requests = counters.requests.get(),
          .refused_requests = counters.refused_requests.get(),
          .failed_handshakes = counters.failed_handshakes.get(),
          .timeouts = counters.timeouts.get(),
          .bytes_in = counters.bytes_in.get(),
          .bytes_out = counters.bytes_out.get(),
          .messages_dropped = counters.messages_dropped.get(),
          .tasks_dropped = core_->loop->dropped_tasks() + core_->replies->dropped()};
}

}  // namespace gpuvigil
