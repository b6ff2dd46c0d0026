// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exporters/metric_family.h"

namespace gpuvigil {

enum class TextFormat {
  kPrometheus,   ///< text/plain; version=0.0.4.
  kOpenMetrics,  ///< application/openmetrics-text; version=1.0.0.
};

[[nodiscard]] std::string_view content_type(TextFormat format);

/// What an Accept header asks for: OpenMetrics where it is named and not weighed below plain text,
/// else the older format, which everybody reads.
[[nodiscard]] TextFormat negotiate_text_format(std::string_view accept);

/// Writes families as text. What stands before the number of a line, name and escaped labels, is
/// made once for each generation of a family: to write a line is to copy it and append the number.
///
/// Threading: one thread.
class MetricsText {
 public:
  /// Families without a value are left out. The families must be the same objects at each call;
  /// only what they hold may change.
  [[nodiscard]] std::string write(std::span<const MetricFamily* const> families, TextFormat format);

 private:
  /// The lines of one family up to their numbers.
  struct Prepared {
    std::uint64_t generation = 0;
    bool is_made = false;
    std::string heads[2];  ///< By TextFormat: HELP, TYPE, UNIT.
    std::string prefixes;  ///< One after the other.
    std::vector<std::uint32_t> ends;
  };

  [[nodiscard]] const Prepared& prepare(const MetricFamily& family);

  std::map<const MetricFamily*, Prepared> prepared_;
};

}  // namespace gpuvigil
