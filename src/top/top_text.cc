// SPDX-License-Identifier: Apache-2.0
#include "top/top_text.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace gpuvigil {
namespace {

/// Three digits: "1.23", "12.3", "123".
std::string digits(double value) {
  if (value < 9.995) return fmt::format("{:.2f}", value);
  if (value < 99.95) return fmt::format("{:.1f}", value);
  return fmt::format("{:.0f}", value);
}

/// What a server says may be any number.
double tame(double value) {
  return std::isfinite(value) ? std::clamp(value, 0.0, 1e15) : 0;
}

constexpr std::array<std::string_view, 9> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
constexpr std::array<std::string_view, 8> kHeights = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

}  // namespace

std::string short_time(Maybe ms) {
  if (!ms) return "-";
  const double ns = tame(*ms * 1e6);
  if (ns < 999.5) return fmt::format("{:.0f}ns", ns);
  if (ns < 999.5e3) return digits(ns / 1e3) + "µs";
  if (ns < 999.5e6) return digits(ns / 1e6) + "ms";
  if (ns < 99.95e9) return digits(ns / 1e9) + "s";
  const auto seconds = static_cast<std::uint64_t>(ns / 1e9);
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 360'000) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{}d", seconds / 86'400);
}

std::string short_count(Maybe count) {
  if (!count) return "-";
  const double value = tame(*count);
  if (value < 9.95 && value != std::floor(value)) return fmt::format("{:.1f}", value);
  if (value < 9999.5) return fmt::format("{:.0f}", value);
  constexpr std::array<std::string_view, 4> kUnits = {"k", "M", "G", "T"};
  double scaled = value / 1e3;
  std::size_t unit = 0;
  while (scaled >= 999.5 && unit + 1 < kUnits.size()) scaled /= 1e3, ++unit;
  return digits(scaled) + std::string(kUnits[unit]);
}

std::string short_memory(Maybe mebibytes) {
  if (!mebibytes) return "-";
  const double value = tame(*mebibytes);
  if (value < 999.5) return fmt::format("{:.0f}M", value);
  if (value < 999.5 * 1024) return fmt::format("{:.1f}G", value / 1024);
  return fmt::format("{:.1f}T", value / 1024 / 1024);
}

std::string short_use(Maybe used, Maybe total) {
  if (!total) return short_memory(used);
  if (!used) return fmt::format("-/{}", short_memory(total));
  std::string all = short_memory(total);
  const char unit = all.back();
  const double scale = unit == 'M' ? 1 : unit == 'G' ? 1024 : 1024 * 1024;
  return fmt::format("{:.{}f}/{}", tame(*used) / scale, unit == 'M' ? 0 : 1, all);
}

std::string short_percent(Maybe percent) {
  return percent ? fmt::format("{:.0f}%", tame(*percent)) : "-";
}

std::string short_whole(Maybe value, std::string_view unit) {
  return value ? fmt::format("{:.0f}{}", tame(*value), unit) : "-";
}

std::string short_change(Maybe before, Maybe now) {
  if (!now) return "-";
  if (!before || *before <= 0) return *now > 0 ? "new" : "-";
  const double change = std::clamp(100 * (*now - *before) / *before, -999.0, 9999.0);
  if (std::abs(change) < 0.05) return "0%";
  return fmt::format("{:+.{}f}%", change, std::abs(change) < 9.95 ? 1 : 0);
}

std::string bar(double part, std::size_t columns) {
  const double full = std::isfinite(part) ? std::clamp(part, 0.0, 1.0) : 0;
  auto eighths = static_cast<std::size_t>(std::lround(full * 8 * static_cast<double>(columns)));
  std::string out;
  for (; eighths >= 8; eighths -= 8) out += "█";
  return out + std::string(kEighths[eighths]);
}

std::string trend(std::span<const double> points, double most, std::size_t columns) {
  if (points.size() > columns) points = points.last(columns);
  std::string out;
  for (const double point : points) {
    const double part = most > 0 ? std::clamp(point / most, 0.0, 1.0) : 0;
    // What was not known is a gap, not a zero.
    out += std::isfinite(part) ? kHeights[static_cast<std::size_t>(std::lround(part * 7))] : " ";
  }
  return out;
}

}  // namespace gpuvigil
