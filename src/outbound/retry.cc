// SPDX-License-Identifier: Apache-2.0
#include "outbound/retry.h"

#include <algorithm>

#include "base/assert.h"

namespace gpuvigil {

Verdict judge(const OutboundResult& result) {
  if (!result) {
    return result.error().fault == OutboundFault::kBadRequest ? Verdict::kDrop : Verdict::kRetry;
  }
  const long status = result->status;
  if (status >= 200 && status < 300) return Verdict::kDelivered;
  return status == 429 || status >= 500 ? Verdict::kRetry : Verdict::kDrop;
}

Duration retry_delay(const Backoff& backoff, unsigned failures, std::uint64_t random,
                     const OutboundResult& result) {
  GPUVIGIL_ASSERT(failures > 0);
  Duration whole = backoff.first;
  for (unsigned i = 1; i < failures && whole < backoff.most; ++i) whole *= 2;
  whole = std::min(whole, backoff.most);
  const auto half = static_cast<std::uint64_t>(whole.count() / 2);
  const Duration delay = whole - Duration(static_cast<std::int64_t>(random % (half + 1)));
  if (!result || !result->retry_after) return delay;
  return std::max(delay, *result->retry_after);
}

}  // namespace gpuvigil
