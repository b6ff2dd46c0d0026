// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "model/metric.h"
#include "store/history_reader.h"
#include "store/history_writer.h"

namespace gpuvigil::testing {

/// 2026-01-02T03:00:00Z.
inline constexpr Timestamp kHistoryStart = Timestamp(std::chrono::seconds(1'767'322'800));

[[nodiscard]] inline std::size_t metric_index(std::string_view name) {
  return static_cast<std::size_t>(find_metric(name) - kMetrics.data());
}

/// A row with one reading of one metric for each device; absent_value(): none.
[[nodiscard]] inline HistoryRow row_at(Timestamp at, const std::vector<std::string>& uuids,
                                       std::string_view metric, const std::vector<double>& values) {
  HistoryRow row;
  row.at = at;
  row.values.assign(uuids.size() * kMetrics.size(), absent_value());
  for (std::size_t d = 0; d < uuids.size(); ++d) {
    row.devices.push_back(std::make_shared<const DeviceInfo>(
        DeviceInfo{.uuid = uuids[d], .name = "", .pci_bus_id = "", .source = "test"}));
    row.values[d * kMetrics.size() + metric_index(metric)] = values[d];
    row.values[d * kMetrics.size() + metric_index("device_healthy")] = 1;
  }
  return row;
}

/// Plans and reads in one go, with the writer's own connection.
[[nodiscard]] inline Result<HistoryAnswer> ask(HistoryWriter& writer, const HistoryQuery& query,
                                               Timestamp now) {
  GPUVIGIL_TRY(const HistoryPlan plan, plan_history(writer, query, now));
  std::uint64_t damaged = 0;
  return read_history(writer.database(), plan, damaged);
}

}  // namespace gpuvigil::testing
