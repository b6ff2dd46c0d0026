// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace gpuvigil {

/// A JSON text as a tree of values. For small texts that come from elsewhere: messages, requests,
/// answers of a server. (simdjson behind it; recordings have a reader of their own.)
class JsonValue {
 public:
  using Array = std::vector<JsonValue>;
  using Object = std::map<std::string, JsonValue, std::less<>>;
  using Variant =
      std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object>;

  JsonValue() : value_(nullptr) {}
  explicit JsonValue(Variant value) : value_(std::move(value)) {}

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  [[nodiscard]] const bool* as_bool() const { return std::get_if<bool>(&value_); }
  [[nodiscard]] const std::int64_t* as_int() const { return std::get_if<std::int64_t>(&value_); }
  [[nodiscard]] const std::string* as_string() const { return std::get_if<std::string>(&value_); }
  [[nodiscard]] const Array* as_array() const { return std::get_if<Array>(&value_); }
  [[nodiscard]] const Object* as_object() const { return std::get_if<Object>(&value_); }
  /// Any number.
  [[nodiscard]] const double* as_double() const { return std::get_if<double>(&value_); }
  [[nodiscard]] double number_or(double fallback) const;
  [[nodiscard]] std::string_view string_or(std::string_view fallback) const;

  /// The member of that name; null where there is none or this is no object.
  [[nodiscard]] const JsonValue& operator[](std::string_view key) const;

 private:
  Variant value_;
};

/// Errors: kTooLarge beyond `max_bytes`, kCorrupt for anything that is not one JSON value nested at
/// most 64 deep, saying what is wrong. Of repeated keys the first counts. Integers that do not
/// fit 64 bits are kept as doubles.
[[nodiscard]] Result<JsonValue> parse_json(std::string_view text, std::size_t max_bytes);

}  // namespace gpuvigil
