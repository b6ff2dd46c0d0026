// SPDX-License-Identifier: Apache-2.0
#include "exporters/influx.h"

#include <array>

#include "base/text.h"

namespace gpuvigil {
namespace {

/// The protocol has no way to write a backslash at the end of a tag: it would escape what comes
/// after it. So there are none.
void append_tag(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;  // the protocol knows no empty tag
  out += ',';
  out += name;
  out += '=';
  for (const char c : clean_text(value)) {
    if (c == ',' || c == '=' || c == ' ') out += '\\';
    out += c == '\\' ? '/' : c;
  }
}

}  // namespace

std::vector<PushBody> InfluxFormat::encode(const Frame& frame) {
  metrics_.update(frame);
  return encode(metrics_.families(), frame.edge);
}

std::vector<PushBody> InfluxFormat::encode(std::span<const MetricFamily* const> families,
                                           Timestamp at) {
  const std::string end = " " + std::to_string(to_unix_ns(at)) + "\n";
  std::vector<PushBody> bodies;
  for (const MetricFamily* family : families) {
    for (std::size_t i = 0; i < family->series.size(); ++i) {
      const MetricSeries& series = family->series[i];
      if (!family->values[i].is_there()) continue;
      if (bodies.empty() || bodies.back().samples == kMaxSamples) bodies.emplace_back();
      PushBody& body = bodies.back();
      ++body.samples;
      body.bytes += family->head.name;
      body.bytes += sample_suffix(family->head);
      for (const auto& [name, value] : *series.labels) append_tag(body.bytes, name, value);
      append_tag(body.bytes, series.own_name, series.own_value);
      std::array<char, MetricValue::kMaxText> number{};
      body.bytes += " value=";
      body.bytes.append(number.data(), family->values[i].write(number.data()));
      body.bytes += end;
    }
  }
  return bodies;
}

std::string_view InfluxFormat::content_type() const {
  return "text/plain; charset=utf-8";
}

SendVerdict InfluxFormat::judge(const OutboundResult& result) const {
  return gpuvigil::judge(result);
}

}  // namespace gpuvigil
