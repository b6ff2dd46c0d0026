// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace gpuvigil {

/// Whether write_whole_file() could begin now, so that a wrong name is told before the work.
/// Errors: kIo, which names the path.
[[nodiscard]] Result<void> check_whole_file(const std::string& path);

/// Replaces a file in one step: whoever looks finds the old one or the new one, whole. What is
/// there and is no regular file (a pipe, a device) is written to. Errors: kIo, which names the
/// path.
[[nodiscard]] Result<void> write_whole_file(const std::string& path, std::string_view text);

}  // namespace gpuvigil
