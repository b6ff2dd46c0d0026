// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "net/http.h"

namespace gpuvigil {

/// The answer with the built-in file of this path: a page, its script or style, the contract. Its
/// body is shared by all answers. Nothing where this build has no such file.
///
/// Threading: the server's thread.
[[nodiscard]] std::optional<HttpResponse> static_file(std::string_view path,
                                                      std::string_view accept_encoding);

}  // namespace gpuvigil
