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
[[nodiscard]] std::string processes_table(const JsonValue& processes);
[[nodiscard]] std::string devices_table(const JsonValue& devices);
[[nodiscard]] std::string events_table(const JsonValue& events);

/// How each device is joined to each other, a row and a column a device, and below it what the
/// words mean. It is as wide as there are devices; of more than 64 the first 64 are shown.
[[nodiscard]] std::string topology_table(const JsonValue& topology);

/// One line for one message of the stream.
[[nodiscard]] std::string stream_line(const JsonValue& message);

}  // namespace gpuvigil
