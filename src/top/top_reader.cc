// SPDX-License-Identifier: Apache-2.0
#include "top/top_reader.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

constexpr std::size_t kMostRows = 1024;

const JsonValue::Array& elements(const JsonValue& list) {
  static const JsonValue::Array kNone;
  return list.as_array() == nullptr ? kNone : *list.as_array();
}

std::size_t rows_of(const JsonValue::Array& list) {
  return std::min(list.size(), kMostRows);
}

Maybe number(const JsonValue& value) {
  if (value.as_int() == nullptr && value.as_double() == nullptr) return std::nullopt;
  return value.number_or(0);
}

std::string text(const JsonValue& value) {
  return std::string(value.string_or(""));
}

bool is_true(const JsonValue& value) {
  return value.as_bool() != nullptr && *value.as_bool();
}

void add_word(std::string& list, std::string_view word) {
  if (word.empty()) return;
  if (!list.empty()) list += ", ";
  list += word;
}

/// "0-3,7" of the numbers of devices.
std::string device_list(const JsonValue& list) {
  std::vector<std::int64_t> numbers;
  for (const JsonValue& one : elements(list)) {
    if (one.as_int() != nullptr && numbers.size() < kMostRows) numbers.push_back(*one.as_int());
  }
  std::ranges::sort(numbers);
  std::string out;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!out.empty()) out += ',';
    out += fmt::format("{}", numbers[i]);
    if (last > i) out += fmt::format("-{}", numbers[last]);
    i = last + 1;
  }
  return out;
}

TopDevice read_device(const JsonValue& value) {
  const JsonValue& metrics = value["metrics"];
  TopDevice device{
      .index = static_cast<std::uint32_t>(std::clamp(value["index"].number_or(0), 0.0, 1e6)),
      .uuid = text(value["uuid"]),
      .name = text(value["name"]),
      .health = text(value["health"]),
      .busy = number(metrics["sm_active_percent"]),
      .tensor = number(metrics["tensor_active_percent"]),
      .memory_used = number(value["memory"]["used_mb"]),
      .memory_total = number(value["memory"]["total_mb"]),
      .power = number(value["power_watts"]),
      .power_limit = number(value["power_limit_watts"]),
      .temperature = number(value["temperature_celsius"]),
      .clock = number(value["sm_clock_mhz"]),
      .pcie_sent = number(metrics["pcie_sent_mb"]),
      .pcie_received = number(metrics["pcie_received_mb"]),
      .nvlink_sent = number(metrics["nvlink_sent_mb"]),
      .nvlink_received = number(metrics["nvlink_received_mb"])};
  if (!device.busy) device.busy = number(value["gpu_utilization"]);
  if (!device.busy) device.busy = number(value["kernel_busy_percent"]);
  for (const JsonValue& reason : elements(value["throttle_reasons"])) {
    add_word(device.state, reason.string_or(""));
  }
  for (const JsonValue& finding : elements(value["findings"])) {
    add_word(device.state, finding["code"].string_or(""));
  }
  return device;
}

TopKernel read_kernel(const JsonValue& value) {
  return {.id = text(value["id"]),
          .name = text(value["short_name"]),
          .kind = text(value["kind"]),
          .devices = device_list(value["devices"]),
          .share = number(value["share_percent"]),
          .total = number(value["total_time_ms"]),
          .calls = number(value["total_calls"]),
          .average = number(value["avg_time_ms"]),
          .p50 = number(value["p50_time_ms"]),
          .p95 = number(value["p95_time_ms"]),
          .p99 = number(value["p99_time_ms"]),
          .longest = number(value["max_time_ms"])};
}

/// Its pod, else its batch job, its container, its unit.
std::string where(const JsonValue& process) {
  if (const auto pod = process["pod"]["name"].string_or(""); !pod.empty()) {
    return fmt::format("{}/{}", process["pod"]["namespace"].string_or("?"), pod);
  }
  if (const auto job = process["slurm"]["job"].string_or(""); !job.empty()) {
    return fmt::format("job {}", job);
  }
  if (const auto id = process["container"]["id"].string_or(""); !id.empty()) {
    return std::string(id.substr(0, 12));
  }
  return text(process["unit"]);
}

void read_process(const JsonValue& value, std::vector<TopProcess>& into) {
  TopProcess process{
      .pid = static_cast<std::int64_t>(std::clamp(value["pid"].number_or(0), 0.0, 1e12)),
      .user = text(value["user"]),
      .where = where(value),
      .command = text(value["command"]),
      .why_unseen = text(value["no_kernels_reason"]),
      .started = text(value["started"])};
  if (process.command.empty()) process.command = text(value["name"]);
  for (const JsonValue& capture : elements(value["captures"])) {
    const bool is_blind = !capture["blind"].is_null();
    add_word(process.seen_by, is_blind ? fmt::format("{} (blind)", capture["by"].string_or("?"))
                                       : capture["by"].string_or("?"));
  }
  const JsonValue::Array& uses = elements(value["devices"]);
  for (std::size_t i = 0; i < rows_of(uses) && into.size() < kMostRows; ++i) {
    process.device =
        static_cast<std::int64_t>(std::clamp(uses[i]["device"].number_or(-1), -1.0, 1e6));
    process.memory = number(uses[i]["memory_mb"]);
    process.sm = number(uses[i]["sm_utilization_percent"]);
    process.calls = number(uses[i]["total_calls"]);
    process.kernel_time = number(uses[i]["kernel_time_ms"]);
    process.type = text(uses[i]["type"]);
    into.push_back(process);
  }
}

void read_alerts(const TopAnswers& answers, TopData& data) {
  const JsonValue::Array& alerts = elements(answers.alerts["alerts"]);
  for (std::size_t i = 0; i < rows_of(alerts); ++i) {
    data.alerts.push_back({.severity = text(alerts[i]["severity"]),
                           .since = text(alerts[i]["timestamp"]),
                           .message = text(alerts[i]["message"])});
  }
  data.active_alerts = answers.alerts["active_alerts"].number_or(0);
  const JsonValue::Array& events = elements(answers.events["events"]);
  for (std::size_t i = 0; i < rows_of(events); ++i) {
    data.events.push_back({.at = text(events[i]["timestamp"]),
                           .severity = text(events[i]["severity"]),
                           .message = text(events[i]["message"]),
                           .device = number(events[i]["device"])});
  }
  for (const JsonValue& count : elements(answers.events["counts"])) {
    if (count["kind"].string_or("") != "xid" || count["code"].as_int() == nullptr) continue;
    for (TopDevice& device : data.devices) {
      if (device.uuid == count["uuid"].string_or("")) {
        device.xid = fmt::format("{}", *count["code"].as_int());
      }
    }
  }
}

Maybe rate(const Maybe& before, const Maybe& now, double seconds) {
  if (!before || !now || seconds <= 0 || *now < *before) return std::nullopt;
  return (*now - *before) / seconds;
}

Maybe sum(const Maybe& a, const Maybe& b) {
  if (!a && !b) return std::nullopt;
  return a.value_or(0) + b.value_or(0);
}

}  // namespace

double seconds_of(std::string_view timestamp) {
  const auto digits = [&](std::size_t at, std::size_t count) {
    int value = -1;
    if (timestamp.size() >= at + count) {
      std::from_chars(timestamp.data() + at, timestamp.data() + at + count, value);
    }
    return value;
  };
  constexpr std::size_t kShortest = std::string_view("2026-01-02T03:04:05Z").size();
  if (timestamp.size() < kShortest || timestamp[10] != 'T' || !timestamp.ends_with('Z')) return 0;
  const std::chrono::year_month_day date{std::chrono::year(digits(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(digits(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(digits(8, 2)))};
  if (!date.ok()) return 0;
  double fraction = 0;
  if (timestamp[19] == '.') {
    double unit = 0.1;
    for (std::size_t i = 20; timestamp[i] >= '0' && timestamp[i] <= '9'; ++i, unit /= 10) {
      fraction += (timestamp[i] - '0') * unit;
    }
  }
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return static_cast<double>(days) * 86400.0 + digits(11, 2) * 3600.0 + digits(14, 2) * 60.0 +
         digits(17, 2) + fraction;
}

TopData read_top(TopAnswers answers) {
  TopData data;
  const std::string stamp = text(answers.devices["timestamp"]);
  data.at_seconds = seconds_of(stamp);
  if (data.at_seconds > 0) data.at = stamp.substr(11, 8);
  data.seq = static_cast<std::uint64_t>(std::clamp(answers.devices["seq"].number_or(0), 0.0, 1e15));
  data.is_demo = is_true(answers.devices["demo"]);
  data.reason = text(answers.devices["reason"]);

  const JsonValue::Array& devices = elements(answers.devices["devices"]);
  for (std::size_t i = 0; i < rows_of(devices); ++i) {
    data.devices.push_back(read_device(devices[i]));
  }
  const JsonValue::Array& kernels = elements(answers.kernels["kernels"]);
  for (std::size_t i = 0; i < rows_of(kernels); ++i) {
    data.kernels.push_back(read_kernel(kernels[i]));
  }
  for (const JsonValue& process : elements(answers.processes["processes"])) {
    read_process(process, data.processes);
  }
  const JsonValue& window = answers.kernels["window"];
  data.window_seconds = std::max(
      0.0, seconds_of(window["to"].string_or("")) - seconds_of(window["from"].string_or("")));
  data.coverage = window["coverage"].number_or(1);
  data.dropped = answers.kernels["dropped_executions"].number_or(0);
  data.total_kernels = answers.kernels["total_kernels"].number_or(0);
  data.total_processes = answers.processes["total_processes"].number_or(0);
  read_alerts(answers, data);
  data.devices_answer = std::make_shared<const JsonValue>(std::move(answers.devices));
  if (!answers.kernel.is_null()) {
    data.kernel_answer = std::make_shared<const JsonValue>(std::move(answers.kernel));
  }
  return data;
}

std::vector<double> TopHistory::follow(const std::string& key, double value, bool is_new) {
  Track& track = tracks_[key];
  track.seen = round_;
  if (is_new || track.points.empty()) track.points.push_back(value);
  if (track.points.size() > kPoints) track.points.pop_front();
  return {track.points.begin(), track.points.end()};
}

void TopHistory::add(TopData& data) {
  ++round_;
  // The same frame, asked for another time, is no new point.
  const bool is_new = data.at_seconds != last_at_;
  last_at_ = data.at_seconds;
  for (TopDevice& device : data.devices) {
    const std::string key = "d" + device.uuid;
    constexpr double kGap = std::numeric_limits<double>::quiet_NaN();
    device.trend = follow(key, device.busy.value_or(kGap), is_new);
    Counters& before = counters_[key];
    const double seconds = data.at_seconds - before.at;
    const Maybe nvlink = sum(device.nvlink_sent, device.nvlink_received);
    device.pcie_rate_out = rate(before.pcie_sent, device.pcie_sent, seconds);
    device.pcie_rate_in = rate(before.pcie_received, device.pcie_received, seconds);
    device.nvlink_rate = rate(before.nvlink, nvlink, seconds);
    before = {.at = data.at_seconds,
              .pcie_sent = device.pcie_sent,
              .pcie_received = device.pcie_received,
              .nvlink = nvlink,
              .calls = {},
              .seen = round_};
  }
  for (TopKernel& kernel : data.kernels) {
    const double seconds = std::max(data.window_seconds, 1e-3);
    kernel.trend =
        follow("k" + kernel.id + kernel.kind, kernel.total.value_or(0) / seconds, is_new);
  }
  for (TopProcess& process : data.processes) {
    Counters& before = counters_[fmt::format("p{}/{}", process.pid, process.device)];
    process.call_rate = rate(before.calls, process.calls, data.at_seconds - before.at);
    before.at = data.at_seconds;
    before.calls = process.calls;
    before.seen = round_;
  }
  const auto is_old = [this](const auto& entry) { return entry.second.seen + kPoints < round_; };
  std::erase_if(tracks_, is_old);
  std::erase_if(counters_, is_old);
}

}  // namespace gpuvigil
