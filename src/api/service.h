// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/answer_cache.h"
#include "api/metrics_page.h"
#include "api/request_stats.h"
#include "api/routes.h"
#include "api/stream_hub.h"
#include "auth/access.h"
#include "engine/engine.h"
#include "net/http.h"
#include "net/http_server.h"

namespace gpuvigil {

/// The HTTP and WebSocket API over one engine: finds the route, asks who calls, reads the
/// parameters, answers from a frame, turns every error into problem+json.
///
///     path known? ── 404        who? ── 401, 429        may they? ── 403        parameters ── 400
///
/// An answer is serialised once a frame, on first use, and its bytes are shared.
///
/// Threading: the server's thread only, except drain().
class Service final : public HttpHandler {
 public:
  /// `engine` must be started; it and `access` must outlive the service. `frame_period` is in real
  /// time.
  Service(Engine& engine, Access& access, Duration frame_period, MetricsOptions metrics = {});

  std::optional<HttpResponse> handle(const HttpRequest& request, Deferral& deferral) override;
  std::variant<StreamAccepted, HttpResponse> upgrade(const HttpRequest& request,
                                                     StreamPeer& peer) override;
  HttpResponse refuse(unsigned status, std::string_view detail) override;
  void settled(std::uint64_t request, unsigned status) override;

  [[nodiscard]] StreamHub& hub() { return hub_; }

  /// The engine has closed a frame. Lets go of the last one, which the engine then frees: ten
  /// thousand names are not for this thread to release while somebody waits for an answer.
  void frame_closed(std::chrono::steady_clock::time_point now);

  /// Where GET /system learns what the server in front of this has done; before its first request.
  void set_http_stats(std::function<HttpServerStats()> stats) { http_stats_ = std::move(stats); }

  /// Where it learns how exporters fare; before its first request.
  void set_export_stats(std::function<std::vector<ExportStats>()> stats) {
    export_stats_ = std::move(stats);
  }
  /// Whom GET /history asks; before its first request. The store must outlive the service.
  void set_history(HistoryDoor history) { history_ = std::move(history); }
  /// By whom single executions are had; null, the default: by nobody. It must outlive the service.
  /// Before the first request.
  void set_tracer(Tracer* tracer) { tracer_ = tracer; }
  /// Where rules, silences and channels are set; before its first request. It must outlive the
  /// service.
  void set_desk(AlertDesk* desk) { desk_ = desk; }

  /// Looks whether tokens have changed, closes the streams of those that are gone, and logs how
  /// many callers were refused. To be called about once a second.
  void refresh_access();

  /// From now on /readyz says no. Any thread.
  void drain() { draining_ = true; }
  [[nodiscard]] bool draining() const { return draining_; }

  [[nodiscard]] Engine& engine() { return engine_; }

 private:
  /// Who may use a route, or the answer for who may not.
  std::variant<Caller, HttpResponse> admit(const Credentials& credentials, RouteAccess access);
  /// The answer where there is no such path, or not with this method.
  HttpResponse lost(const HttpRequest& request, const RouteMatch& match);
  std::optional<HttpResponse> answer(const HttpRequest& request, const RouteMatch& match,
                                     Deferral& deferral);
  std::optional<HttpResponse> serve(const HttpRequest& request, const RouteMatch& match,
                                    const Caller& caller, Deferral& deferral);
  /// What the log and the statistics say of a request.
  struct Noted {
    std::uint64_t id;
    Method method;
    std::string_view client;
    std::string_view path;
    const Route* route;  ///< Null: of none.
  };
  /// Counts and logs a request that has been answered; `status` 0: its client has gone before.
  void note(const Noted& request, unsigned status, Duration took);
  /// Once a second one line for all who were refused: it must not be theirs to fill the log.
  void tell_refusals();
  /// Hands `take` what this server knows of itself.
  void report(const std::function<void(const SystemReport&)>& take) const;
  [[nodiscard]] std::string describe_system() const;
  [[nodiscard]] HttpResponse metrics(const HttpRequest& request, std::optional<MetricNames> names);

  Engine& engine_;
  Access& access_;
  AlertDesk* desk_ = nullptr;
  StreamHub hub_;
  std::atomic<bool> draining_{false};
  /// A request whose answer comes later.
  struct Later {
    Method method;
    std::string client;
    std::string path;
    const Route* route;
    std::chrono::steady_clock::time_point began;
  };
  std::map<std::uint64_t, Later> later_;  ///< By their ids; at most one a connection.
  const Timestamp started_;               ///< On the engine's clock.
  std::uint64_t rounds_ = 0;              ///< Of refresh_access().
  std::vector<RequestStats> stats_;       ///< One a route, in their order.
  Access::Counters told_;                 ///< Of the refusals, what the log has been told.
  HistoryDoor history_;
  std::function<HttpServerStats()> http_stats_;
  std::function<std::vector<ExportStats>()> export_stats_;
  Tracer* tracer_ = nullptr;
  const std::function<std::string()> describe_system_ = [this] { return describe_system(); };
  const MetricsAnswer answer_metrics_ = [this](const HttpRequest& request,
                                               std::optional<MetricNames> names) {
    return metrics(request, names);
  };
  AnswerCache answers_;
  MetricsPage metrics_;
};

}  // namespace gpuvigil
