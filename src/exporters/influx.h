// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "exporters/frame_metrics.h"
#include "exporters/push_format.h"

namespace gpuvigil {

/// InfluxDB's line protocol: a metric is a measurement with one field, `value`, its labels are
/// tags, its time is in nanoseconds. Numbers are always floats there, so no field ever changes its
/// type.
class InfluxFormat final : public PushFormat {
 public:
  static constexpr std::size_t kMaxSamples = 5000;  ///< Lines in one request.

  InfluxFormat(const MetricLimits& limits, std::string host) : metrics_(limits, std::move(host)) {}

  [[nodiscard]] std::vector<PushBody> encode(const Frame& frame) override;
  [[nodiscard]] static std::vector<PushBody> encode(std::span<const MetricFamily* const> families,
                                                    Timestamp at);
  [[nodiscard]] std::string_view content_type() const override;
  [[nodiscard]] std::vector<OutboundHeader> headers() const override { return {}; }
  [[nodiscard]] SendVerdict judge(const OutboundResult& result) const override;

 private:
  FrameMetrics metrics_;
};

}  // namespace gpuvigil
