// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace gpuvigil {

/// What Authorization is to say to another server: `scheme` and the text of that file, which must
/// be its owner's alone. Empty where no file is named.
/// Errors: those of read_private_file().
[[nodiscard]] Result<Secret> read_authorization(const std::string& file, std::string_view scheme);

}  // namespace gpuvigil
