// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/json_reader.h"

/// Values of the API's JSON as cells of a table. What is absent, or of another type, is "-"; text
/// is foreign text and comes out cleaned, so that it cannot move a cursor.
namespace gpuvigil::detail {

[[nodiscard]] bool is_number(const JsonValue& value);
[[nodiscard]] std::string number(const JsonValue& value, int decimals, std::string_view unit = "");
[[nodiscard]] std::string count(const JsonValue& value);
[[nodiscard]] std::string percent(const JsonValue& value);
[[nodiscard]] std::string mebibytes(const JsonValue& value);
[[nodiscard]] std::string milliseconds(const JsonValue& value);
[[nodiscard]] std::string text(const JsonValue& value);

/// "512 MiB / 1024 MiB" of an object with `used_mb` and `total_mb`.
[[nodiscard]] std::string memory(const JsonValue& value);

/// "0,1,2"; "-" for a list with nothing in it.
[[nodiscard]] std::string joined(const JsonValue& list);

/// Those of an array; none of anything else.
[[nodiscard]] const JsonValue::Array& elements(const JsonValue& list);

/// What every text about a simulated machine begins with; empty for any other.
[[nodiscard]] std::string banner(const JsonValue& answer);

}  // namespace gpuvigil::detail
