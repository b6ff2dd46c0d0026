// SPDX-License-Identifier: Apache-2.0
#include "views/html_charts.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "views/html_view.h"
#include "views/human.h"
#include "views/summary.h"

namespace gpuvigil {
namespace {

// In units of the drawing, which is as wide as the page lets it be.
constexpr double kWidth = 960;
constexpr double kNames = 330;  ///< Where the bars begin.
constexpr double kNumbers = 80;
constexpr double kPlot = kWidth - kNames - kNumbers;
constexpr double kRow = 24;
constexpr double kBarHeight = 14;
constexpr std::size_t kNameColumns = 44;
constexpr std::size_t kMostDevices = 64;

/// A drawing under way; y counts rows.
class Drawing {
 public:
  Drawing(std::string_view title, std::size_t rows)
      : height_(static_cast<double>(rows) * kRow + 8) {
    svg_ = fmt::format(
        "<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-label=\"{}\"><title>{}</title>\n",
        kWidth, height_, html_escaped(title), html_escaped(title));
  }

  void text(double x, std::size_t row, std::string_view text, std::string_view kind) {
    fmt::format_to(std::back_inserter(svg_),
                   "<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"{}\">{}</text>", x,
                   top(row) + kBarHeight - 2.5, kind, html_escaped(text));
  }
  void bar(double x, std::size_t row, double width, std::string_view kind) {
    fmt::format_to(std::back_inserter(svg_),
                   "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\" rx=\"2\" "
                   "class=\"{}\"></rect>",
                   x, top(row), std::max(width, 0.5), kBarHeight, kind);
  }
  /// From the first row's top to the bottom of the drawing.
  void line(double x) {
    fmt::format_to(std::back_inserter(svg_),
                   "<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\" "
                   "class=\"grid\"></line>",
                   x, top(1) - 4, height_);
  }
  void mark(double x, std::size_t row, std::string_view kind) {
    fmt::format_to(std::back_inserter(svg_),
                   "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"3\" height=\"{:.0f}\" class=\"{}\">"
                   "</rect>",
                   x - 1.5, top(row) - 2, kBarHeight + 4, kind);
  }
  [[nodiscard]] std::string take() { return std::move(svg_) + "</svg>\n"; }

 private:
  static double top(std::size_t row) { return static_cast<double>(row) * kRow + 6; }
  double height_;
  std::string svg_;
};

std::vector<const KernelStats*> that_ran(std::span<const KernelStats> rows) {
  std::vector<const KernelStats*> found;
  for (const KernelStats& row : rows) {
    if (row.counters.calls > 0) found.push_back(&row);
  }
  return found;
}

std::string name_of(const KernelStats& stats) {
  return fold_middle(stats.name->short_name, kNameColumns);
}

std::string whole_power_of_ten(double ns) {
  return human_time(static_cast<std::uint64_t>(std::llround(ns)));
}

/// A part of a whole, where both are known.
std::optional<double> part(const Reading<Bytes>& used, const Reading<Bytes>& total) {
  if (!used || !total || total->count() == 0) return std::nullopt;
  return static_cast<double>(used->count()) / static_cast<double>(total->count());
}

}  // namespace

std::string share_chart(std::span<const KernelStats> rows) {
  const auto kernels = that_ran(rows);
  if (kernels.empty()) return {};
  double most = 0;
  for (const KernelStats* stats : kernels) most = std::max(most, stats->share_percent);
  Drawing drawing("Share of the time of all kernels", kernels.size());
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    const double share = kernels[i]->share_percent;
    const double width = most > 0 ? std::clamp(share / most, 0.0, 1.0) * kPlot : 0;
    drawing.text(kNames - 10, i, name_of(*kernels[i]), "label");
    drawing.bar(kNames, i, width, "bar");
    drawing.text(kNames + width + 8, i, human_percent(share), "value");
  }
  return drawing.take();
}

std::string latency_chart(std::span<const KernelStats> rows) {
  const auto kernels = that_ran(rows);
  if (kernels.empty()) return {};
  double least = 1e18;
  double most = 1;
  for (const KernelStats* stats : kernels) {
    least =
        std::min(least, static_cast<double>(std::max<std::uint64_t>(stats->counters.min_ns, 1)));
    most = std::max(most, static_cast<double>(stats->counters.max_ns));
  }
  // Whole powers of ten, at least one between the ends.
  const double first = std::floor(std::log10(least));
  const double last = std::max(std::ceil(std::log10(most)), first + 1);
  const auto place = [&](std::uint64_t ns) {
    const double at = std::log10(static_cast<double>(std::max<std::uint64_t>(ns, 1)));
    return kNames + std::clamp((at - first) / (last - first), 0.0, 1.0) * kPlot;
  };
  Drawing drawing("How long kernels took: shortest to longest, median and p99", kernels.size() + 1);
  for (double power = first; power <= last; ++power) {
    const double x = kNames + (power - first) / (last - first) * kPlot;
    drawing.line(x);
    drawing.text(x, 0, whole_power_of_ten(std::pow(10, power)), "axis");
  }
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    const KernelStats& stats = *kernels[i];
    const double from = place(stats.counters.min_ns);
    drawing.text(kNames - 10, i + 1, name_of(stats), "label");
    drawing.bar(from, i + 1, place(stats.counters.max_ns) - from, "range");
    drawing.mark(place(stats.percentiles.p50_ns), i + 1, "bar");
    drawing.mark(place(stats.percentiles.p99_ns), i + 1, "late");
  }
  return drawing.take();
}

std::string device_chart(const Frame& frame) {
  if (frame.devices.empty()) return {};
  const std::size_t count = std::min(frame.devices.size(), kMostDevices);
  constexpr double kEach = kWidth / 3 - 20;
  constexpr double kFirst = 60;
  constexpr double kBar = kEach - 110;
  Drawing drawing("Utilization, memory and power of each device", count + 1);
  const char* const titles[] = {"Utilization", "Memory", "Power"};
  for (std::size_t i = 0; i < 3; ++i) {
    drawing.text(kFirst + static_cast<double>(i) * kEach, 0, titles[i], "head");
  }
  for (std::size_t i = 0; i < count; ++i) {
    const DeviceRow& row = frame.devices[i];
    const DeviceSample& s = row.sample;
    const auto utilization = shown_utilization(row);
    const std::optional<double> parts[] = {
        utilization ? std::optional(utilization->count() / 100) : std::nullopt,
        part(s.memory_used, s.memory_total),
        s.power && s.power_limit && s.power_limit->count() > 0
            ? std::optional(s.power->count() / s.power_limit->count())
            : std::nullopt};
    drawing.text(kFirst - 12, i + 1, fmt::format("GPU {}", row.index), "label");
    for (std::size_t j = 0; j < 3; ++j) {
      const double x = kFirst + static_cast<double>(j) * kEach;
      if (!parts[j]) {
        drawing.text(x, i + 1, "not known", "soft");
        continue;
      }
      const double width = std::clamp(*parts[j], 0.0, 1.0) * kBar;
      drawing.bar(x, i + 1, kBar, "track");
      drawing.bar(x, i + 1, width, *parts[j] > 0.95 && j > 0 ? "late" : "bar");
      drawing.text(x + kBar + 8, i + 1, human_percent(100 * *parts[j]), "value");
    }
  }
  return drawing.take();
}

std::string_view chart_style() {
  return R"css(
svg { display: block; width: 100%; height: auto; min-width: 640px; padding: 8px 12px; }
svg text { font: 12px system-ui, sans-serif; fill: var(--text); }
svg .label { text-anchor: end; } svg .axis { text-anchor: middle; } svg .head { font-weight: 600; }
svg .axis, svg .soft { fill: var(--soft); }
svg .bar { fill: var(--bar); } svg .late { fill: var(--warn); }
svg .range, svg .track { fill: var(--line); } svg .grid { stroke: var(--line); }
.key { display: inline-block; width: 10px; height: 10px; margin: 0 4px 0 12px; }
.key.mid { background: var(--bar); } .key.late { background: var(--warn); }
.key.all { background: var(--line); }
)css";
}

}  // namespace gpuvigil
