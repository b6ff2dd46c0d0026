// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "model/fleet.h"
#include "model/frame.h"

namespace gpuvigil {

enum class FleetSort { kNode, kUtilization, kMemory, kAlerts };

/// Which machines, in which order.
struct FleetQuery {
  std::vector<std::string> names;  ///< Globs; empty: all.
  std::optional<bool> is_silent;
  FleetSort sort_by = FleetSort::kNode;
  bool descending = false;
  std::size_t limit = 100;
  std::size_t offset = 0;
};

/// A version that not all have.
struct FleetDrift {
  struct Other {
    std::string version;
    std::vector<std::string> nodes;  ///< By name.
  };
  std::string what;           ///< "gpuvigil_version", "driver_version".
  std::string usual;          ///< What most nodes have; of equals the least.
  std::vector<Other> others;  ///< By version.
};

/// What is not the same on all nodes that tell it; empty: everything is.
[[nodiscard]] std::vector<FleetDrift> fleet_drift(const FleetState& state);

/// GET /api/v1/gpu/fleet. Sums and drift are of all nodes that match, whatever the limit.
[[nodiscard]] std::string fleet_json(const Frame& frame, const FleetQuery& query,
                                     const FleetState& state);

/// GET /api/v1/gpu/fleet/history.
[[nodiscard]] std::string fleet_history_json(const Frame& frame, const FleetHistoryQuery& query,
                                             const FleetHistory& answer);

}  // namespace gpuvigil
