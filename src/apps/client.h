// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "apps/options.h"
#include "base/clock.h"
#include "base/result.h"

namespace gpuvigil {

/// Asks a running server; gives the body of its answer.
/// Errors: kUnavailable (cannot connect), kTimeout, kInvalidArgument, kNotFound, kPermission or kIo
/// (it cannot be done, or not now) with what the server's problem says.
[[nodiscard]] Result<std::string> ask(const ClientOptions& client, std::string_view path,
                                      const ApiParameters& parameters);

/// Sends a change ("POST", "DELETE") with a body of JSON, or none, and waits that long for the
/// answer, whose body it gives. Errors: as ask().
[[nodiscard]] Result<std::string> change(const ClientOptions& client, std::string_view method,
                                         std::string_view path, std::string_view json,
                                         Duration timeout);

/// One segment of a path, encoded.
[[nodiscard]] std::string path_segment(std::string_view text);

/// Follows the stream: `on_message` sees each message until it says false.
/// Errors: as ask(), and those of `on_message`; kUnavailable when the server goes away.
[[nodiscard]] Result<void> watch(const ClientOptions& client, const ApiParameters& parameters,
                                 const std::function<Result<bool>(const std::string&)>& on_message);

/// "?name=%2Agemm%2A&limit=5"; empty for no parameters.
[[nodiscard]] std::string query_string(const ApiParameters& parameters);

}  // namespace gpuvigil
