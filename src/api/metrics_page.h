// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/routes.h"
#include "api/self_metrics.h"
#include "exporters/device_metrics.h"
#include "exporters/frame_metrics.h"
#include "exporters/metrics_text.h"
#include "model/frame.h"
#include "net/http.h"

namespace gpuvigil {

struct MetricsOptions {
  MetricNames names = MetricNames::kOwn;  ///< Where a request does not say it.
  MetricLimits limits;
  std::string host;  ///< Stands in the labels of devices. Empty: what this machine is called.
};

/// The answers of GET /metrics: one text a frame, format and choice of names, made when it is
/// first asked for.
///
/// Threading: one thread.
class MetricsPage {
 public:
  explicit MetricsPage(MetricsOptions options);

  using Report = std::function<void(const std::function<void(const SystemReport&)>&)>;

  /// `report` hands a report on the server to what it is given; it is called when the text has to
  /// be made.
  [[nodiscard]] HttpResponse answer(const std::shared_ptr<const Frame>& frame,
                                    std::string_view accept, MetricNames names,
                                    const Report& report);

  /// Lets go of the last frame and of its texts.
  void forget();

  [[nodiscard]] MetricNames default_names() const { return names_; }

 private:
  [[nodiscard]] std::string make(const Frame& frame, TextFormat format, MetricNames names,
                                 const Report& report);

  const MetricNames names_;
  FrameMetrics metrics_;
  DeviceMetrics dcgm_;
  SelfMetrics self_;
  MetricsText text_;
  std::shared_ptr<const Frame> frame_;  ///< Of the texts that are kept.
  std::array<std::array<std::shared_ptr<const std::string>, 3>, 2> kept_;  ///< By format, names.
};

}  // namespace gpuvigil
