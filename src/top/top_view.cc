// SPDX-License-Identifier: Apache-2.0
#include "top/top_view.h"

#include <algorithm>

#include <fmt/format.h>

#include "top/top_panes.h"
#include "top/top_text.h"

namespace gpuvigil {
namespace {

using namespace detail;

constexpr ScreenSize kSmallest{.columns = 40, .rows = 8};
constexpr std::size_t kMostOnce = 20;  ///< Rows of a pane in top_text().

/// How many rows each pane has, its titles included.
struct Layout {
  std::size_t devices = 0;
  std::size_t kernels = 0;
  std::size_t processes = 0;
};

/// Devices first, up to a third of the screen; a third of the rest is for processes, if there are
/// so many, and kernels have what remains.
Layout layout_of(const TopData& data, const TopState& state, std::size_t rows) {
  Layout layout;
  if (rows < 12) {  // room for one pane alone
    const std::size_t sum = std::min<std::size_t>(rows, 1);
    if (state.pane == TopPane::kDevices) return {.devices = rows};
    if (state.pane == TopPane::kProcesses) return {.devices = 0, .kernels = 0, .processes = rows};
    return {.devices = state.is_collapsed ? sum : 0,
            .kernels = rows - (state.is_collapsed ? sum : 0)};
  }
  const std::size_t wanted = 1 + std::max<std::size_t>(data.devices.size(), 1);
  const std::size_t most = state.pane == TopPane::kDevices ? rows / 2 : rows * 2 / 5;
  layout.devices = state.is_collapsed ? 1 : std::min(wanted, std::max<std::size_t>(most, 3));
  const std::size_t rest = rows - layout.devices;
  const std::size_t listed = 2 + std::max<std::size_t>(data.processes.size(), 1);
  const std::size_t share = state.pane == TopPane::kProcesses ? rest / 2 : rest / 3;
  layout.processes = std::min(listed, std::max<std::size_t>(share, 4));
  layout.kernels = rest - layout.processes;
  return layout;
}

struct Pill {
  std::string text;
  Ink ink;
};

/// Whether what is shown is the present: it is never left open.
Pill pill_of(const TopData& data, const TopState& state, const TopScreen& screen) {
  const auto age = short_whole(screen.age_seconds, "s");
  if (state.paused) {
    return {fmt::format("‖ paused {}", short_whole(std::max(0.0, screen.age_seconds), "s")),
            Ink::kWarning};
  }
  if (!data.complaint.empty()) {
    return {data.at.empty() ? "▲ no answer" : fmt::format("▲ stale {}", age), Ink::kCritical};
  }
  if (data.at.empty()) return {"○ connecting", Ink::kSoft};
  if (data.is_over) return {"○ recording ended", Ink::kSoft};
  return {"● live", Ink::kOk};
}

/// "4x H100", or how many there are of several kinds.
std::string machine_of(const TopData& data) {
  if (data.devices.empty()) return {};
  const std::string& name = data.devices.front().name;
  const bool is_one_kind = std::ranges::all_of(
      data.devices, [&](const TopDevice& device) { return device.name == name; });
  return is_one_kind && !name.empty()
             ? fmt::format("{}× {}", data.devices.size(), fold_text(name, 28))
             : fmt::format("{} devices", data.devices.size());
}

void draw_header(Canvas& canvas, const TopData& data, const TopState& state,
                 const TopScreen& screen) {
  const std::size_t columns = canvas.size().columns;
  const Pill pill = pill_of(data, state, screen);
  std::string alerts;
  Ink alerts_ink = Ink::kSoft;
  const bool is_critical = std::ranges::any_of(
      data.alerts, [](const TopAlert& alert) { return alert.severity == "critical"; });
  if (data.active_alerts > 0) {
    alerts = fmt::format("{} {:.0f} alert{}", is_critical ? "✖" : "▲", data.active_alerts,
                         data.active_alerts == 1 ? "" : "s");
    alerts_ink = is_critical ? Ink::kCritical : Ink::kWarning;
  }
  const std::string clock = data.at.empty() ? "" : data.at + " UTC";
  std::size_t right = columns > 0 ? columns - 1 : 0;
  const auto put_right = [&](std::string_view text, Ink ink) {
    if (text.empty() || text_width(text) + 2 > right) return;
    canvas.put_right(0, right, text, ink);
    right -= text_width(text) + 2;
  };
  put_right(clock, Ink::kPlain);
  put_right(alerts, alerts_ink);
  put_right(pill.text, pill.ink);
  std::string left =
      data.is_demo ? "gpuvigil  DEMO: simulated machine" : "gpuvigil  " + data.source;
  const std::string machine = machine_of(data);
  if (!machine.empty() && text_width(left) + 2 + text_width(machine) < right)
    left += "  " + machine;
  canvas.put(0, 1, fold_text(left, right > 2 ? right - 2 : 0), Ink::kTitle);
}

void draw_footer(Canvas& canvas, const TopData& data, const TopState& state) {
  const std::size_t row = canvas.size().rows - 1;
  const std::size_t room = canvas.size().columns - 2;
  if (state.is_typing) {
    const std::size_t end = canvas.put(row, 1, "filter kernels: ", Ink::kTitle);
    // The end of what is typed, where the keys are.
    std::string_view typed = state.draft;
    while (text_width(typed) + 4 > room - end && !typed.empty()) {
      typed.remove_prefix(1);
      while (!typed.empty() && (static_cast<unsigned char>(typed.front()) & 0xC0U) == 0x80U)
        typed.remove_prefix(1);
    }
    canvas.put(row, canvas.put(row, end, typed), "█", Ink::kBar);
    canvas.put_right(row, canvas.size().columns - 1, "Enter keep  Esc leave", Ink::kSoft);
    return;
  }
  if (!data.complaint.empty()) {
    canvas.put(row, 1, fold_text("▲ " + data.complaint, room), Ink::kCritical);
    return;
  }
  static constexpr std::string_view kHints[] = {
      "? help", "q quit",   "/ filter", "s sort",     "w window",   "Enter detail", "Space pause",
      "f diff", "Tab pane", "a alerts", "c collapse", "0-9 device", "Esc back"};
  std::size_t at = 1;
  for (const std::string_view hint : kHints) {
    if (at + hint.size() > room + 1) break;
    at = canvas.put(row, at, hint, Ink::kSoft) + 2;
  }
}

void draw_panes(Canvas& canvas, const Layout& layout, const TopData& data, const TopState& state) {
  std::size_t row = 1;
  draw_devices(canvas, row, layout.devices, data, state);
  row += layout.devices;
  draw_kernels(canvas, row, layout.kernels, data, state);
  row += layout.kernels;
  draw_processes(canvas, row, layout.processes, data, state);
}

}  // namespace

Canvas draw_top(const TopData& data, const TopState& state, const TopScreen& screen) {
  Canvas canvas(screen.size, screen.is_ascii);
  const ScreenSize size = canvas.size();
  if (size.columns < kSmallest.columns || size.rows < kSmallest.rows) {
    canvas.put(0, 0, fmt::format("needs {}x{}; q quits", kSmallest.columns, kSmallest.rows));
    return canvas;
  }
  draw_header(canvas, data, state, screen);
  draw_footer(canvas, data, state);
  const std::size_t rows = size.rows - 2;
  switch (state.overlay) {
    case TopOverlay::kNone:
      draw_panes(canvas, layout_of(data, state, rows), data, state);
      break;
    case TopOverlay::kHelp:
      draw_help(canvas, 1, rows, state);
      break;
    case TopOverlay::kAlerts:
      draw_alerts(canvas, 1, rows, data, state);
      break;
    case TopOverlay::kDetail:
      draw_detail(canvas, 1, rows, data, state);
      break;
  }
  return canvas;
}

std::string top_text(const TopData& data, const TopState& state, std::size_t columns,
                     bool is_ascii) {
  const auto listed = [](std::size_t titles, std::size_t count) {
    return titles + std::clamp<std::size_t>(count, 1, kMostOnce);
  };
  const Layout layout{.devices = 1 + std::clamp<std::size_t>(data.devices.size(), 1, 64),
                      .kernels = listed(2, data.kernels.size()),
                      .processes = listed(2, data.processes.size())};
  TopState still = state;
  still.overlay = TopOverlay::kHelp;  // no cursor
  Canvas canvas({.columns = std::max(columns, kSmallest.columns),
                 .rows = 1 + layout.devices + layout.kernels + layout.processes},
                is_ascii);
  draw_header(canvas, data, still, {.size = canvas.size(), .is_ascii = is_ascii});
  draw_panes(canvas, layout, data, still);
  return canvas.text();
}

std::size_t page_rows(const TopData& data, const TopState& state, ScreenSize size) {
  const std::size_t rows = size.rows > 2 ? size.rows - 2 : 1;
  if (state.overlay != TopOverlay::kNone) return rows;
  const Layout layout = layout_of(data, state, rows);
  const std::size_t of_pane = state.pane == TopPane::kDevices   ? layout.devices
                              : state.pane == TopPane::kKernels ? layout.kernels
                                                                : layout.processes;
  return of_pane > 3 ? of_pane - 2 : 1;
}

}  // namespace gpuvigil
