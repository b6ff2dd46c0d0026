// SPDX-License-Identifier: Apache-2.0
#include "apps/offline.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/progress.h"
#include "trace/offline.h"

namespace gpuvigil {

std::string describe_damage(const TraceSummary& summary, const std::string& file) {
  std::string text = summary.damage;
  if (summary.executions_unreadable > 0) {
    text += fmt::format("{}{} executions are not counted: their times cannot be",
                        text.empty() ? file + ": " : "; ", summary.executions_unreadable);
  }
  return text;
}

Result<Offline> Offline::read(const std::vector<std::string>& paths) {
  Offline made;
  made.monitor_ = std::make_unique<Monitor>(MonitorLimits());
  ProgressBar bar;
  GPUVIGIL_TRY(const auto summaries,
               read_into(*made.monitor_, paths, [&bar](std::uint64_t done, std::uint64_t total) {
                 bar.update(done, total);
               }));
  Timestamp end{};
  for (const TraceSummary& summary : summaries) {
    if (const std::string damage = describe_damage(summary, paths.front()); !damage.empty()) {
      made.damages_.push_back(damage);
    }
    if (summary.last_ns) {
      end = std::max(end, from_unix_ns(summary.base_unix_ns + *summary.last_ns));
    }
  }
  auto frame = made.monitor_->build(end, true);
  frame->seq = 1;
  frame->since = end;
  for (const DeviceRow& device : frame->devices) {
    if (device.activity.first_start) {
      frame->since = std::min(frame->since, *device.activity.first_start);
    }
  }
  if (frame->devices.empty()) frame->no_device_reason = "the recording holds no GPU work";
  made.frame_ = std::move(frame);
  return made;
}

KernelList kernels_of(const Monitor& monitor, const Frame& frame, const KernelQuery& query) {
  return query_kernels(frame, query, [&monitor](std::span<const PercentileRequest> requests) {
    std::vector<Percentiles> answers;
    for (const PercentileRequest& one : requests) {
      const auto sketch = monitor.sketch_of(one.kernel_id, one.kind, one.devices);
      answers.push_back(sketch ? percentiles(*sketch, one.min_ns, one.max_ns) : Percentiles());
    }
    return answers;
  });
}

}  // namespace gpuvigil
