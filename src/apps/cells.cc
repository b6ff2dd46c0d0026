// SPDX-License-Identifier: Apache-2.0
#include "apps/cells.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/text.h"
#include "views/human.h"

namespace gpuvigil::detail {
namespace {

/// A server may say anything: what no integer can hold becomes the nearest that one can.
std::uint64_t whole(double value) {
  constexpr double kMost = 1e18;
  return value > 0 ? static_cast<std::uint64_t>(std::round(std::min(value, kMost))) : 0;
}

}  // namespace

bool is_number(const JsonValue& value) {
  return value.as_int() != nullptr || value.as_double() != nullptr;
}

std::string number(const JsonValue& value, int decimals, std::string_view unit) {
  if (!is_number(value)) return "-";
  return fmt::format("{:.{}f}{}", value.number_or(0), decimals, unit);
}

std::string count(const JsonValue& value) {
  return is_number(value) ? human_count(whole(value.number_or(0))) : "-";
}

std::string percent(const JsonValue& value) {
  return is_number(value) ? human_percent(value.number_or(0)) : "-";
}

std::string mebibytes(const JsonValue& value) {
  if (!is_number(value)) return "-";
  return human_bytes(Bytes(whole(value.number_or(0) * kBytesPerMebibyte)));
}

std::string milliseconds(const JsonValue& value) {
  if (!is_number(value)) return "-";
  return human_time(whole(value.number_or(0) * 1e6));
}

std::string text(const JsonValue& value) {
  return clean_text(value.string_or("-"));
}

std::string memory(const JsonValue& value) {
  return fmt::format("{} / {}", mebibytes(value["used_mb"]), mebibytes(value["total_mb"]));
}

std::string joined(const JsonValue& list) {
  std::string out;
  if (list.as_array() == nullptr) return "-";
  for (const JsonValue& element : *list.as_array()) {
    if (!out.empty()) out += ",";
    out += element.as_int() != nullptr ? number(element, 0) : text(element);
  }
  return out.empty() ? "-" : out;
}

const JsonValue::Array& elements(const JsonValue& list) {
  static const JsonValue::Array kNone;
  return list.as_array() == nullptr ? kNone : *list.as_array();
}

std::string banner(const JsonValue& answer) {
  const bool* demo = answer["demo"].as_bool();
  return demo != nullptr && *demo ? fmt::format("{}\n", kDemoBanner) : std::string();
}

}  // namespace gpuvigil::detail
