// SPDX-License-Identifier: Apache-2.0
#include "apps/progress.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace gpuvigil {
namespace {

std::string human_bytes(double bytes) {
  if (bytes < 1024.0 * 1024.0) return fmt::format("{:.0f} KiB", bytes / 1024.0);
  if (bytes < 1024.0 * 1024.0 * 1024.0) return fmt::format("{:.0f} MiB", bytes / 1024.0 / 1024.0);
  return fmt::format("{:.1f} GiB", bytes / 1024.0 / 1024.0 / 1024.0);
}

}  // namespace

std::string progress_line(std::uint64_t done, std::uint64_t total,
                          std::chrono::duration<double> elapsed) {
  const auto read = static_cast<double>(done);
  const auto all = static_cast<double>(std::max(total, done));
  const double share = all > 0 ? read / all : 1.0;
  const double rate = elapsed.count() > 0 ? read / elapsed.count() : 0;
  const auto left = static_cast<std::int64_t>(rate > 0 ? (all - read) / rate + 0.5 : 0);
  constexpr int kWidth = 24;
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < static_cast<int>(share * kWidth) ? "█" : "░";
  return fmt::format("{} {:3.0f} %  {} of {}  {}/s  {}:{:02} left", bar, share * 100,
                     human_bytes(read), human_bytes(all), human_bytes(rate), left / 60, left % 60);
}

ProgressBar::ProgressBar()
    : terminal_(isatty(STDERR_FILENO) == 1), began_(std::chrono::steady_clock::now()) {}

ProgressBar::~ProgressBar() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void ProgressBar::restart() {
  began_ = std::chrono::steady_clock::now();
}

void ProgressBar::update(std::uint64_t done, std::uint64_t total) {
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - began_ < std::chrono::seconds(1)) return;
  if (shown_ && now - last_ < std::chrono::milliseconds(250)) return;
  last_ = now;
  shown_ = true;
  std::fprintf(stderr, "\r\033[K%s", progress_line(done, total, now - began_).c_str());
}

}  // namespace gpuvigil
