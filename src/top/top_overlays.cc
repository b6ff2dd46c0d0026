// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "top/top_panes.h"
#include "top/top_text.h"

namespace gpuvigil::detail {
namespace {

struct Line {
  std::string text;
  Ink ink = Ink::kPlain;
};
using Lines = std::vector<Line>;

/// Shows what fits, from where it is scrolled to; more than there is cannot be scrolled away.
void draw_lines(Canvas& canvas, std::size_t row, std::size_t rows, const Lines& lines,
                std::size_t scroll) {
  const std::size_t most = lines.size() > rows ? lines.size() - rows : 0;
  const std::size_t first = std::min(scroll, most);
  for (std::size_t i = 0; i < rows && first + i < lines.size(); ++i) {
    canvas.put(row + i, 1, fold_text(lines[first + i].text, canvas.size().columns - 2),
               lines[first + i].ink);
  }
  if (most > 0) {
    canvas.put_right(
        row, canvas.size().columns - 1,
        fmt::format(" {}-{} of {}", first + 1, std::min(first + rows, lines.size()), lines.size()),
        Ink::kSoft);
  }
}

Maybe number(const JsonValue& value) {
  if (value.as_int() == nullptr && value.as_double() == nullptr) return std::nullopt;
  return value.number_or(0);
}

const JsonValue::Array& elements(const JsonValue& list) {
  static const JsonValue::Array kNone;
  return list.as_array() == nullptr ? kNone : *list.as_array();
}

/// A whole text over as many lines as it takes, at most twenty.
void add_wrapped(Lines& lines, std::string_view text, std::size_t width, Ink ink) {
  constexpr std::size_t kMostLines = 20;
  width = std::max<std::size_t>(width, 8);
  for (std::size_t i = 0; i < kMostLines && !text.empty(); ++i) {
    std::size_t end = 0;
    while (end < text.size() && text_width(text.substr(0, end + 1)) <= width) {
      ++end;
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
    }
    if (end == 0) break;
    lines.push_back({std::string(text.substr(0, end)), ink});
    text.remove_prefix(end);
  }
  if (!text.empty()) lines.push_back({"…", Ink::kSoft});
}

/// The histogram in at most twelve rows: neighbours are added up.
void add_histogram(Lines& lines, const JsonValue& histogram, std::size_t columns) {
  const JsonValue::Array& buckets = elements(histogram["buckets"]);
  if (buckets.empty()) return;
  constexpr std::size_t kMostRows = 12;
  const std::size_t each = (buckets.size() + kMostRows - 1) / kMostRows;
  struct Row {
    Maybe from;
    Maybe to;
    double count = 0;
  };
  std::vector<Row> rows;
  double most = 1;
  for (std::size_t i = 0; i < buckets.size(); i += each) {
    Row row{.from = number(buckets[i]["from_ms"])};
    for (std::size_t j = i; j < std::min(i + each, buckets.size()); ++j) {
      row.to = number(buckets[j]["to_ms"]);
      row.count += buckets[j]["count"].number_or(0);
    }
    most = std::max(most, row.count);
    rows.push_back(row);
  }
  const std::size_t width = columns > 44 ? std::min<std::size_t>(columns - 40, 80) : 8;
  lines.push_back({"How long it took, from the beginning", Ink::kTitle});
  for (const Row& row : rows) {
    const std::string line = bar(row.count / most, width);
    lines.push_back(
        {fmt::format("{:>7} to {:>7} {:>6}  {}", short_time(row.from),
                     row.to ? short_time(row.to) : "more", short_count(row.count), line)});
  }
}

void add_split(Lines& lines, std::string_view title, std::string_view key,
               const JsonValue::Array& rows) {
  if (rows.empty()) return;
  constexpr std::size_t kMostRows = 64;
  lines.push_back({});
  lines.push_back({std::string(title), Ink::kTitle});
  for (std::size_t i = 0; i < std::min(rows.size(), kMostRows); ++i) {
    const JsonValue& row = rows[i];
    lines.push_back({fmt::format(
        "{:>8}  calls {:>6}  total {:>6}  average {:>6}  longest {:>6}",
        short_whole(number(row[key])), short_count(number(row["total_calls"])),
        short_time(number(row["total_time_ms"])), short_time(number(row["avg_time_ms"])),
        short_time(number(row["max_time_ms"])))});
  }
}

std::string dimensions(const JsonValue& list) {
  std::string out;
  for (const JsonValue& one : elements(list)) {
    if (!out.empty()) out += "×";
    out += short_whole(number(one));
    if (out.size() > 40) break;
  }
  return out.empty() ? "-" : out;
}

void add_shapes(Lines& lines, const JsonValue::Array& shapes) {
  if (shapes.empty()) return;
  lines.push_back({});
  lines.push_back({"How it was launched", Ink::kTitle});
  for (std::size_t i = 0; i < std::min<std::size_t>(shapes.size(), 16); ++i) {
    const JsonValue& shape = shapes[i];
    lines.push_back({fmt::format(
        "grid {:<14} block {:<10} registers {:<4} calls {:>6}  total {}", dimensions(shape["grid"]),
        dimensions(shape["block"]), short_whole(number(shape["registers"])),
        short_count(number(shape["total_calls"])), short_time(number(shape["total_time_ms"])))});
  }
}

Lines kernel_lines(const TopData& data, const TopState& state, std::size_t columns) {
  const std::string& id = state.cursors[static_cast<std::size_t>(TopPane::kKernels)].id;
  Lines lines = {{"KERNEL", Ink::kTitle}};
  const bool is_here = data.kernel_answer && (*data.kernel_answer)["id"].string_or("") == id;
  if (!is_here) {
    lines.push_back({"asking…", Ink::kSoft});
    return lines;
  }
  const JsonValue& kernel = *data.kernel_answer;
  add_wrapped(lines, kernel["name"].string_or("?"), columns - 2, Ink::kPlain);
  lines.push_back({});
  lines.push_back({fmt::format(
      "{}  calls {}  total {}  average {}  {} of all kernel time", kernel["kind"].string_or("?"),
      short_count(number(kernel["total_calls"])), short_time(number(kernel["total_time_ms"])),
      short_time(number(kernel["avg_time_ms"])), short_percent(number(kernel["share_percent"])))});
  lines.push_back({fmt::format(
      "least {}  p50 {}  p95 {}  p99 {}  longest {}", short_time(number(kernel["min_time_ms"])),
      short_time(number(kernel["p50_time_ms"])), short_time(number(kernel["p95_time_ms"])),
      short_time(number(kernel["p99_time_ms"])), short_time(number(kernel["max_time_ms"])))});
  lines.push_back({});
  add_histogram(lines, kernel["histogram"], columns);
  add_split(lines, "By device", "device", elements(kernel["per_device"]));
  add_split(lines, "By process", "pid", elements(kernel["per_process"]));
  add_shapes(lines, elements(kernel["launch_shapes"]));
  return lines;
}

/// Whatever an object tells, sorted by name, as "name value" in columns.
void add_facts(Lines& lines, std::string_view title, const JsonValue& object, std::size_t columns) {
  if (object.as_object() == nullptr) return;
  constexpr std::size_t kCell = 46;
  std::vector<std::string> facts;
  for (const auto& [name, value] : *object.as_object()) {
    std::string text(value.string_or(""));
    if (const Maybe one = number(value)) text = fmt::format("{:g}", *one);
    if (value.as_bool() != nullptr) text = *value.as_bool() ? "yes" : "no";
    if (text.empty()) continue;
    // In cells of their own: a text of a driver may have any width.
    const std::string shown = fold_text(fmt::format("{} {}", name, text), kCell - 2);
    facts.push_back(shown + std::string(kCell - text_width(shown), ' '));
  }
  if (facts.empty()) return;
  lines.push_back({});
  lines.push_back({std::string(title), Ink::kTitle});
  const std::size_t in_a_line = std::max<std::size_t>((columns - 2) / kCell, 1);
  for (std::size_t i = 0; i < facts.size(); i += in_a_line) {
    std::string line;
    for (std::size_t j = i; j < std::min(i + in_a_line, facts.size()); ++j) line += facts[j];
    lines.push_back({line});
  }
}

Lines device_lines(const TopData& data, const TopState& state, std::size_t columns) {
  const std::size_t row = cursor_row(state, TopPane::kDevices, data);
  if (row >= data.devices.size()) return {{"no device", Ink::kSoft}};
  const TopDevice& device = data.devices[row];
  Lines lines = {
      {fmt::format("GPU {}  {}  {}", device.index, device.name, device.uuid), Ink::kTitle}};
  lines.push_back({fmt::format(
      "busy {}  memory {}  power {}  temperature {}  health {}", short_percent(device.busy),
      short_use(device.memory_used, device.memory_total), short_whole(device.power, "W"),
      short_whole(device.temperature, "°"), device.health)});
  if (!device.trend.empty()) {
    lines.push_back({trend(device.trend, 100, 60) + "  busy, the last minute", Ink::kBar});
  }
  for (const JsonValue& one : elements((*data.devices_answer)["devices"])) {
    if (one["uuid"].string_or("") != device.uuid) continue;
    for (const JsonValue& finding : elements(one["findings"])) {
      add_wrapped(lines,
                  fmt::format("▲ {}: {}; {}", finding["code"].string_or("?"),
                              finding["detail"].string_or(""), finding["advice"].string_or("")),
                  columns - 2, Ink::kWarning);
    }
    add_facts(lines, "Readings", one["metrics"], columns);
    add_facts(lines, "What it is", one["inventory"], columns);
  }
  return lines;
}

Lines process_lines(const TopData& data, const TopState& state, std::size_t columns) {
  const std::size_t row = cursor_row(state, TopPane::kProcesses, data);
  if (row >= data.processes.size()) return {{"no process", Ink::kSoft}};
  const TopProcess& process = data.processes[row];
  Lines lines = {{fmt::format("PROCESS {} on GPU {}", process.pid, process.device), Ink::kTitle}};
  add_wrapped(lines, process.command.empty() ? "-" : process.command, columns - 2, Ink::kPlain);
  const auto add = [&lines](std::string_view name, std::string_view value) {
    lines.push_back({fmt::format("{:<16}{}", name, value.empty() ? "-" : value)});
  };
  lines.push_back({});
  add("user", process.user);
  add("started", process.started);
  add("pod, job, unit", process.where);
  add("memory", short_memory(process.memory));
  add("sm", short_percent(process.sm));
  add("kernel calls", short_count(process.calls));
  add("kernel time", short_time(process.kernel_time));
  add("seen by", process.seen_by);
  if (!process.why_unseen.empty()) {
    lines.push_back({});
    add_wrapped(lines, fmt::format("▲ its kernels are not seen: {}", process.why_unseen),
                columns - 2, Ink::kWarning);
  }
  return lines;
}

}  // namespace

void draw_help(Canvas& canvas, std::size_t row, std::size_t rows, const TopState& state) {
  static const Lines kHelp = {
      {"KEYS", Ink::kTitle},
      {"q, Ctrl-C     quit                   Ctrl-Z       stop; fg goes on"},
      {"Tab           the next pane          arrows, j k  move; PgUp, PgDn, g, G"},
      {"Enter         all about this row     Esc          back; then: no filters"},
      {"/             filter kernels: a part of their names, or a pattern with * and ?"},
      {"s, S          sort kernels by the next, by the one before; r turns the order"},
      {"w             how far back kernels are counted: 10s, 1m, 15m, total"},
      {"0 to 9        only this device, and again: not any more"},
      {"Space         pause: the screen stands still, and its age is shown"},
      {"f             freeze what is shown and compare with it, until f comes again"},
      {"a             alerts, and what happened to devices"},
      {"c             all devices in one line"},
      {"Ctrl-L        draw all of it anew"},
      {""},
      {"SIGNS", Ink::kTitle},
      {"● well   ▲ look at it   ✖ act   ‖ paused   ▸ the row that keys act on"},
      {"%GPU          share of the time of all kernels in the window"},
      {"Σ ms/s        time in this kernel for each second, all devices together"},
      {"Δ             the change since f; new: it was not there then"},
  };
  draw_lines(canvas, row, rows, kHelp, state.scroll);
}

void draw_alerts(Canvas& canvas, std::size_t row, std::size_t rows, const TopData& data,
                 const TopState& state) {
  const auto ink = [](std::string_view severity) {
    if (severity == "critical") return Ink::kCritical;
    return severity == "warning" ? Ink::kWarning : Ink::kPlain;
  };
  const auto sign = [](std::string_view severity) {
    if (severity == "critical") return "✖";
    return severity == "warning" ? "▲" : "●";
  };
  Lines lines = {{"ALERTS", Ink::kTitle}};
  if (data.alerts.empty()) lines.push_back({"none", Ink::kSoft});
  for (const TopAlert& alert : data.alerts) {
    lines.push_back({fmt::format("{} {:<8}  {:.19}  {}", sign(alert.severity), alert.severity,
                                 alert.since, alert.message),
                     ink(alert.severity)});
  }
  lines.push_back({});
  lines.push_back({"EVENTS, newest first", Ink::kTitle});
  if (data.events.empty()) lines.push_back({"none", Ink::kSoft});
  for (const TopEvent& event : data.events) {
    lines.push_back(
        {fmt::format("{} {:<8}  {:.19}  GPU {}  {}", sign(event.severity), event.severity, event.at,
                     short_whole(event.device), event.message),
         ink(event.severity)});
  }
  draw_lines(canvas, row, rows, lines, state.scroll);
}

void draw_detail(Canvas& canvas, std::size_t row, std::size_t rows, const TopData& data,
                 const TopState& state) {
  const std::size_t columns = canvas.size().columns;
  Lines lines;
  switch (state.pane) {
    case TopPane::kDevices:
      lines = device_lines(data, state, columns);
      break;
    case TopPane::kKernels:
      lines = kernel_lines(data, state, columns);
      break;
    case TopPane::kProcesses:
      lines = process_lines(data, state, columns);
      break;
  }
  draw_lines(canvas, row, rows, lines, state.scroll);
}

}  // namespace gpuvigil::detail
