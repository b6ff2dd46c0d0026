// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "base/log_line.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kLevelNames[] = {"debug", "info", "warn", "error", "off"};
constexpr std::string_view kFormatNames[] = {"logfmt", "json"};
constexpr std::string_view kOtherEvents = "log.other_events";
constexpr Duration kWindow = std::chrono::seconds(1);

/// Writes to standard error what it takes without waiting.
bool write_standard_error(std::string_view line) {
  // A pipe or socket that says it is ready takes at least PIPE_BUF bytes; nobody else of this
  // process writes meanwhile.
  pollfd ready{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) return false;
  ssize_t count = 0;
  do {
    count = ::write(STDERR_FILENO, line.data(), line.size());
  } while (count < 0 && errno == EINTR);
  return std::cmp_equal(count, line.size());
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view text) {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    if (text == log_level_name(level)) return level;
  }
  return std::nullopt;
}

std::string_view log_level_name(LogLevel level) {
  return kLevelNames[static_cast<std::size_t>(level)];
}

std::optional<LogFormat> parse_log_format(std::string_view text) {
  for (const LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
    if (text == log_format_name(format)) return format;
  }
  return std::nullopt;
}

std::string_view log_format_name(LogFormat format) {
  return kFormatNames[static_cast<std::size_t>(format)];
}

void Logger::configure(const LogSettings& settings) {
  level_ = settings.level;
  format_ = settings.format;
}

void Logger::log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  if (!is_enabled(level)) return;
  tick();
  if (!admit(level, event)) return;
  write(log_line(format_, ports_.wall_time(), level, event, fields));
}

bool Logger::admit(LogLevel level, std::string_view event) {
  const MutexLock lock(mutex_);
  auto found = std::ranges::find(events_, event, &Event::name);
  if (found == events_.end()) {
    if (events_.size() == kMaxEvents) event = kOtherEvents;  // its place is the last one
    if (events_.size() <= kMaxEvents)
      events_.push_back({.name = std::string(event), .level = level});
    found = events_.end() - 1;
  }
  if (found->lines < kEventLines && window_lines_ < kAllLines) {
    ++found->lines;
    ++window_lines_;
    return true;
  }
  found->level = found->repeated == 0 ? level : std::max(found->level, level);
  ++found->repeated;
  ++stats_.repeated;
  return false;
}

std::vector<Logger::Event> Logger::end_window(bool at_once) {
  const MutexLock lock(mutex_);
  const Timestamp now = clock_.now();
  if (!at_once && now < window_end_) return {};
  window_end_ = now + kWindow;
  window_lines_ = 0;
  return std::exchange(events_, {});
}

void Logger::tell(bool at_once) {
  for (const Event& event : end_window(at_once)) {
    if (event.repeated == 0) continue;
    write(log_line(format_, ports_.wall_time(), event.level, event.name,
                   {kv("repeated", event.repeated)}));
  }
}

void Logger::write(std::string_view line) {
  const MutexLock lock(mutex_);
  if (untold_losses_ > 0 && ports_.write(log_line(format_, ports_.wall_time(), LogLevel::kWarn,
                                                  "log.lost", {kv("lines", untold_losses_)}))) {
    untold_losses_ = 0;
  }
  if (ports_.write(line)) {
    ++stats_.written;
  } else {
    ++stats_.lost;
    ++untold_losses_;
  }
}

LogStats Logger::stats() const {
  const MutexLock lock(mutex_);
  return stats_;
}

Logger& program_log() {
  static const SystemClock clock;
  static Logger logger(clock, {.wall_time = wall_time, .write = write_standard_error});
  return logger;
}

}  // namespace gpuvigil
