// SPDX-License-Identifier: Apache-2.0
#include "apps/run_trace.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMostCaptures = 4096;

}  // namespace

void ExecutionLog::process(OwnerId owner, std::uint32_t pid, const CaptureState& state) {
  if (captures_.size() < kMostCaptures || captures_.contains(owner)) captures_[owner] = state;
  next_.process(owner, pid, state);
}

SeriesSlot ExecutionLog::series(OwnerId owner, DeviceSlot device, std::string_view recorded_name,
                                KernelKind kind) {
  const SeriesSlot slot = next_.series(owner, device, recorded_name, kind);
  if (most_ == 0) return slot;
  const auto index = static_cast<std::uint32_t>(device);
  const auto [known, is_new] = newest_.try_emplace(static_cast<std::uint32_t>(slot), 0);
  if (!is_new) {
    const ExecutionTrace::Series& same = series_[known->second];
    if (same.name == recorded_name && same.kind == kind && same.device == index) return slot;
  }
  known->second = static_cast<std::uint32_t>(series_.size());
  series_.push_back({.name = std::string(recorded_name), .kind = kind, .device = index});
  return slot;
}

void ExecutionLog::execution(SeriesSlot series, const Execution& execution) {
  keep(series, execution);
  next_.execution(series, execution);
}

void ExecutionLog::recent(SeriesSlot series, const Execution& execution) {
  keep(series, execution);
  next_.recent(series, execution);
}

void ExecutionLog::keep(SeriesSlot series, const Execution& execution) {
  if (executions_.size() >= most_) return;
  const auto known = newest_.find(static_cast<std::uint32_t>(series));
  if (known == newest_.end()) return;
  const Timestamp start = execution.start.value_or(execution.end - execution.duration);
  executions_.push_back({.series = known->second,
                         .start_ns = start.time_since_epoch().count(),
                         .duration_ns = static_cast<std::uint64_t>(execution.duration.count())});
}

std::vector<CaptureState> ExecutionLog::captures() const {
  std::vector<CaptureState> all;
  for (const auto& [owner, state] : captures_) all.push_back(state);
  return all;
}

Result<void> write_trace(const ExecutionLog& log, const Frame& frame, std::uint64_t total,
                         const TextSink& sink) {
  std::vector<ExecutionTrace::Device> devices;
  for (const DeviceRow& row : frame.devices) {
    devices.push_back({.index = row.index, .name = row.info->name, .uuid = row.info->uuid});
  }
  return write_chrome_trace({.devices = devices,
                             .series = log.series(),
                             .events = log.executions(),
                             .details = {},
                             .total = total,
                             .facts = {}},
                            sink);
}

}  // namespace gpuvigil
