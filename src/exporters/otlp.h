// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "exporters/device_metrics.h"
#include "exporters/frame_metrics.h"
#include "exporters/push_format.h"

namespace gpuvigil {

/// OTLP over HTTP, in protocol buffers (opentelemetry-proto 1.x, metrics): devices by the
/// conventions hw.*, everything else by our names with their units in UCUM.
class OtlpFormat final : public PushFormat {
 public:
  /// `host` is the resource's host.name.
  OtlpFormat(const MetricLimits& limits, std::string host);

  [[nodiscard]] std::vector<PushBody> encode(const Frame& frame) override;
  [[nodiscard]] std::string_view content_type() const override;
  [[nodiscard]] std::vector<OutboundHeader> headers() const override { return {}; }
  /// Only 429, 502, 503 and 504 are tried again (the specification's "Retryable Response Codes").
  [[nodiscard]] SendVerdict judge(const OutboundResult& result) const override;

 private:
  const std::string host_;
  DeviceMetrics devices_;
  FrameMetrics metrics_;
};

}  // namespace gpuvigil
