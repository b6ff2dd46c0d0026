// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include <fmt/format.h>

namespace gpuvigil {

/// error: someone must act. warn: degraded, and counted. info: life cycle. debug: off.
enum class LogLevel { kDebug, kInfo, kWarn, kError, kOff };

struct LogField {
  std::string_view key;
  std::string value;
};

template <class T>
[[nodiscard]] LogField kv(std::string_view key, const T& value) {
  return {key, fmt::format("{}", value)};
}

/// One logfmt line on standard error: `time level event key=value ...`. Event names are stable
/// ("server.listening"). Control characters in values are escaped, so a value is never two lines.
///
/// Only the edges log (engine, net, api, apps); what can return an error returns it.
/// Threading: safe from any thread.
void log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

void set_log_level(LogLevel level);

}  // namespace gpuvigil
