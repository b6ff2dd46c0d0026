// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporters/metric_value.h"

namespace gpuvigil {

enum class FamilyKind {
  kGauge,
  kCounter,  ///< Its samples are called NAME_total, where Prometheus reads them.
  kInfo,     ///< NAME_info, always 1: what it says stands in its labels.
};

/// What a metric is called and means, whoever is told of it.
struct FamilyHead {
  std::string name;  ///< "gpuvigil_gpu_energy_joules": no _total, no _info.
  FamilyKind kind = FamilyKind::kGauge;
  std::string_view unit = {};  ///< "joules", with which the name ends; empty: it has none.
  std::string_view help = {};  ///< A sentence.
  /// Names that others have given, with units and all: their samples are called exactly that.
  bool is_foreign = false;
};

/// Names and values, in the order in which they are shown. Values are any bytes.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// The labels of one series: those that many share, and one of its own.
///
/// Ownership: all of it belongs to who made the family.
struct MetricSeries {
  const Labels* labels = nullptr;  ///< Never null.
  std::string_view own_name = {};  ///< Of a label more; empty: none.
  std::string_view own_value = {};
};

/// One metric with all its series and what they are just now.
///
/// **Invariants:** series.size() == values.size(). `generation` grows whenever series have changed
/// in any way, so whoever prepares something for each of them knows when to do so again.
struct MetricFamily {
  FamilyHead head;
  std::vector<MetricSeries> series;
  std::vector<MetricValue> values;
  std::uint64_t generation = 0;
};

/// "_total", "_info" or "": what a sample's name ends with beyond the family's.
[[nodiscard]] constexpr std::string_view sample_suffix(const FamilyHead& head) {
  if (head.is_foreign || head.kind == FamilyKind::kGauge) return "";
  return head.kind == FamilyKind::kCounter ? "_total" : "_info";
}

}  // namespace gpuvigil
