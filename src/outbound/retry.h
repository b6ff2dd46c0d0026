// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "outbound/outbound_client.h"

namespace gpuvigil {

/// What is to become of something that was sent.
enum class Verdict {
  kDelivered,
  kRetry,  ///< Later it may be taken: 429, 5xx, nobody there.
  kDrop,   ///< It never will: every other status. Counted by whoever sends.
};

/// As most protocols mean it.
[[nodiscard]] Verdict judge(const OutboundResult& result);

struct Backoff {
  Duration first = std::chrono::milliseconds(500);
  Duration most = std::chrono::minutes(1);
};

/// How long to wait before the next try. Doubles with each of the `failures` (from 1 on) up to
/// `most`; `random` (any 64 bits) takes up to half of that away, so that many senders do not come
/// back at once. What the other side asked for is never undercut.
[[nodiscard]] Duration retry_delay(const Backoff& backoff, unsigned failures, std::uint64_t random,
                                   const OutboundResult& result);

}  // namespace gpuvigil
