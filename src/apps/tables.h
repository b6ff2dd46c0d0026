// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json_reader.h"

namespace gpuvigil {

/// The API's answers as text for people: one function for each verb, the same for a server's
/// answer and for one made offline. At most 100 columns; what is unknown is "-".
[[nodiscard]] std::string status_table(const JsonValue& status);
[[nodiscard]] std::string kernels_table(const JsonValue& kernels);
[[nodiscard]] std::string alerts_table(const JsonValue& alerts);

/// One line for one message of the stream.
[[nodiscard]] std::string stream_line(const JsonValue& message);

}  // namespace gpuvigil
