// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "model/frame.h"
#include "model/history.h"

namespace gpuvigil {

/// GET /api/v1/gpu/history. `frame` says which index a device has now.
[[nodiscard]] std::string history_json(const Frame& frame, const HistoryQuery& query,
                                       const HistoryAnswer& answer);

/// The same as CSV (RFC 4180), a line a value; gaps are left out.
[[nodiscard]] std::string history_csv(const Frame& frame, const HistoryAnswer& answer);

/// As rules and the API name it.
[[nodiscard]] std::string_view to_string(HistoryAggregate aggregate);

}  // namespace gpuvigil
