// SPDX-License-Identifier: Apache-2.0
#include "gpuvigil/gpu_monitor.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "engine/engine.h"
#include "model/alert_query.h"
#include "model/metric.h"
#include "views/json_views.h"
#include "views/text_view.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxRecordedNameBytes = 1024 * 1024;
constexpr double kMaxDurationMs = 1e12;
constexpr double kMaxMemoryMb = 1e9;
constexpr unsigned kMaxRecordedDevices = 64;

constexpr Status kBadName("name must have 1 byte to 1 MiB");
constexpr Status kBadDuration("duration_ms must be from 0 to 10^12, and a number");
constexpr Status kBadHandleDuration("duration must not be negative");
constexpr Status kBadHandle("the kernel's name must have 1 byte to 1 MiB, its device be below 64");
constexpr Status kBadMemory("memory_mb must be from 0 to 10^9, and a number");
constexpr Status kBadUtilization("utilization_percent must be from 0 to 100, and a number");
constexpr Status kBadUsed("memory_used_mb must be from 0 to 10^9, and a number");
constexpr Status kBadTotal("memory_total_mb must be from 0 to 10^9, and a number");
constexpr Status kUsedOverTotal("memory_used_mb must not be more than memory_total_mb");
constexpr Status kBadDevice("device must be below 64");

/// NaN is in no range.
bool in_range(double value, double high) {
  return value >= 0 && value <= high;
}

Bytes from_mebibytes(double mb) {
  return Bytes(static_cast<std::uint64_t>(std::llround(mb * kBytesPerMebibyte)));
}

double to_ms(std::uint64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

std::chrono::system_clock::time_point to_system(Timestamp at) {
  return std::chrono::time_point_cast<std::chrono::system_clock::duration>(at);
}

KernelRecord record_of(const KernelStats& stats) {
  const KernelCounters& c = stats.counters;
  KernelRecord record;
  record.id = format_kernel_id(stats.name->id);
  record.name = stats.name->name;
  record.short_name = stats.name->short_name;
  record.kind = to_string(stats.kind);
  record.total_calls = c.calls;
  record.total_time_ms = to_ms(c.sum_ns);
  record.avg_time_ms = to_ms(c.sum_ns) / static_cast<double>(c.calls);
  record.min_time_ms = to_ms(c.min_ns);
  record.max_time_ms = to_ms(c.max_ns);
  record.p50_time_ms = to_ms(stats.percentiles.p50_ns);
  record.p95_time_ms = to_ms(stats.percentiles.p95_ns);
  record.p99_time_ms = to_ms(stats.percentiles.p99_ns);
  record.stddev_time_ms = stddev_ns(c) / 1e6;
  if (c.memory_calls > 0) {
    record.avg_memory_mb = static_cast<double>(c.memory_bytes) /
                           static_cast<double>(c.memory_calls) / kBytesPerMebibyte;
  }
  record.last_execution = to_system(stats.last_end);
  return record;
}

AlertRecord record_of(const Alert& alert) {
  AlertRecord record;
  record.id = alert.id;
  record.rule = alert.rule;
  record.severity = to_string(alert.severity);
  record.state = to_string(alert.state);
  record.message = alert.message;
  record.metric = alert.metric;
  record.value = alert.value;
  record.threshold = alert.threshold;
  record.device = alert.device;
  record.timestamp = to_system(alert.began);
  if (alert.resolved_at) record.resolved_at = to_system(*alert.resolved_at);
  return record;
}

ExecutionRecord record_of(const RecentExecution& recent) {
  ExecutionRecord record;
  record.name = recent.name->name;
  record.device = recent.device;
  record.duration_ms = static_cast<double>(recent.duration.count()) / 1e6;
  if (recent.memory) record.memory_mb = to_mebibytes(*recent.memory);
  record.timestamp = to_system(recent.end);
  return record;
}

/// A sum over the devices that have the reading; nothing when none has.
template <class Read>
std::optional<double> sum_over(const Frame& frame, Read read, std::size_t* count = nullptr) {
  double sum = 0;
  std::size_t found = 0;
  for (const DeviceRow& device : frame.devices) {
    if (const auto value = read(device)) {
      sum += *value;
      ++found;
    }
  }
  if (count != nullptr) *count = found;
  return found == 0 ? std::nullopt : std::optional(sum);
}

EngineOptions monitor_options() {
  EngineOptions options;
  options.no_device_reason = "this program has not told of a device yet; call update_gpu_stats()";
  return options;
}

}  // namespace

struct GpuMonitor::Impl {
  Impl() : engine(monitor_options(), clock) { engine.start(); }

  Status refuse(Status why) {
    engine.count_refused();
    return why;
  }

  SystemClock clock;
  Engine engine;
};

GpuMonitor::GpuMonitor() : impl_(std::make_unique<Impl>()) {}
GpuMonitor::~GpuMonitor() = default;

Status KernelHandle::record(std::chrono::nanoseconds duration) {
  if (recorder_ == nullptr || duration.count() < 0) {
    return monitor_->refuse_handle(recorder_ != nullptr);
  }
  recorder_->record(id_, static_cast<std::uint64_t>(duration.count()));
  return {};
}

Status KernelHandle::record(std::chrono::nanoseconds duration, std::uint64_t memory_bytes) {
  if (recorder_ == nullptr || duration.count() < 0) {
    return monitor_->refuse_handle(recorder_ != nullptr);
  }
  recorder_->record(id_, static_cast<std::uint64_t>(duration.count()), memory_bytes);
  return {};
}

Engine& GpuMonitor::engine() const {
  return impl_->engine;
}

Status GpuMonitor::refuse_handle(bool is_valid) {
  return impl_->refuse(is_valid ? kBadHandleDuration : kBadHandle);
}

Status GpuMonitor::record_kernel_execution(std::string_view name, double duration_ms) {
  if (name.empty() || name.size() > kMaxRecordedNameBytes) return impl_->refuse(kBadName);
  if (!in_range(duration_ms, kMaxDurationMs)) return impl_->refuse(kBadDuration);
  impl_->engine.recorder().record(name, 0, static_cast<std::uint64_t>(duration_ms * 1e6 + 0.5));
  return {};
}

Status GpuMonitor::record_kernel_execution(std::string_view name, double duration_ms,
                                           double memory_mb) {
  if (name.empty() || name.size() > kMaxRecordedNameBytes) return impl_->refuse(kBadName);
  if (!in_range(duration_ms, kMaxDurationMs)) return impl_->refuse(kBadDuration);
  if (!in_range(memory_mb, kMaxMemoryMb)) return impl_->refuse(kBadMemory);
  impl_->engine.recorder().record(name, 0, static_cast<std::uint64_t>(duration_ms * 1e6 + 0.5),
                                  from_mebibytes(memory_mb).count());
  return {};
}

KernelHandle GpuMonitor::kernel(std::string_view name, unsigned device) {
  const bool good_name = !name.empty() && name.size() <= kMaxRecordedNameBytes;
  if (!good_name || device >= kMaxRecordedDevices) return {this, nullptr, 0};
  Recorder& recorder = impl_->engine.recorder();
  return {this, &recorder, recorder.intern(name, device)};
}

Status GpuMonitor::update_gpu_stats(double utilization_percent, double memory_used_mb,
                                    double memory_total_mb) {
  return update_gpu_stats(0, utilization_percent, memory_used_mb, memory_total_mb);
}

Status GpuMonitor::update_gpu_stats(unsigned device, double utilization_percent,
                                    double memory_used_mb, double memory_total_mb) {
  if (device >= kMaxRecordedDevices) return impl_->refuse(kBadDevice);
  if (!in_range(utilization_percent, 100)) return impl_->refuse(kBadUtilization);
  if (!in_range(memory_used_mb, kMaxMemoryMb)) return impl_->refuse(kBadUsed);
  if (!in_range(memory_total_mb, kMaxMemoryMb)) return impl_->refuse(kBadTotal);
  if (memory_used_mb > memory_total_mb) return impl_->refuse(kUsedOverTotal);
  DeviceSample sample = absent_sample(Missing::kUnsupported, impl_->clock.now());
  sample.gpu_utilization = Percent(utilization_percent);
  sample.memory_used = from_mebibytes(memory_used_mb);
  sample.memory_total = from_mebibytes(memory_total_mb);
  impl_->engine.update_device(device, sample);
  return {};
}

std::string GpuMonitor::get_report() const {
  const auto frame = impl_->engine.peek();
  return report_text(*frame, impl_->engine.kernels(*frame, top_ten()));
}

std::string GpuMonitor::export_to_json() const {
  const auto frame = impl_->engine.peek();
  return report_json(*frame, impl_->engine.kernels(*frame, top_ten()));
}

std::vector<AlertRecord> GpuMonitor::get_alerts() const {
  return get_alerts_since({});
}

std::vector<AlertRecord> GpuMonitor::get_alerts_since(
    std::chrono::system_clock::time_point since) const {
  std::vector<AlertRecord> records;
  for (const Alert& alert : impl_->engine.peek()->alerts) {
    if (to_system(alert.began) >= since) records.push_back(record_of(alert));
  }
  return records;
}

std::size_t GpuMonitor::get_active_alert_count() const {
  return count_active_alerts(*impl_->engine.peek());
}

std::optional<double> GpuMonitor::get_gpu_utilization() const {
  std::size_t devices = 0;
  const auto sum = sum_over(
      *impl_->engine.peek(),
      [](const DeviceRow& row) { return detail::as_number(shown_utilization(row)); }, &devices);
  return sum ? std::optional(*sum / static_cast<double>(devices)) : std::nullopt;
}

std::optional<double> GpuMonitor::get_memory_used() const {
  const auto bytes = sum_over(*impl_->engine.peek(), [](const DeviceRow& row) {
    return detail::as_number(row.sample.memory_used);
  });
  return bytes ? std::optional(*bytes / kBytesPerMebibyte) : std::nullopt;
}

std::optional<double> GpuMonitor::get_memory_total() const {
  const auto bytes = sum_over(*impl_->engine.peek(), [](const DeviceRow& row) {
    return detail::as_number(row.sample.memory_total);
  });
  return bytes ? std::optional(*bytes / kBytesPerMebibyte) : std::nullopt;
}

std::chrono::duration<double> GpuMonitor::get_uptime() const {
  return impl_->clock.now() - impl_->engine.frame()->since;
}

std::vector<KernelRecord> GpuMonitor::get_all_kernel_stats() const {
  const auto frame = impl_->engine.peek();
  const KernelList list = impl_->engine.kernels(
      *frame, {.sort_by = KernelSort::kTotalTime, .limit = 0, .kind = KindFilter::kAll});
  std::vector<KernelRecord> all;
  all.reserve(list.rows.size());
  for (const KernelStats& row : list.rows) all.push_back(record_of(row));
  return all;
}

std::size_t GpuMonitor::get_kernel_count() const {
  const auto frame = impl_->engine.peek();
  return static_cast<std::size_t>(std::ranges::count_if(
      frame->kernels, [](const KernelRow& row) { return row.counters.calls > 0; }));
}

std::vector<ExecutionRecord> GpuMonitor::get_recent_executions(std::size_t n) const {
  const auto frame = impl_->engine.peek();
  std::vector<ExecutionRecord> newest;
  for (const RecentExecution& recent : frame->recent) {
    if (newest.size() >= n) break;
    newest.push_back(record_of(recent));
  }
  return newest;
}

GpuMonitor& get_global_monitor() {
  // Never destroyed: threads may still record while the program's statics go down.
  static GpuMonitor& monitor = *new GpuMonitor;
  return monitor;
}

}  // namespace gpuvigil
