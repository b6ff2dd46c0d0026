// SPDX-License-Identifier: Apache-2.0
#include "top/top_panes.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "top/top_text.h"

namespace gpuvigil::detail {
namespace {

// From how many columns on a pane has room for more.
constexpr std::size_t kNarrow = 72;
constexpr std::size_t kMiddling = 100;
constexpr std::size_t kBroad = 120;
constexpr std::size_t kVeryBroad = 160;

constexpr double kNearlyFull = 0.95;

bool has_cursor(const TopState& state, TopPane pane) {
  return state.pane == pane && state.overlay == TopOverlay::kNone;
}

double part_of(Maybe value, Maybe whole) {
  return value && whole && *whole > 0 ? *value / *whole : 0;
}

/// "▲ throttled: x", "✖ lost": what is wrong, by its weight.
PaneCell state_of(const TopDevice& device) {
  const bool is_bad =
      device.health == "failed" || device.health == "lost" || device.health == "critical";
  std::string text = device.state;
  if (!device.xid.empty())
    text = fmt::format("XID {}{}{}", device.xid, text.empty() ? "" : ", ", text);
  if (device.health != "ok" && !device.health.empty()) {
    text = fmt::format("{}{}{}", device.health, text.empty() ? "" : ": ", text);
  }
  if (text.empty()) return {device.health.empty() ? "-" : "● ok", Ink::kOk};
  return {fmt::format("{} {}", is_bad ? "✖" : "▲", text), is_bad ? Ink::kCritical : Ink::kWarning};
}

struct DeviceLayout {
  std::size_t trend = 0;
  std::size_t bar = 8;
  bool has_links = false;
  bool has_name = false;
};

DeviceLayout device_layout(std::size_t columns) {
  DeviceLayout layout;
  if (columns < kNarrow) layout.bar = 3;
  if (columns >= kMiddling) layout.trend = 10;
  if (columns >= kBroad) layout = {.trend = 12, .bar = 10, .has_links = true};
  if (columns >= kVeryBroad) layout = {.trend = 30, .bar = 10, .has_links = true, .has_name = true};
  return layout;
}

std::vector<PaneColumn> device_columns(const DeviceLayout& layout) {
  std::vector<PaneColumn> columns = {{"GPU", 3}, {"BUSY", 4}, {"", layout.bar, true}};
  if (layout.trend > 0) {
    columns.push_back({"LAST MINUTE", layout.trend, true});
    columns.push_back({"TENSOR", 6});
  }
  columns.insert(columns.end(),
                 {{"MEMORY", 11}, {"", 4, true}, {"POWER", 9}, {"TEMP", 4}, {"MHz", 5}});
  if (layout.has_links) {
    columns.push_back({"PCIe in/out", 13});
    columns.push_back({"NVLINK", 8});
  }
  if (layout.has_name) columns.push_back({"NAME", 24, true});
  columns.push_back({"STATE", 0, true});
  return columns;
}

std::string per_second(Maybe mebibytes) {
  return mebibytes ? short_memory(mebibytes) : "-";
}

std::vector<PaneCell> device_cells(const TopDevice& device, const DeviceLayout& layout) {
  const double memory = part_of(device.memory_used, device.memory_total);
  const Ink memory_ink = memory >= kNearlyFull ? Ink::kWarning : Ink::kBar;
  std::vector<PaneCell> cells = {{fmt::format("{}", device.index)},
                                 {short_percent(device.busy)},
                                 {bar(device.busy.value_or(0) / 100, layout.bar), Ink::kBar}};
  if (layout.trend > 0) {
    cells.push_back({trend(device.trend, 100, layout.trend), Ink::kBar});
    cells.push_back({short_percent(device.tensor)});
  }
  const std::string limit = device.power_limit ? "/" + short_whole(device.power_limit) : "";
  cells.push_back({short_use(device.memory_used, device.memory_total)});
  cells.push_back({bar(memory, 4), memory_ink});
  cells.push_back({device.power ? fmt::format("{}{}W", short_whole(device.power), limit) : "-"});
  cells.push_back({short_whole(device.temperature, "°")});
  cells.push_back({short_whole(device.clock)});
  if (layout.has_links) {
    const bool is_known = device.pcie_rate_in || device.pcie_rate_out;
    cells.push_back({is_known ? fmt::format("{}/{}/s", per_second(device.pcie_rate_in),
                                            per_second(device.pcie_rate_out))
                              : "-"});
    cells.push_back({device.nvlink_rate ? per_second(device.nvlink_rate) + "/s" : "-"});
  }
  if (layout.has_name) cells.push_back({fold_text(device.name, 24), Ink::kSoft});
  cells.push_back(state_of(device));
  return cells;
}

/// All devices in one line.
void draw_sum(Canvas& canvas, std::size_t row, const TopData& data) {
  double busy = 0;
  double used = 0;
  double total = 0;
  double power = 0;
  std::size_t known = 0;
  std::size_t troubled = 0;
  for (const TopDevice& device : data.devices) {
    if (device.busy) busy += *device.busy, ++known;
    used += device.memory_used.value_or(0);
    total += device.memory_total.value_or(0);
    power += device.power.value_or(0);
    if (device.health != "ok" || !device.state.empty()) ++troubled;
  }
  const Maybe mean = known > 0 ? Maybe(busy / static_cast<double>(known)) : Maybe();
  canvas.put(row, 1,
             fmt::format("{} devices  busy {} {}  memory {}  power {}  {}", data.devices.size(),
                         short_percent(mean), bar(mean.value_or(0) / 100, 10),
                         short_use(used, total), short_whole(power, "W"),
                         troubled > 0 ? fmt::format("▲ {} with something to say", troubled)
                                      : "● all well"));
}

const TopKernel* in_baseline(const TopState& state, const TopKernel& kernel) {
  if (!state.baseline) return nullptr;
  for (const TopKernel& before : state.baseline->kernels) {
    if (before.id == kernel.id && before.kind == kernel.kind) return &before;
  }
  return nullptr;
}

std::vector<PaneColumn> kernel_columns(std::size_t columns, bool compares) {
  std::vector<PaneColumn> out = {{"%GPU", 5}};
  if (compares) out.push_back({"Δ%GPU", 6});
  out.push_back({"Σ ms/s", 7});
  out.push_back({"calls/s", 7});
  const bool has_room = columns >= kMiddling || !compares;
  if (has_room) out.push_back({"p50", 6});
  out.push_back({"p95", 6});
  if (compares) out.push_back({"Δp95", 6});
  if (has_room) out.push_back({"p99", 6});
  if (columns >= kBroad) out.push_back({"max", 6});
  out.push_back({"GPU", 5});
  if (columns >= kMiddling) out.push_back({"trend", columns >= kVeryBroad ? 30U : 12U, true});
  if (columns >= kBroad) out.push_back({"kind", 10, true});
  out.push_back({"kernel", 0, true});
  return out;
}

/// "+1.2", "-0.3", "0.0".
std::string signed_tenths(double value) {
  return std::abs(value) < 0.05 ? "0.0" : fmt::format("{:+.1f}", std::clamp(value, -100.0, 100.0));
}

/// A kernel that takes longer than it did: the sign says so where colours do not.
PaneCell change_cell(Maybe before, Maybe now) {
  const std::string text = short_change(before, now);
  const bool is_worse = before && now && *before > 0 && *now > *before * 1.1;
  return {is_worse ? "▲" + text : text, is_worse ? Ink::kWarning : Ink::kPlain};
}

std::vector<PaneCell> kernel_cells(const TopKernel& kernel, const TopData& data,
                                   const TopState& state, std::size_t columns, double most) {
  const double seconds = std::max(data.window_seconds, 1e-3);
  const auto a_second = [&](const Maybe& value) {
    return value ? Maybe(*value / seconds) : Maybe();
  };
  const bool compares = state.baseline != nullptr;
  const TopKernel* const before = in_baseline(state, kernel);
  const bool has_room = columns >= kMiddling || !compares;
  std::vector<PaneCell> cells = {
      {kernel.share ? fmt::format("{:.1f}", std::clamp(*kernel.share, 0.0, 100.0)) : "-"}};
  if (compares) {
    const bool known = before != nullptr && before->share && kernel.share;
    cells.push_back({known ? signed_tenths(*kernel.share - *before->share) : "new"});
  }
  const Maybe load = a_second(kernel.total);
  cells.push_back(
      {load ? (*load < 9999.5 ? fmt::format("{:.1f}", *load) : short_count(load)) : "-"});
  cells.push_back({short_count(a_second(kernel.calls))});
  if (has_room) cells.push_back({short_time(kernel.p50)});
  cells.push_back({short_time(kernel.p95)});
  if (compares) cells.push_back(change_cell(before != nullptr ? before->p95 : Maybe(), kernel.p95));
  if (has_room) cells.push_back({short_time(kernel.p99)});
  if (columns >= kBroad) cells.push_back({short_time(kernel.longest)});
  cells.push_back({fold_text(kernel.devices, 5)});
  if (columns >= kMiddling) {
    cells.push_back({trend(kernel.trend, most, columns >= kVeryBroad ? 30 : 12), Ink::kBar});
  }
  if (columns >= kBroad) cells.push_back({fold_text(kernel.kind, 10), Ink::kSoft});
  cells.push_back({kernel.name});
  return cells;
}

std::string kernels_title(const TopData& data, const TopState& state) {
  const TopSort& sort = kTopSorts[state.sort];
  const std::size_t window = data.is_over ? static_cast<std::size_t>(TopWindow::kTotal)
                                          : static_cast<std::size_t>(state.window);
  std::string out = fmt::format("KERNELS  window {}  sort {} {}", kTopWindows[window].title,
                                sort.title, state.is_ascending ? "▴" : "▾");
  if (!state.filter.empty()) out += fmt::format("  filter: {}", fold_text(state.filter, 24));
  if (!state.devices.empty()) {
    out += "  GPU";
    for (const std::uint32_t device : state.devices) out += fmt::format(" {}", device);
  }
  if (state.baseline) out += fmt::format("  Δ since {}", state.baseline->at);
  return out;
}

}  // namespace

PaneTable::PaneTable(Canvas& canvas, std::vector<PaneColumn> columns)
    : canvas_(canvas), columns_(std::move(columns)) {
  std::size_t used = 1;  // the mark of the chosen row
  for (const PaneColumn& column : columns_) used += column.width + (column.width > 0 ? 1 : 0);
  rest_ = canvas.size().columns > used ? canvas.size().columns - used : 0;
}

void PaneTable::titles(std::size_t row) {
  std::vector<PaneCell> cells;
  for (const PaneColumn& column : columns_)
    cells.push_back({std::string(column.title), Ink::kTitle});
  this->row(row, cells, false);
}

void PaneTable::row(std::size_t row, std::span<const PaneCell> cells, bool is_chosen) {
  std::size_t at = 1;
  for (std::size_t i = 0; i < cells.size() && i < columns_.size(); ++i) {
    const PaneColumn& column = columns_[i];
    const std::size_t width = column.width > 0 ? column.width : rest_;
    const std::string text = column.width > 0 ? cells[i].text : fold_text(cells[i].text, width);
    const std::size_t shown = text_width(text);
    // A number that is cut is another number.
    const bool fits = column.is_left || shown <= width;
    const std::size_t indent = column.is_left || shown >= width ? 0 : width - shown;
    canvas_.put(row, at + indent, fits ? text : "…", cells[i].ink, width - indent);
    at += width + 1;
  }
  if (!is_chosen) return;
  canvas_.paint_row(row, Ink::kSelected);
  canvas_.put(row, 0, "▸", Ink::kSelected);
}

Visible visible_rows(std::size_t count, std::size_t rows, std::size_t cursor) {
  if (count <= rows) return {0, count};
  const std::size_t before = cursor > rows / 2 ? cursor - rows / 2 : 0;
  return {std::min(before, count - rows), rows};
}

void draw_devices(Canvas& canvas, std::size_t row, std::size_t rows, const TopData& data,
                  const TopState& state) {
  if (rows == 0) return;
  if (state.is_collapsed) return draw_sum(canvas, row, data);
  const DeviceLayout layout = device_layout(canvas.size().columns);
  PaneTable table(canvas, device_columns(layout));
  table.titles(row);
  if (data.devices.empty()) {
    canvas.put(row + 1, 1, data.reason.empty() ? "no device is known" : data.reason);
    return;
  }
  const std::size_t cursor = cursor_row(state, TopPane::kDevices, data);
  const Visible shown = visible_rows(data.devices.size(), rows - 1, cursor);
  for (std::size_t i = 0; i < shown.count; ++i) {
    const TopDevice& device = data.devices[shown.first + i];
    const bool is_chosen = has_cursor(state, TopPane::kDevices) && shown.first + i == cursor;
    table.row(row + 1 + i, device_cells(device, layout), is_chosen);
  }
  if (shown.count < data.devices.size()) {
    canvas.put_right(
        row, canvas.size().columns - 1,
        fmt::format("{}-{} of {}", shown.first, shown.first + shown.count - 1, data.devices.size()),
        Ink::kSoft);
  }
}

void draw_kernels(Canvas& canvas, std::size_t row, std::size_t rows, const TopData& data,
                  const TopState& state) {
  if (rows < 2) return;
  const std::size_t columns = canvas.size().columns;
  const std::size_t end = canvas.put(row, 1, kernels_title(data, state), Ink::kTitle);
  std::string facts = fmt::format("{:.0f} kernels", data.total_kernels);
  if (data.coverage < 0.9995) facts = fmt::format("seen {:.0f}%  ", data.coverage * 100) + facts;
  if (data.dropped > 0) facts += fmt::format("  ▲ {} dropped", short_count(data.dropped));
  if (end + 3 + text_width(facts) <= columns) {
    canvas.put_right(row, columns - 1, facts, data.dropped > 0 ? Ink::kWarning : Ink::kSoft);
  }
  PaneTable table(canvas, kernel_columns(columns, state.baseline != nullptr));
  table.titles(row + 1);
  if (data.kernels.empty()) {
    canvas.put(row + 2, 1,
               state.filter.empty() ? "no kernel has run in this window"
                                    : "no kernel has a name like that",
               Ink::kSoft);
    return;
  }
  double most = 0;
  for (const TopKernel& kernel : data.kernels) {
    for (const double point : kernel.trend) most = std::max(most, point);
  }
  const std::size_t cursor = cursor_row(state, TopPane::kKernels, data);
  const Visible shown = visible_rows(data.kernels.size(), rows - 2, cursor);
  for (std::size_t i = 0; i < shown.count; ++i) {
    const TopKernel& kernel = data.kernels[shown.first + i];
    const bool is_chosen = has_cursor(state, TopPane::kKernels) && shown.first + i == cursor;
    table.row(row + 2 + i, kernel_cells(kernel, data, state, columns, most), is_chosen);
  }
}

void draw_processes(Canvas& canvas, std::size_t row, std::size_t rows, const TopData& data,
                    const TopState& state) {
  if (rows < 2) return;
  const bool is_broad = canvas.size().columns >= kMiddling;
  canvas.put(row, 1, "PROCESSES", Ink::kTitle);
  canvas.put_right(row, canvas.size().columns - 1,
                   fmt::format("{:.0f} processes", data.total_processes), Ink::kSoft);
  std::vector<PaneColumn> columns = {{"pid", 7},    {"user", 8, true}, {"GPU", 3},
                                     {"memory", 6}, {"sm", 4},         {"calls/s", 7}};
  if (is_broad) columns.push_back({"seen by", 12, true});
  columns.push_back({"pod, job, unit", is_broad ? 24U : 14U, true});
  columns.push_back({"command", 0, true});
  PaneTable table(canvas, columns);
  table.titles(row + 1);
  if (data.processes.empty()) {
    canvas.put(row + 2, 1, "no process uses a device, as far as can be seen", Ink::kSoft);
    return;
  }
  const std::size_t cursor = cursor_row(state, TopPane::kProcesses, data);
  const Visible shown = visible_rows(data.processes.size(), rows - 2, cursor);
  for (std::size_t i = 0; i < shown.count; ++i) {
    const TopProcess& process = data.processes[shown.first + i];
    std::vector<PaneCell> cells = {{fmt::format("{}", process.pid)},
                                   {fold_text(process.user.empty() ? "-" : process.user, 8)},
                                   {process.device < 0 ? "-" : fmt::format("{}", process.device)},
                                   {short_memory(process.memory)},
                                   {short_percent(process.sm)},
                                   {short_count(process.call_rate)}};
    if (is_broad) {
      cells.push_back({fold_text(process.seen_by.empty() ? "not seen" : process.seen_by, 12),
                       process.seen_by.empty() ? Ink::kSoft : Ink::kPlain});
    }
    cells.push_back({fold_text(process.where.empty() ? "-" : process.where, is_broad ? 24 : 14)});
    cells.push_back({process.command.empty() ? "-" : process.command});
    const bool is_chosen = has_cursor(state, TopPane::kProcesses) && shown.first + i == cursor;
    table.row(row + 2 + i, cells, is_chosen);
  }
}

}  // namespace gpuvigil::detail
