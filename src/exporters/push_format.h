// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "exporters/metric_family.h"
#include "outbound/retry.h"

namespace gpuvigil {

/// One request's worth of samples.
struct PushBody {
  std::uint32_t samples = 0;
  std::string bytes;
};

/// How metrics are written for one kind of receiver, and what its answers mean.
///
/// Threading: encode() on one thread; the const members from any.
class PushFormat {
 public:
  virtual ~PushFormat() = default;

  /// Everything that is there at that time, in the order in which it is to be sent. The families
  /// are the same objects at each call.
  [[nodiscard]] virtual std::vector<PushBody> encode(std::span<const MetricFamily* const> families,
                                                     Timestamp at) = 0;

  [[nodiscard]] virtual std::string_view content_type() const = 0;
  [[nodiscard]] virtual std::vector<OutboundHeader> headers() const = 0;
  [[nodiscard]] virtual Verdict judge(const OutboundResult& result) const = 0;
};

}  // namespace gpuvigil
