// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "api/stream_hub.h"
#include "engine/engine.h"
#include "net/http.h"

namespace gpuvigil {

/// The HTTP and WebSocket API over one engine: finds the route, reads the parameters, answers from
/// a frame, turns every error into problem+json.
///
/// An answer is serialised once a frame, on first use, and its bytes are shared.
///
/// Threading: the server's thread only, except draining().
class Service final : public HttpHandler {
 public:
  /// `engine` must be started and must outlive the service. `frame_period` is in real time.
  Service(Engine& engine, Duration frame_period);

  std::optional<HttpResponse> handle(const HttpRequest& request, Deferral& deferral) override;
  std::variant<StreamAccepted, HttpResponse> upgrade(const HttpRequest& request,
                                                     StreamPeer& peer) override;
  HttpResponse refuse(unsigned status, std::string_view detail) override;

  [[nodiscard]] StreamHub& hub() { return hub_; }

  /// From now on /readyz says no. Any thread.
  void drain() { draining_ = true; }
  [[nodiscard]] bool draining() const { return draining_; }

  [[nodiscard]] Engine& engine() { return engine_; }

 private:
  Engine& engine_;
  StreamHub hub_;
  std::atomic<bool> draining_{false};
  std::shared_ptr<const Frame> cached_frame_;  ///< Whose answers `cache_` holds.
  std::map<std::string, HttpResponse, std::less<>> cache_;
};

}  // namespace gpuvigil
