// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"

namespace gpuvigil {

/// A pipe takes so many bytes at once: lines of several programs on one pipe never mix, and a pipe
/// that takes any takes a whole line (PIPE_BUF).
inline constexpr std::size_t kMaxLogLine = 4096;

/// A value is cut to so many bytes, as written.
inline constexpr std::size_t kMaxLogValue = 1024;

/// An event as one line that ends with a newline. Fields that do not fit any more are left out,
/// and the last field says how many.
[[nodiscard]] std::string log_line(LogFormat format, Timestamp at, LogLevel level,
                                   std::string_view event, std::initializer_list<LogField> fields);

}  // namespace gpuvigil
