// SPDX-License-Identifier: Apache-2.0
#include "apps/tables.h"

#include <fmt/format.h>

#include "apps/cells.h"
#include "views/human.h"
#include "views/text_table.h"

namespace gpuvigil {

using namespace detail;

std::string status_table(const JsonValue& status) {
  TextTable table({{"GPU"},
                   {"Util"},
                   {"Kernel"},
                   {"Memory"},
                   {"Temp"},
                   {"Power"},
                   {"SM clock"},
                   {"Health", Align::kLeft},
                   {"Source", Align::kLeft},
                   {"Name", Align::kLeft, true}});
  std::string notes;
  for (const JsonValue& device : elements(status["devices"])) {
    table.add_row({number(device["index"], 0), percent(device["gpu_utilization"]),
                   percent(device["kernel_busy_percent"]), memory(device["memory"]),
                   number(device["temperature_celsius"], 0, " °C"),
                   number(device["power_watts"], 0, " W"),
                   number(device["sm_clock_mhz"], 0, " MHz"), text(device["health"]),
                   text(device["source"]), text(device["name"])});
    const std::string throttled = joined(device["throttle_reasons"]);
    if (throttled != "-") {
      notes += fmt::format("GPU {} is throttled: {}\n", number(device["index"], 0), throttled);
    }
  }
  std::string out = banner(status);
  if (table.empty()) {
    out += fmt::format("no device: {}\n", text(status["reason"]));
  } else {
    table.append_to(out);
  }
  out += notes;
  return out + fmt::format(
                   "all: utilization {}, memory {}, up {}\n", percent(status["gpu_utilization"]),
                   memory(status["memory"]),
                   human_uptime(static_cast<std::uint64_t>(status["uptime_seconds"].number_or(0))));
}

std::string kernels_table(const JsonValue& kernels) {
  TextTable table({{"Share"},
                   {"Total"},
                   {"Calls"},
                   {"Avg"},
                   {"p50"},
                   {"p99"},
                   {"Max"},
                   {"GPU"},
                   {"Kernel", Align::kLeft, true}});
  for (const JsonValue& row : elements(kernels["kernels"])) {
    table.add_row({percent(row["share_percent"]), milliseconds(row["total_time_ms"]),
                   count(row["total_calls"]), milliseconds(row["avg_time_ms"]),
                   milliseconds(row["p50_time_ms"]), milliseconds(row["p99_time_ms"]),
                   milliseconds(row["max_time_ms"]), joined(row["devices"]),
                   text(row["short_name"])});
  }
  std::string out = banner(kernels);
  table.append_to(out);
  out += fmt::format("{} of {} kernels", elements(kernels["kernels"]).size(),
                     count(kernels["total_kernels"]));
  if (kernels["dropped_executions"].number_or(0) > 0) {
    out +=
        fmt::format("; {} executions could not be counted", count(kernels["dropped_executions"]));
  }
  return out + "\n";
}

std::string alerts_table(const JsonValue& alerts) {
  TextTable table({{"Severity", Align::kLeft},
                   {"State", Align::kLeft},
                   {"Since", Align::kLeft},
                   {"GPU"},
                   {"Value"},
                   {"Message", Align::kLeft, true}});
  for (const JsonValue& alert : elements(alerts["alerts"])) {
    table.add_row({text(alert["severity"]), text(alert["state"]), text(alert["timestamp"]),
                   number(alert["device"], 0), number(alert["value"], 1), text(alert["message"])});
  }
  std::string out = banner(alerts);
  if (table.empty()) {
    out += "no alerts\n";
  } else {
    table.append_to(out);
  }
  return out + fmt::format("{} active, {} today\n", count(alerts["active_alerts"]),
                           count(alerts["total_alerts_today"]));
}

std::string stream_line(const JsonValue& message) {
  if (message["type"].string_or("") == "alert") {
    const JsonValue& alert = message["alert"];
    return fmt::format("{}  {} {}: {}\n", text(alert["timestamp"]), text(alert["severity"]),
                       text(alert["state"]), text(alert["message"]));
  }
  std::string line = banner(message).empty() ? "" : "DEMO  ";
  line += fmt::format("{}  {:>6}  {:>9}", text(message["timestamp"]),
                      percent(message["gpu_utilization"]), mebibytes(message["memory_used_mb"]));
  for (const JsonValue& kernel : elements(message["recent_kernels"])) {
    line += fmt::format("  {} {}", fold_middle(text(kernel["name"]), 40),
                        milliseconds(kernel["duration_ms"]));
  }
  if (message["dropped"].number_or(0) > 0) {
    line += fmt::format("  ({} messages missed)", count(message["dropped"]));
  }
  return line + "\n";
}

}  // namespace gpuvigil
