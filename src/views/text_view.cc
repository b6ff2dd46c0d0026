// SPDX-License-Identifier: Apache-2.0
#include "views/text_view.h"

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "model/alert_query.h"
#include "views/human.h"
#include "views/summary.h"
#include "views/text_table.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kAbsent = "-";

/// Why there are dashes in a table: for each reason, in which columns.
class Footnotes {
 public:
  template <class T, class Show>
  std::string cell(std::string_view column, const Reading<T>& reading, Show show) {
    if (reading) return show(*reading);
    auto& columns = columns_[reading.error()];
    if (std::ranges::find(columns, column) == columns.end()) columns.push_back(column);
    return std::string(kAbsent);
  }

  void append_to(std::string& out) const {
    for (const auto& [why, columns] : columns_) {
      out += fmt::format("  {} {}: {}\n", kAbsent, fmt::join(columns, ", "), to_string(why));
    }
  }

 private:
  std::map<Missing, std::vector<std::string_view>> columns_;
};

template <class T, class Show>
std::string or_dash(const Reading<T>& reading, Show show) {
  return reading ? show(*reading) : std::string(kAbsent);
}

std::string show_percent(Percent percent) {
  return human_percent(percent.count());
}

std::string name_of(const DeviceInfo& info) {
  return info.name.empty() ? std::string(kAbsent) : clean_text(info.name);
}

std::string throttle_text(std::uint32_t bits) {
  std::vector<std::string_view> names;
  for (const ThrottleReason& reason : kThrottleReasons) {
    // An idle clock is low because nothing is asked of it: no news in a narrow table.
    if ((bits & reason.bit) != 0 && reason.bit != kThrottleGpuIdle) names.push_back(reason.name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

void append_throttling(std::string& out, const std::vector<const DeviceRow*>& devices) {
  for (const DeviceRow* row : devices) {
    const std::string names = throttle_text(row->sample.throttle_reasons.value_or(0));
    if (!names.empty()) out += fmt::format("  GPU {} throttled: {}\n", row->index, names);
  }
}

void append_devices(std::string& out, const std::vector<const DeviceRow*>& devices) {
  TextTable table({{.title = "GPU"},
                   {.title = "NAME", .align = Align::kLeft, .folds = true},
                   {.title = "UTIL"},
                   {.title = "BUSY"},
                   {.title = "MEM USED"},
                   {.title = "OF"},
                   {.title = "POWER"},
                   {.title = "TEMP"},
                   {.title = "SM CLOCK"},
                   {.title = "SOURCE", .align = Align::kLeft},
                   {.title = "HEALTH", .align = Align::kLeft}});
  Footnotes notes;
  for (const DeviceRow* row : devices) {
    const DeviceSample& s = row->sample;
    table.add_row(
        {fmt::format("{}", row->index), name_of(*row->info),
         notes.cell("UTIL", shown_utilization(*row), show_percent),
         notes.cell("BUSY", row->kernel_busy, show_percent),
         notes.cell("MEM USED", s.memory_used, human_bytes),
         notes.cell("OF", s.memory_total, human_bytes),
         notes.cell("POWER", s.power, [](Watts w) { return fmt::format("{:.0f} W", w.count()); }),
         notes.cell("TEMP", s.temperature,
                    [](Celsius c) { return fmt::format("{:.0f} °C", c.count()); }),
         notes.cell("SM CLOCK", s.sm_clock,
                    [](Megahertz m) { return fmt::format("{} MHz", m.count()); }),
         clean_text(row->info->source), std::string(to_string(s.health))});
  }
  table.append_to(out);
  notes.append_to(out);
  append_throttling(out, devices);
}

/// What the devices did since counting began, where anybody watched.
void append_device_use(std::string& out, const Frame& frame) {
  TextTable table({{.title = "GPU"},
                   {.title = "KERNEL BUSY"},
                   {.title = "WITH COPIES"},
                   {.title = "FIRST START TO LAST END"},
                   {.title = "KERNEL BUSY OF IT"},
                   {.title = "WATCHED FOR"}});
  for (const DeviceRow& row : frame.devices) {
    const auto span = span_ns(row.activity);
    if (!span) continue;
    const auto share = span_utilization(row.activity);
    table.add_row({fmt::format("{}", row.index), human_time(row.activity.kernel_busy_ns),
                   human_time(row.activity.gpu_busy_ns), human_time(*span),
                   share ? human_percent(*share) : std::string(kAbsent),
                   human_time(row.activity.covered_ns)});
  }
  if (table.empty()) return;
  out += "\nGPU TIME\n";
  table.append_to(out);
}

void append_no_device(std::string& out, const Frame& frame) {
  const std::string why = clean_text(frame.no_device_reason);
  out += fmt::format("  no device{}{}\n", why.empty() ? "" : ": ", why);
}

void append_kernels(std::string& out, const std::vector<KernelStats>& rows) {
  TextTable table({{.title = "KERNEL", .align = Align::kLeft, .folds = true},
                   {.title = "CALLS"},
                   {.title = "TOTAL"},
                   {.title = "SHARE"},
                   {.title = "AVG"},
                   {.title = "P50"},
                   {.title = "P99"},
                   {.title = "MAX"}});
  for (const KernelStats& stats : rows) {
    const KernelCounters& counters = stats.counters;
    const auto time = [&](std::uint64_t ns) {
      return counters.calls == 0 ? std::string(kAbsent) : human_time(ns);
    };
    const std::uint64_t mean =
        counters.calls == 0 ? 0 : rounded_mean(counters.sum_ns, counters.calls);
    table.add_row({clean_text(stats.name->short_name), human_count(counters.calls),
                   human_time(counters.sum_ns), human_percent(stats.share_percent), time(mean),
                   time(stats.percentiles.p50_ns), time(stats.percentiles.p99_ns),
                   time(counters.max_ns)});
  }
  if (table.empty()) {
    out += "  no kernel has run\n";
  } else {
    table.append_to(out);
  }
}

void append_alerts(std::string& out, std::span<const Alert* const> alerts) {
  if (alerts.empty()) {
    out += "  none\n";
    return;
  }
  TextTable table({{.title = "SEVERITY", .align = Align::kLeft},
                   {.title = "STATE", .align = Align::kLeft},
                   {.title = "SINCE", .align = Align::kLeft},
                   {.title = "GPU"},
                   {.title = "MESSAGE", .align = Align::kLeft, .folds = true},
                   {.title = "WORST"}});
  for (const Alert* alert : alerts) {
    table.add_row({std::string(to_string(alert->severity)), std::string(to_string(alert->state)),
                   human_timestamp(alert->began),
                   alert->uuid.empty() ? "-" : fmt::format("{}", alert->device),
                   clean_text(alert->message), fmt::format("{:.4g}", alert->value)});
  }
  table.append_to(out);
}

void append_losses(std::string& out, const LossCounters& losses) {
  std::string lines;
  for (const LossInfo& info : kLosses) {
    if (losses[info.loss] == 0) continue;
    lines +=
        fmt::format("  {:>12}  {}: {}\n", human_count(losses[info.loss]), info.name, info.help);
  }
  if (!lines.empty()) out += "\nLOST OR INEXACT\n" + lines;
}

void append_heading(std::string& out, const Frame& frame) {
  out += fmt::format("gpuvigil report   {}   up {}\n", human_timestamp(frame.edge),
                     human_uptime(uptime_seconds(frame)));
  if (is_demo(frame)) out += fmt::format("{}\n", kDemoBanner);
}

void append_machine(std::string& out, const std::vector<const DeviceRow*>& devices) {
  const MachineTotals totals = total_of(devices);
  if (!totals.utilization && !totals.memory_used) return;
  out += fmt::format("  all: utilization {}", or_dash(totals.utilization, show_percent));
  if (totals.memory_used) out += fmt::format(", memory {}", human_bytes(*totals.memory_used));
  if (totals.memory_used && totals.memory_total) {
    out += fmt::format(" of {}", human_bytes(*totals.memory_total));
  }
  out += '\n';
}

void append_status(std::string& out, const Frame& frame) {
  const auto devices = selected_devices(frame, {});
  if (devices.empty()) return append_no_device(out, frame);
  append_devices(out, devices);
  append_machine(out, devices);
}

void append_summary(std::string& out, const Frame& frame) {
  const KernelSummary kernels = summarize_kernels(frame);
  out += fmt::format("  {} calls, {} of GPU time", human_count(kernels.calls),
                     human_time(kernels.time_ns));
  if (kernels.calls > 0) {
    out += fmt::format(", {} on average", human_time(rounded_mean(kernels.time_ns, kernels.calls)));
  }
  out += fmt::format("; memory: {}\n", memory_efficiency(frame.memory_reuse));
}

}  // namespace

std::string report_text(const Frame& frame, const KernelList& top) {
  std::string out;
  append_heading(out, frame);
  out += "\nDEVICES\n";
  append_status(out, frame);
  append_device_use(out, frame);
  out += "\nTOP KERNELS BY TIME\n";
  append_kernels(out, top.rows);
  if (top.total_kernels > top.rows.size()) {
    out += fmt::format("  and {} more\n", human_count(top.total_kernels - top.rows.size()));
  }
  append_summary(out, frame);
  const auto alerts = select_alerts(frame, {.limit = 0});
  out += fmt::format("\nACTIVE ALERTS ({})\n", alerts.size());
  append_alerts(out, alerts);
  append_losses(out, frame.losses);
  return out;
}

}  // namespace gpuvigil
