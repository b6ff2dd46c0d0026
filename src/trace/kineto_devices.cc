// SPDX-License-Identifier: Apache-2.0
#include "trace/kineto_devices.h"

#include <algorithm>

#include "base/text.h"
#include "trace/json_text.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kMaxProperties = 4096;
constexpr std::size_t kMaxNameBytes = 256;

bool names_amd(std::string_view name) {
  return name.find("AMD") != std::string_view::npos ||
         name.find("Instinct") != std::string_view::npos ||
         name.find("Radeon") != std::string_view::npos;
}

}  // namespace

void DeviceProperties::parse(std::string_view array) {
  list_.clear();
  const char* at = array.data() + 1;
  const char* const end = array.data() + array.size();
  while (list_.size() < kMaxProperties) {
    at = skip_json_blanks(at, end);
    if (at < end && *at == ',') {
      ++at;
      continue;
    }
    if (at >= end || *at != '{') return;
    BracketState state;
    const auto rest = static_cast<std::size_t>(end - at);
    const std::size_t size = bracket_scan()(at, (rest + kScanBlock - 1) / kScanBlock, state);
    if (size > rest) return;
    add({at, size});
    at += size;
  }
}

void DeviceProperties::add(std::string_view object) {
  Property property;
  bool warps_of_32 = false;
  ObjectWalker walk(object);
  for (JsonField field; walk.next(field);) {
    if (field.key == "id") property.id = parse_count(field.value);
    if (field.key == "totalGlobalMem") property.memory_bytes = parse_count(field.value);
    if (field.key == "warpSize") {
      say_amd_ = say_amd_ || unquoted(field.value) == "64";
      warps_of_32 = unquoted(field.value) == "32";
    }
    if (field.key == "name") {
      const std::string name = clean_text(decode_json_text(field.value, kMaxNameBytes));
      property.name = truncate_utf8(name, kMaxNameBytes);
    }
  }
  const bool amd = names_amd(property.name);
  say_amd_ = say_amd_ || amd;
  say_not_amd_ = say_not_amd_ || (warps_of_32 && !amd && !property.name.empty());
  list_.push_back(std::move(property));
}

TraceDevice DeviceProperties::device(std::uint32_t number, bool amd) const {
  TraceDevice device{.recorded_number = number, .name = {}, .memory_total_bytes = {}};
  if (list_.empty()) return device;
  if (!amd) {
    const auto found =
        std::ranges::find(list_, std::optional<std::uint64_t>(number), &Property::id);
    if (found == list_.end()) return device;
    device.name = found->name;
    device.memory_total_bytes = found->memory_bytes;
    return device;
  }
  const Property& first = list_.front();
  const auto agree = [&](auto member) {
    return std::ranges::all_of(list_,
                               [&](const Property& p) { return p.*member == first.*member; });
  };
  if (agree(&Property::name)) device.name = first.name;
  if (agree(&Property::memory_bytes)) device.memory_total_bytes = first.memory_bytes;
  return device;
}

}  // namespace gpuvigil
