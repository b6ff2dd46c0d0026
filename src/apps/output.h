// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "base/result.h"

namespace gpuvigil {

/// Writes all of it to standard output. Errors: kIo when it cannot be taken (a full disk); a pipe
/// that was closed ends the program quietly by SIGPIPE.
[[nodiscard]] Result<void> print(std::string_view text);

/// One line on standard error: "gpuvigil: MESSAGE", or a record of the log where that is JSON, so
/// that who reads it finds nothing else. Returns the exit code of that error.
int complain(const Error& error);

}  // namespace gpuvigil
