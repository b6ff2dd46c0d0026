// SPDX-License-Identifier: Apache-2.0
#include "exporters/metrics_text.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"

namespace gpuvigil {
namespace {

constexpr std::string_view kEnd = "# EOF\n";

/// Both formats escape the same three characters in labels. What is no UTF-8, or could act on a
/// terminal, is replaced: one bad byte would cost the reader the whole answer.
void append_escaped(std::string& out, std::string_view value) {
  const std::string clean = clean_text(value);
  for (const char c : clean) {
    if (c == '\\' || c == '"') out += '\\';
    out += c;  // line breaks are gone: clean_text() takes all control characters
  }
}

std::string_view type_name(const FamilyHead& head, TextFormat format) {
  const bool open = format == TextFormat::kOpenMetrics;
  switch (head.kind) {
    case FamilyKind::kGauge:
      return "gauge";
    case FamilyKind::kCounter:
      // OpenMetrics wants counters to end in _total, which names of others do not.
      return open && head.is_foreign ? "unknown" : "counter";
    case FamilyKind::kInfo:
      return open ? "info" : "gauge";
  }
  return "unknown";
}

/// The older format speaks of samples, OpenMetrics of families.
std::string head_of(const FamilyHead& head, TextFormat format) {
  const bool open = format == TextFormat::kOpenMetrics;
  const std::string name = head.name + std::string(open ? "" : sample_suffix(head));
  std::string text =
      fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, head.help, name, type_name(head, format));
  if (open && !head.unit.empty()) text += fmt::format("# UNIT {} {}\n", name, head.unit);
  return text;
}

void append_label(std::string& out, char& separator, std::string_view name,
                  std::string_view value) {
  if (value.empty()) return;  // a label without a value is the same as none
  out += separator;
  separator = ',';
  out += name;
  out += "=\"";
  append_escaped(out, value);
  out += '"';
}

/// The weight of a media type in an Accept header, 0 to 1000; nothing where it is not named.
std::optional<unsigned> weight_of(std::string_view element) {
  const auto at = element.find("q=");
  if (at == std::string_view::npos) return 1000;
  double weight = 0;
  const std::string_view digits = element.substr(at + 2);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), weight);
  if (error != std::errc() || !(weight >= 0 && weight <= 1)) return std::nullopt;
  return static_cast<unsigned>(weight * 1000);
}

}  // namespace

std::string_view content_type(TextFormat format) {
  return format == TextFormat::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

TextFormat negotiate_text_format(std::string_view accept) {
  unsigned open = 0;
  unsigned plain = 0;
  while (!accept.empty()) {
    const std::string_view element = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(accept.size(), element.size() + 1));
    const unsigned weight = weight_of(element).value_or(0);
    // Of OpenMetrics only version 1.0.0 is spoken, which is also meant where none is named.
    if (element.find("application/openmetrics-text") != std::string_view::npos) {
      const auto version = element.find("version=");
      if (version == std::string_view::npos || element.substr(version + 8).starts_with("1.0.0")) {
        open = std::max(open, weight);
      }
    } else if (element.find("text/plain") != std::string_view::npos ||
               element.find("text/*") != std::string_view::npos) {
      plain = std::max(plain, weight);
    }
  }
  return open > 0 && open >= plain ? TextFormat::kOpenMetrics : TextFormat::kPrometheus;
}

const MetricsText::Prepared& MetricsText::prepare(const MetricFamily& family) {
  Prepared& made = prepared_[&family];
  if (made.is_made && made.generation == family.generation) return made;
  made.is_made = true;
  made.generation = family.generation;
  made.heads[0] = head_of(family.head, TextFormat::kPrometheus);
  made.heads[1] = head_of(family.head, TextFormat::kOpenMetrics);
  made.prefixes.clear();
  made.ends.clear();
  for (const MetricSeries& series : family.series) {
    made.prefixes += family.head.name;
    made.prefixes += sample_suffix(family.head);
    char separator = '{';
    for (const auto& [name, value] : *series.labels) {
      append_label(made.prefixes, separator, name, value);
    }
    append_label(made.prefixes, separator, series.own_name, series.own_value);
    if (separator == ',') made.prefixes += '}';
    made.prefixes += ' ';
    made.ends.push_back(static_cast<std::uint32_t>(made.prefixes.size()));
  }
  return made;
}

std::string MetricsText::write(std::span<const MetricFamily* const> families, TextFormat format) {
  std::size_t room = kEnd.size();
  for (const MetricFamily* family : families) {
    const Prepared& made = prepare(*family);
    room += made.heads[static_cast<std::size_t>(format)].size() + made.prefixes.size() +
            made.ends.size() * (MetricValue::kMaxText + 1);
  }
  const auto copy = [](char* at, std::string_view text) {
    std::memcpy(at, text.data(), text.size());
    return at + text.size();
  };
  std::string out;
  out.resize_and_overwrite(room, [&](char* begin, std::size_t) {
    char* at = begin;
    for (const MetricFamily* family : families) {
      const Prepared& made = prepared_.find(family)->second;
      bool is_first = true;
      std::uint32_t from = 0;
      for (std::size_t i = 0; i < made.ends.size(); ++i) {
        const std::uint32_t to = made.ends[i];
        const MetricValue& value = family->values[i];
        if (value.is_there()) {
          if (std::exchange(is_first, false)) {
            at = copy(at, made.heads[static_cast<std::size_t>(format)]);
          }
          at = copy(at, std::string_view(made.prefixes).substr(from, to - from));
          at = value.write(at);
          *at++ = '\n';
        }
        from = to;
      }
    }
    if (format == TextFormat::kOpenMetrics) at = copy(at, kEnd);
    return static_cast<std::size_t>(at - begin);
  });
  return out;
}

}  // namespace gpuvigil
