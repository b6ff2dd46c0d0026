// SPDX-License-Identifier: Apache-2.0
#include "base/json_reader.h"

#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxDepth = 64;

// The depth is bounded by the parser, so recursion is too.
JsonValue convert(simdjson::dom::element element) {  // NOLINT(misc-no-recursion)
  using simdjson::dom::element_type;
  switch (element.type()) {
    case element_type::NULL_VALUE:
      return JsonValue();
    case element_type::BOOL:
      return JsonValue(JsonValue::Variant(element.get_bool().value_unsafe()));
    case element_type::INT64:
      return JsonValue(JsonValue::Variant(element.get_int64().value_unsafe()));
    case element_type::UINT64:
      return JsonValue(
          JsonValue::Variant(static_cast<double>(element.get_uint64().value_unsafe())));
    case element_type::DOUBLE:
      return JsonValue(JsonValue::Variant(element.get_double().value_unsafe()));
    case element_type::STRING:
      return JsonValue(JsonValue::Variant(std::string(element.get_string().value_unsafe())));
    case element_type::ARRAY: {
      JsonValue::Array array;
      const simdjson::dom::array children = element.get_array().value_unsafe();
      for (const auto child : children) array.push_back(convert(child));
      return JsonValue(JsonValue::Variant(std::move(array)));
    }
    case element_type::OBJECT: {
      JsonValue::Object object;
      const simdjson::dom::object members = element.get_object().value_unsafe();
      for (const auto& [key, value] : members) {
        object.emplace(std::string(key), convert(value));
      }
      return JsonValue(JsonValue::Variant(std::move(object)));
    }
  }
  return JsonValue();
}

}  // namespace

double JsonValue::number_or(double fallback) const {
  if (const auto* integer = as_int()) return static_cast<double>(*integer);
  if (const auto* real = as_double()) return *real;
  return fallback;
}

std::string_view JsonValue::string_or(std::string_view fallback) const {
  const auto* text = as_string();
  return text == nullptr ? fallback : std::string_view(*text);
}

const JsonValue& JsonValue::operator[](std::string_view key) const {
  static const JsonValue kNothing;
  const auto* object = as_object();
  if (object == nullptr) return kNothing;
  const auto found = object->find(key);
  return found == object->end() ? kNothing : found->second;
}

Result<JsonValue> parse_json(std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes) {
    return fail(Errc::kTooLarge,
                fmt::format("{} bytes of JSON, at most {} are read", text.size(), max_bytes));
  }
  if (text.empty()) return fail(Errc::kCorrupt, "not JSON: there is nothing");
  simdjson::dom::parser parser;
  if (const auto error = parser.allocate(std::max<std::size_t>(text.size(), 1), kMaxDepth)) {
    return fail(Errc::kInternal, simdjson::error_message(error));
  }
  simdjson::dom::element root;
  if (const auto error = parser.parse(text.data(), text.size()).get(root)) {
    return fail(Errc::kCorrupt, fmt::format("not JSON: {}", simdjson::error_message(error)));
  }
  return convert(root);
}

}  // namespace gpuvigil
