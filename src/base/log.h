// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/mutex.h"

namespace gpuvigil {

/// error: someone must act. warn: degraded, and counted. info: life cycle. debug: off.
enum class LogLevel { kDebug, kInfo, kWarn, kError, kOff };

/// kLogfmt: `ts=... level=info event=server.listening url=http://127.0.0.1:8080/`.
/// kJson: the same as one JSON object.
enum class LogFormat { kLogfmt, kJson };

/// "debug", "info", "warn" or "error"; nothing for another word.
[[nodiscard]] std::optional<LogLevel> parse_log_level(std::string_view text);
[[nodiscard]] std::string_view log_level_name(LogLevel level);
/// "logfmt" or "json"; nothing for another word.
[[nodiscard]] std::optional<LogFormat> parse_log_format(std::string_view text);
[[nodiscard]] std::string_view log_format_name(LogFormat format);

/// A key and its value, which is formatted only if the line is written.
///
/// Ownership: refers to the value; lives no longer than the expression that made it.
class LogField {
 public:
  template <class T>
  LogField(std::string_view key, const T& value)
      : key_(key), value_(&value), append_(&append_value<T>), is_bare_(is_number(value)) {}

  [[nodiscard]] std::string_view key() const { return key_; }
  void append_to(std::string& out) const { append_(out, value_); }
  /// A number or a truth value: JSON shows it without quotes.
  [[nodiscard]] bool is_bare() const { return is_bare_; }

 private:
  template <class T>
  static void append_value(std::string& out, const void* value) {
    fmt::format_to(std::back_inserter(out), "{}", *static_cast<const T*>(value));
  }

  template <class T>
  static bool is_number(const T& value) {
    if constexpr (std::floating_point<T>) return std::isfinite(value);
    return std::integral<T> && !std::same_as<T, char>;
  }

  std::string_view key_;
  const void* value_;
  void (*append_)(std::string&, const void*);
  bool is_bare_;
};

template <class T>
[[nodiscard]] LogField kv(std::string_view key, const T& value) {
  return {key, value};
}

struct LogSettings {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kLogfmt;
};

struct LogStats {
  std::uint64_t written = 0;   ///< Lines.
  std::uint64_t repeated = 0;  ///< Lines left out because there were too many of their event.
  std::uint64_t lost = 0;      ///< Lines that the output did not take.
};

/// Writes events as lines, and never more of them than anybody can read: of one event at most
/// kEventLines a second, of all together at most kAllLines. What was left out is told when its
/// second is over, `level=... event=... repeated=N`; what the output did not take as soon as it
/// takes something again, `event=log.lost lines=N`.
///
/// Threading: all members are safe from any thread.
class Logger {
 public:
  static constexpr std::uint32_t kEventLines = 10;
  static constexpr std::uint32_t kAllLines = 1000;
  static constexpr std::size_t kMaxEvents = 256;  ///< Told apart in one second.

  /// What a logger needs of its surroundings.
  struct Ports {
    std::function<Timestamp()> wall_time;  ///< What a line says.
    /// Takes one whole line, at most kMaxLogLine bytes. False: it could not be taken without
    /// waiting. Never called by two threads at once.
    std::function<bool(std::string_view)> write;
  };

  /// `clock` says how long ago something was; it must outlive the logger.
  Logger(const Clock& clock, Ports ports) : clock_(clock), ports_(std::move(ports)) {}

  void configure(const LogSettings& settings);
  [[nodiscard]] bool is_enabled(LogLevel level) const { return level >= level_.load(); }
  [[nodiscard]] LogFormat format() const { return format_.load(); }

  void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);

  /// Tells what was left out in a second that is over. To be called about once a second.
  void tick() { tell(false); }
  /// Tells what was left out so far; before the end of the program.
  void finish() { tell(true); }

  [[nodiscard]] LogStats stats() const;

 private:
  /// One event in the present second.
  struct Event {
    std::string name;
    LogLevel level;  ///< The highest of those left out.
    std::uint32_t lines = 0;
    std::uint64_t repeated = 0;
  };

  bool admit(LogLevel level, std::string_view event);
  void tell(bool at_once);
  [[nodiscard]] std::vector<Event> end_window(bool at_once);
  void write(std::string_view line);

  const Clock& clock_;
  const Ports ports_;
  std::atomic<LogLevel> level_ = LogLevel::kInfo;
  std::atomic<LogFormat> format_ = LogFormat::kLogfmt;

  mutable Mutex mutex_;
  Timestamp window_end_ GPUVIGIL_GUARDED_BY(mutex_);
  std::uint32_t window_lines_ GPUVIGIL_GUARDED_BY(mutex_) = 0;
  std::vector<Event> events_ GPUVIGIL_GUARDED_BY(mutex_);  ///< Of this window.
  std::uint64_t untold_losses_ GPUVIGIL_GUARDED_BY(mutex_) = 0;
  LogStats stats_ GPUVIGIL_GUARDED_BY(mutex_);
};

/// The program's logger: standard error. A reader of it that has stopped costs lines, which are
/// counted, and never makes anybody wait.
[[nodiscard]] Logger& program_log();

/// One line of the program's log. Event names are stable ("server.listening"). Whatever a value
/// holds, it is one line: what could act on a terminal or a reader is escaped.
///
/// Only the edges log (engine, net, api, apps); what can return an error returns it.
/// Threading: safe from any thread.
inline void log(LogLevel level, std::string_view event,
                std::initializer_list<LogField> fields = {}) {
  program_log().log(level, event, fields);
}

}  // namespace gpuvigil
