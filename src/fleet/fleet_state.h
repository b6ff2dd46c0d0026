// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "fleet/promql_client.h"
#include "model/fleet.h"

namespace gpuvigil {

inline constexpr std::size_t kMaxFleetNodes = 4096;
inline constexpr std::size_t kMaxFleetDevices = 32'768;  ///< Of all nodes.

/// A node that has not written for so long says nothing of now.
inline constexpr Duration kSilentAfter = std::chrono::minutes(2);

/// Who was there within the last hour, and since when there is nothing from them.
[[nodiscard]] std::string fleet_seen_expression();

/// Which devices they had.
[[nodiscard]] std::string fleet_devices_expression();

/// What they tell now.
[[nodiscard]] std::string fleet_values_expression();

/// What the answers to these three mean.
/// Errors: kTooLarge for more nodes or devices than there may be.
[[nodiscard]] Result<FleetState> fleet_state_of(Timestamp now, std::span<const PromSeries> seen,
                                                std::span<const PromSeries> devices,
                                                std::span<const PromSeries> values);

}  // namespace gpuvigil
