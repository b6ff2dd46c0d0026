// SPDX-License-Identifier: Apache-2.0
//
// gpuvigil inside a program: record what your kernels do, ask what happened.
//
//     gpuvigil::GpuMonitor& monitor = gpuvigil::get_global_monitor();
//     auto conv2d = monitor.kernel("conv2d");
//     conv2d.record(std::chrono::microseconds(312));
//     std::puts(monitor.get_report().c_str());
//
// C++17; needs nothing but the standard library.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gpuvigil {

class Engine;
class GpuMonitor;
class Recorder;

/// Whether a call was taken, and if not, which argument was wrong. Converts to true when taken.
/// Cheap: it holds one pointer to a constant text.
class Status {
 public:
  constexpr Status() = default;  ///< Taken.
  explicit constexpr Status(const char* refusal) : refusal_(refusal) {}
  explicit constexpr operator bool() const { return refusal_ == nullptr; }
  /// Names the argument and says what it must be; empty when the call was taken.
  [[nodiscard]] constexpr std::string_view message() const {
    return refusal_ == nullptr ? std::string_view() : std::string_view(refusal_);
  }

 private:
  const char* refusal_ = nullptr;
};

/// What one kernel did over all devices since the monitor was made.
struct KernelRecord {
  std::string id;  ///< 16 hex digits: the first 64 bits of SHA-256 of the name.
  std::string name;
  std::string short_name;
  std::string kind;  ///< "compute", "collective", "memcpy" or "memset".
  std::uint64_t total_calls = 0;
  double total_time_ms = 0;
  double avg_time_ms = 0;
  double min_time_ms = 0;
  double max_time_ms = 0;
  double p50_time_ms = 0;  ///< Within 2 % of the nearest rank; so are p95 and p99.
  double p95_time_ms = 0;
  double p99_time_ms = 0;
  double stddev_time_ms = 0;
  std::optional<double> avg_memory_mb;  ///< Over the executions that carried memory.
  std::chrono::system_clock::time_point last_execution;
};

/// One execution of a kernel.
struct ExecutionRecord {
  std::string name;
  unsigned device = 0;
  double duration_ms = 0;
  std::optional<double> memory_mb;
  std::chrono::system_clock::time_point timestamp;  ///< Its end, at most 10 ms off.
};

/// One alert, pending, firing or resolved.
struct AlertRecord {
  std::string id;
  std::string rule;
  std::string severity;  ///< "warning" or "critical".
  std::string state;     ///< "pending", "firing" or "resolved".
  std::string message;
  std::string metric;
  double value = 0;
  double threshold = 0;
  unsigned device = 0;
  std::chrono::system_clock::time_point timestamp;  ///< When it began.
  std::optional<std::chrono::system_clock::time_point> resolved_at;
};

/// A kernel by handle, for hot loops: about 5 ns a record, see docs/benchmarks.md.
///
/// A plain value; copies are the same kernel. It must not be used after its monitor is gone.
/// Threading: safe from any thread, without a lock.
class KernelHandle {
 public:
  /// Counts one execution that ends now. Refused, counted and without effect: duration < 0, and
  /// everything on a handle that was asked for with a bad name or device.
  Status record(std::chrono::nanoseconds duration);
  /// The same with the device memory that it used.
  Status record(std::chrono::nanoseconds duration, std::uint64_t memory_bytes);

 private:
  friend class GpuMonitor;
  KernelHandle(GpuMonitor* monitor, Recorder* recorder, std::uint32_t id)
      : monitor_(monitor), recorder_(recorder), id_(id) {}
  GpuMonitor* monitor_;
  Recorder* recorder_;  ///< Null: a handle that refuses everything.
  std::uint32_t id_;
};

/// Records kernel executions and device readings of a program, and tells what they add up to.
///
/// Reads its own writes: what was recorded before a question is in its answer.
///
/// Threading: every member is safe from any thread; recording takes no lock. The monitor has one
/// thread of its own. After fork() the child must not use its parent's monitor.
/// Units: `_ms` milliseconds, `_mb` MiB (2^20 bytes), percent 0 to 100.
class GpuMonitor {
 public:
  GpuMonitor();
  ~GpuMonitor();
  GpuMonitor(const GpuMonitor&) = delete;
  GpuMonitor& operator=(const GpuMonitor&) = delete;

  /// Counts one execution that ends now, on device 0.
  /// Refused, counted and without effect: an empty name or one over 1 MiB; a duration or memory
  /// that is negative, NaN or infinite, or a duration over 10^12 ms.
  Status record_kernel_execution(std::string_view name, double duration_ms);
  Status record_kernel_execution(std::string_view name, double duration_ms, double memory_mb);

  /// The handle of a kernel on a device. One with an empty name, a name over 1 MiB or a device of
  /// 64 or more refuses every record. A name beyond the limit of 10 000 counts under "__other__".
  [[nodiscard]] KernelHandle kernel(std::string_view name, unsigned device = 0);

  /// Sets what is known of device 0, or of another one (at most 64).
  /// Refused, counted and without effect: utilization outside 0 to 100; memory that is negative,
  /// NaN or infinite; more used than there is; a device of 64 or more.
  Status update_gpu_stats(double utilization_percent, double memory_used_mb,
                          double memory_total_mb);
  Status update_gpu_stats(unsigned device, double utilization_percent, double memory_used_mb,
                          double memory_total_mb);

  /// A page of text for people.
  [[nodiscard]] std::string get_report() const;
  /// The body of GET /api/v1/gpu/report.
  [[nodiscard]] std::string export_to_json() const;

  /// Pending and firing alerts, then resolved ones, newest first.
  [[nodiscard]] std::vector<AlertRecord> get_alerts() const;
  /// Those that began at `since` or later.
  [[nodiscard]] std::vector<AlertRecord> get_alerts_since(
      std::chrono::system_clock::time_point since) const;
  [[nodiscard]] std::size_t get_active_alert_count() const;  ///< Firing ones.

  /// Mean over the devices that have it; absent when none has.
  [[nodiscard]] std::optional<double> get_gpu_utilization() const;
  /// Sums over the devices that have it, in MiB; absent when none has.
  [[nodiscard]] std::optional<double> get_memory_used() const;
  [[nodiscard]] std::optional<double> get_memory_total() const;

  /// Since the monitor was made.
  [[nodiscard]] std::chrono::duration<double> get_uptime() const;

  /// Every kernel, by total time, largest first.
  [[nodiscard]] std::vector<KernelRecord> get_all_kernel_stats() const;
  [[nodiscard]] std::size_t get_kernel_count() const;
  /// The newest executions, newest first; at most 1024 are kept.
  [[nodiscard]] std::vector<ExecutionRecord> get_recent_executions(std::size_t n) const;

 private:
  friend class KernelHandle;
  friend class Server;
  Status refuse_handle(bool is_valid);
  [[nodiscard]] Engine& engine() const;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The one monitor of this process, made on first use.
[[nodiscard]] GpuMonitor& get_global_monitor();

}  // namespace gpuvigil
