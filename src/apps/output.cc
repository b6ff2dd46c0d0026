// SPDX-License-Identifier: Apache-2.0
#include "apps/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

#include "apps/exit_codes.h"

namespace gpuvigil {

Result<void> print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return fail(Errc::kIo,
                fmt::format("cannot write to standard output: {}", std::strerror(errno)));
  }
  return {};
}

int complain(const Error& error) {
  std::fprintf(stderr, "gpuvigil: %s\n", error.message.c_str());
  return exit_code_of(error.code);
}

}  // namespace gpuvigil
