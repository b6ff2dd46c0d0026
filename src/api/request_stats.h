// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"
#include "model/latency_sketch.h"

namespace gpuvigil {

/// What the requests of one route came to, and how long it took to answer each.
struct RequestStats {
  std::uint64_t requests = 0;
  std::uint64_t client_errors = 0;  ///< 4xx: what they asked was wrong.
  std::uint64_t server_errors = 0;  ///< 5xx: we could not.
  std::uint64_t longest_ns = 0;
  LatencySketch latency;

  /// `status` is 0 where the client had gone before the answer.
  void add(unsigned status, Duration took) {
    const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
    ++requests;
    client_errors += status >= 400 && status < 500 ? 1 : 0;
    server_errors += status >= 500 ? 1 : 0;
    longest_ns = std::max(longest_ns, ns);
    latency.add(ns);
  }
};

}  // namespace gpuvigil
