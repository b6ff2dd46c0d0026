// SPDX-License-Identifier: Apache-2.0
// What history costs: bytes and CPU a sample, and how long a row takes, sealing included.
//   store_bench [HOURS [FILE]]   24 hours of 8 devices with 16 metrics; FILE is store_bench.db
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "model/metric.h"
#include "store/history_reader.h"
#include "store/history_writer.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kDevices = 8;
constexpr std::size_t kMetricsUsed = 16;
constexpr Timestamp kStart = Timestamp(std::chrono::seconds(1'767'322'800));

double seconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Sixteen metrics as boards give them: seven noisy, some that drift, some that hardly move.
class Machine {
 public:
  explicit Machine(std::size_t device) : random_(static_cast<unsigned>(device)) {}

  void write(std::int64_t second, double* values) {
    if (second % 97 == 0) load_ = uniform(0, 100);
    const double noise = normal(1);
    for (std::size_t m = 0; m < kMetricsUsed; ++m) values[m] = absent_value();
    values[0] = std::clamp(std::round(load_ + normal(3)), 0.0, 100.0);        // percent
    values[1] = std::clamp(std::round(load_ * 0.6 + normal(2)), 0.0, 100.0);  // percent
    values[2] = std::round((90 + load_ * 3 + normal(4)) * 10) / 10;           // watts
    values[3] = std::round(40 + load_ * 0.3 + noise);                         // celsius
    values[4] = 1410 - 15 * std::round(std::abs(normal(1)));                  // MHz
    values[5] = std::round((50 + normal(5)) * 10) / 10;                       // percent
    values[6] = std::round((1e9 + load_ * 1e7 + normal(1e6)) / 1e5) * 1e5;    // bytes
    if (second % 41 == 0) memory_ += 2097152 * std::round(normal(4));
    values[7] = memory_;
    energy_ += std::round(values[2]);
    values[8] = energy_;
    values[9] = 1593;
    values[10] = 400;
    values[11] = 0;
    values[12] = 1;
    values[13] = std::round(45 + static_cast<double>(second / 600 % 5));
    values[14] = 16;
    values[15] = static_cast<double>(second / 3600);
  }

 private:
  double normal(double sigma) { return std::normal_distribution<double>(0, sigma)(random_); }
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  std::mt19937 random_;
  double load_ = 50;
  double memory_ = 4e9;
  double energy_ = 0;
};

double percentile(std::vector<double>& values, double q) {
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

void ask(HistoryWriter& writer, const char* what, const HistoryQuery& query, Timestamp now) {
  std::vector<double> took;
  std::size_t points = 0;
  for (int i = 0; i < 20; ++i) {
    const double began = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    const auto plan = plan_history(writer, query, now);
    std::uint64_t damaged = 0;
    const auto answer = plan ? read_history(writer.database(), *plan, damaged)
                             : Result<HistoryAnswer>(std::unexpected(plan.error()));
    took.push_back(seconds_of(CLOCK_THREAD_CPUTIME_ID) - began);
    if (!answer) {
      fmt::print("{}: {}\n", what, answer.error().message);
      return;
    }
    points = answer->points * answer->series.size();
  }
  fmt::print("{}: {} points, {:.3f} ms CPU (median)\n", what, points, percentile(took, 0.5) * 1e3);
}

void report_sizes(HistoryWriter& writer, const std::string& path, std::int64_t rows,
                  const std::vector<double>& cpu) {
  double cpu_in_all = 0;
  for (const double one : cpu) cpu_in_all += one;
  const auto samples = static_cast<double>(rows) * kDevices * kMetricsUsed;
  (void)writer.database().checkpoint();
  struct stat file{};
  (void)::stat(path.c_str(), &file);
  fmt::print("{} samples: {:.3f} bytes and {:.3f} us of CPU a sample\n", samples,
             static_cast<double>(file.st_size) / samples, cpu_in_all / samples * 1e6);
  for (const auto& [tier, bytes] :
       {std::pair{"raw", "0"}, std::pair{"minutes", "1"}, std::pair{"hours", "2"}}) {
    const auto packed = writer.database().number(
        fmt::format("SELECT coalesce(sum(length(data)), 0) FROM segment WHERE tier={}", bytes));
    const auto head = writer.database().number(
        fmt::format("SELECT coalesce(sum(length(data)), 0) FROM head WHERE tier={}", bytes));
    fmt::print("  {}: {:.3f} bytes a sample in segments, {:.3f} in rows\n", tier,
               static_cast<double>(packed.value_or(0)) / samples,
               static_cast<double>(head.value_or(0)) / samples);
  }
}

void report_times(std::vector<double>& cpu, std::vector<double>& wall) {
  for (const auto& [name, values] : {std::pair{"CPU", &cpu}, std::pair{"wall", &wall}}) {
    fmt::print("append, {}: p50 {:.1f} us, p99 {:.1f} us, longest {:.1f} us\n", name,
               percentile(*values, 0.5) * 1e6, percentile(*values, 0.99) * 1e6,
               *std::ranges::max_element(*values) * 1e6);
  }
}

int run(std::int64_t hours, const std::string& path) {
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) ::unlink((path + suffix).c_str());
  HistoryOptions options{.path = path, .limits = {}};
  options.limits.ballast_bytes = 0;
  options.limits.raw = std::chrono::hours(10'000);
  auto writer = HistoryWriter::open(options, kStart);
  if (!writer) {
    fmt::print("{}\n", writer.error().message);
    return 1;
  }
  HistoryRow row;
  std::vector<Machine> machines;
  for (std::size_t d = 0; d < kDevices; ++d) {
    machines.emplace_back(d);
    row.devices.push_back(std::make_shared<const DeviceInfo>(DeviceInfo{
        .uuid = fmt::format("GPU-{}", d), .name = "", .pci_bus_id = "", .source = "bench"}));
  }
  row.values.assign(kDevices * kMetrics.size(), absent_value());
  const std::int64_t rows = hours * 3600;
  std::vector<double> wall;
  std::vector<double> cpu;
  for (std::int64_t s = 0; s < rows; ++s) {
    row.at = kStart + std::chrono::seconds(s);
    for (std::size_t d = 0; d < kDevices; ++d) {
      machines[d].write(s, row.values.data() + d * kMetrics.size());
    }
    const double wall_began = seconds_of(CLOCK_MONOTONIC);
    const double cpu_began = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    (*writer)->append(row);
    cpu.push_back(seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu_began);
    wall.push_back(seconds_of(CLOCK_MONOTONIC) - wall_began);
  }
  report_sizes(**writer, path, rows, cpu);
  report_times(cpu, wall);
  const Timestamp end = kStart + std::chrono::seconds(rows);
  ask(**writer, "a day at 1-minute averages, one metric of one device",
      {.metrics = {"power"},
       .devices = std::vector<std::string>{"GPU-3"},
       .from = end - std::chrono::hours(24),
       .to = end,
       .step = std::chrono::minutes(1)},
      end);
  ask(**writer, "an hour raw, one metric of 8 devices",
      {.metrics = {"power"},
       .devices = {},
       .from = end - std::chrono::hours(1),
       .to = end,
       .step = std::chrono::seconds(1)},
      end);
  return 0;
}

}  // namespace
}  // namespace gpuvigil

int main(int argc, char** argv) {
  const std::int64_t hours = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 24;
  return gpuvigil::run(std::max<std::int64_t>(hours, 1), argc > 2 ? argv[2] : "store_bench.db");
}
