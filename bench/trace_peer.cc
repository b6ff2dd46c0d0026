// SPDX-License-Identifier: Apache-2.0
// Compiled for this very processor: else simdjson's on-demand parser is its plain fallback.
#include "trace_peer.h"

#include <algorithm>

#include <simdjson.h>

namespace gpuvigil {

struct SimdjsonWalk::Parser {
  simdjson::ondemand::parser parser;
};

SimdjsonWalk::SimdjsonWalk() : parser_(std::make_unique<Parser>()) {}
SimdjsonWalk::~SimdjsonWalk() = default;

std::string SimdjsonWalk::implementation() {
  return simdjson::builtin_implementation()->name();
}

std::uint64_t SimdjsonWalk::calls(const simdjson::padded_string& json) {
  Totals totals;
  double first = 1e300;
  double last = 0;
  std::uint64_t devices = 0;
  simdjson::ondemand::document document = parser_->parser.iterate(json);
  for (simdjson::ondemand::object event : document.find_field("traceEvents").get_array()) {
    std::string_view phase;
    std::string_view category;
    std::string_view name;
    double start = 0;
    double duration = 0;
    for (auto field : event) {
      const simdjson::ondemand::raw_json_string key = field.key();
      if (key == "ph") {
        phase = field.value().get_string();
      } else if (key == "cat") {
        category = field.value().get_string();
      } else if (key == "name") {
        name = field.value().get_string();
      } else if (key == "ts") {
        start = field.value().get_double();
      } else if (key == "dur") {
        duration = field.value().get_double();
      } else if (key == "args" && category == "kernel") {
        devices += field.value().get_object().find_field("device").get_uint64();
      }
    }
    if (phase != "X") continue;
    first = std::min(first, start);
    last = std::max(last, start + duration);
    if (category == "kernel") totals.add(name, static_cast<std::int64_t>(duration * 1000 + 0.5));
  }
  // Nobody asks for these two, but they have to be known.
  return first < last || devices > 0 ? totals.calls() : 0;
}

}  // namespace gpuvigil
