// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "api/request_stats.h"
#include "api/routes.h"
#include "auth/access.h"
#include "base/log.h"
#include "base/process_stats.h"
#include "engine/engine.h"
#include "net/http_server.h"

namespace gpuvigil {

/// What gpuvigil knows of itself at one instant.
struct SystemReport {
  Timestamp now;
  Duration uptime;
  const ProcessStats& process;
  HttpServerStats http;
  std::size_t stream_groups = 0;
  const Access& access;
  std::span<const Route> routes;
  std::span<const RequestStats> requests;  ///< As many, in the same order.
  EngineStats engine;
  Duration frame_period;
  const Frame& frame;
  const HistoryDoor& history;
  LogStats log;
};

/// The body of GET /api/v1/system.
[[nodiscard]] std::string system_json(const SystemReport& report);

}  // namespace gpuvigil
