// SPDX-License-Identifier: Apache-2.0
#include "apps/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ranges>
#include <string>

#include <fmt/format.h>

#include "apps/exit_codes.h"
#include "base/log.h"
#include "base/text.h"

namespace gpuvigil {

Result<void> print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return fail(Errc::kIo,
                fmt::format("cannot write to standard output: {}", std::strerror(errno)));
  }
  return {};
}

int complain(const Error& error) {
  if (program_log().format() == LogFormat::kJson) {
    log(LogLevel::kError, "program.failed", {kv("error", error.message)});
    return exit_code_of(error.code);
  }
  std::string text = "gpuvigil: ";
  for (const auto line : std::views::split(error.message, '\n')) {
    text += clean_text(std::string_view(line.begin(), line.end())) + '\n';
  }
  std::fputs(text.c_str(), stderr);
  return exit_code_of(error.code);
}

}  // namespace gpuvigil
