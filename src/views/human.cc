// SPDX-License-Identifier: Apache-2.0
#include "views/human.h"

#include <algorithm>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace gpuvigil {
namespace {

constexpr bool begins_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
}

/// The bytes of the first `count` characters.
std::size_t bytes_of(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (begins_character(text[at]) && count-- == 0) break;
    ++at;
  }
  return at;
}

std::string three_digits(double value, std::string_view unit) {
  if (value < 9.995) return fmt::format("{:.2f} {}", value, unit);
  if (value < 99.95) return fmt::format("{:.1f} {}", value, unit);
  return fmt::format("{:.0f} {}", value, unit);
}

std::chrono::sys_seconds whole_second(Timestamp at) {
  return std::chrono::floor<std::chrono::seconds>(at);
}

}  // namespace

std::string human_time(std::uint64_t ns) {
  const auto value = static_cast<double>(ns);
  if (ns < 1'000) return fmt::format("{} ns", ns);
  if (value < 999.5e3) return three_digits(value / 1e3, "µs");
  if (value < 999.5e6) return three_digits(value / 1e6, "ms");
  if (value < 99.95e9) return three_digits(value / 1e9, "s");
  return human_uptime((ns + 500'000'000) / 1'000'000'000);
}

std::string human_uptime(std::uint64_t seconds) {
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{} d {} h", seconds / 86'400, seconds / 3600 % 24);
}

std::string human_count(std::uint64_t count) {
  std::string text = fmt::format("{}", count);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, ",");
  return text;
}

std::string human_bytes(Bytes bytes) {
  const double mebibytes = to_mebibytes(bytes);
  if (mebibytes < 10.0 * 1024) return fmt::format("{:.0f} MiB", mebibytes);
  return fmt::format("{:.1f} GiB", mebibytes / 1024);
}

std::string human_percent(double percent) {
  return fmt::format("{:.1f}%", percent);
}

std::string human_timestamp(Timestamp at) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", whole_second(at));
}

std::string human_clock(Timestamp at) {
  return fmt::format("{:%H:%M:%S}", whole_second(at));
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
}

std::string fold_middle(std::string_view text, std::size_t width) {
  constexpr std::string_view kFold = "...";
  const std::size_t length = display_width(text);
  if (length <= width) return std::string(text);
  if (width <= kFold.size()) return std::string(text.substr(0, bytes_of(text, width)));
  const std::size_t kept = width - kFold.size();
  const std::size_t tail = kept / 3;
  return fmt::format("{}{}{}", text.substr(0, bytes_of(text, kept - tail)), kFold,
                     text.substr(bytes_of(text, length - tail)));
}

}  // namespace gpuvigil
