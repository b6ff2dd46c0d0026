// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exporters/device_metrics.h"
#include "exporters/kernel_board.h"
#include "exporters/metric_family.h"
#include "exporters/metric_rows.h"
#include "model/frame.h"

namespace gpuvigil {

/// How many series of each kind there may be at most. What finds no room is counted, and told as
/// gpuvigil_metrics_left_out.
struct MetricLimits {
  std::size_t top_kernels = 50;
  std::size_t processes = 128;  ///< Pairs of a process and a device; those with the most memory.
  std::size_t alerts = 256;
  std::size_t events = 256;
  static constexpr std::size_t kMaxTopKernels = 1000;
  /// Values of labels that programs choose are cut to this.
  static constexpr std::size_t kMaxLabelBytes = 256;
};

/// Everything that a frame tells, as metrics by our own names: devices, kernels, processes, alerts,
/// events, losses, drivers.
///
/// Threading: one thread.
class FrameMetrics {
 public:
  /// `host` stands in the labels of devices.
  FrameMetrics(const MetricLimits& limits, std::string host);

  /// Takes an edge. Series point into this object and hold until the next update().
  void update(const Frame& frame);

  /// All families, in the order in which they are shown; those without series too.
  [[nodiscard]] std::vector<const MetricFamily*> families() const;

  /// The same without those of devices, for systems that have names of their own for them.
  [[nodiscard]] std::vector<const MetricFamily*> families_without_devices() const;

 private:
  void update_kernels(const Frame& frame);
  void prepare_kernels();
  void update_processes(const Frame& frame);
  void update_alerts(const Frame& frame);
  void update_events(const Frame& frame);
  void update_rest(const Frame& frame);

  const MetricLimits limits_;
  DeviceMetrics devices_;
  KernelBoard board_;
  std::uint64_t board_generation_ = 0;
  std::deque<Labels> kernel_labels_;
  std::array<MetricFamily, 3> kernels_;  ///< Calls, seconds, quantiles.
  MetricRows processes_;
  MetricRows alert_counts_;
  MetricRows alerts_;
  MetricRows events_;
  MetricRows losses_;
  MetricRows backends_;
  MetricRows frames_;
  MetricRows build_;
  MetricRows left_out_;
  std::size_t processes_left_out_ = 0;
  std::size_t alerts_left_out_ = 0;
  std::size_t events_left_out_ = 0;
};

}  // namespace gpuvigil
