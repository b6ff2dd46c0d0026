// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/frame.h"
#include "model/kernel_query.h"
#include "model/list_queries.h"
#include "views/summary.h"

/// What the API answers, as pure functions of a frame. Field names, units and what is null are
/// those of api/openapi.yaml; a null has its reason beside it, in `reasons`.
///
/// Threading: all safe from any thread.
namespace gpuvigil {

/// GET /api/v1/gpu/status.
[[nodiscard]] std::string status_json(const Frame& frame, const DeviceSelection& selection = {});

/// GET /api/v1/gpu/kernels. `list` is of that frame.
[[nodiscard]] std::string kernels_json(const Frame& frame, const KernelList& list);

/// One kernel in full.
struct KernelDetail {
  KernelStats stats;
  CoveredWindow window;
  LatencySketch sketch;                 ///< Over the devices of `stats`.
  std::vector<SeriesRow> devices;       ///< The same kernel on each of its devices.
  std::vector<ProcessShare> processes;  ///< Those that report themselves and ran it.
};

/// GET /api/v1/gpu/kernels/{id}. The last executions are those that the frame still lists.
[[nodiscard]] std::string kernel_detail_json(const Frame& frame, const KernelDetail& detail);

/// GET /api/v1/gpu/alerts. The counts are of the frame, whatever was selected.
[[nodiscard]] std::string alerts_json(const Frame& frame, std::span<const Alert* const> selected);

/// GET /api/v1/gpu/devices, and one of them.
[[nodiscard]] std::string devices_json(const Frame& frame, const DeviceSelection& selection);
[[nodiscard]] std::string device_json(const Frame& frame, const DeviceRow& row);

/// GET /api/v1/gpu/topology.
[[nodiscard]] std::string topology_json(const Frame& frame);

/// GET /api/v1/gpu/processes. `list` is of that frame.
[[nodiscard]] std::string processes_json(const Frame& frame, const ProcessList& list);

/// GET /api/v1/gpu/events. The counts are of the frame, whatever was selected.
[[nodiscard]] std::string events_json(const Frame& frame, std::span<const Event* const> selected);

/// GET /api/v1/gpu/report. `top` are the ten kernels with the most time.
[[nodiscard]] std::string report_json(const Frame& frame, const KernelList& top);

/// What one subscription is told each time.
struct StreamView {
  DeviceSelection devices;
  std::vector<const RecentExecution*> recent;  ///< Newest first.
};

/// A `gpu_metrics` message without its end: all clients of a subscription share this text, only
/// what end_metrics() adds is a connection's own.
[[nodiscard]] std::string begin_metrics_json(const Frame& frame, const StreamView& view);

/// Adds how many messages a connection has missed, and the closing brace.
void end_metrics_json(std::string& message, std::uint64_t dropped);

/// The `alert` message of the stream.
[[nodiscard]] std::string alert_json(const Alert& alert);

}  // namespace gpuvigil
