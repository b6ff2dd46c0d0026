// SPDX-License-Identifier: Apache-2.0
#include "model/list_queries.h"

#include <algorithm>

namespace gpuvigil {
namespace {

bool is_selected(const std::optional<std::vector<std::uint32_t>>& devices, std::uint32_t device) {
  return !devices || std::ranges::find(*devices, device) != devices->end();
}

/// What processes are sorted by, over the selected devices.
double weight_of(const ProcessRow& row, const ProcessQuery& query) {
  double sum = 0;
  for (const ProcessUse& use : row.uses) {
    if (!is_selected(query.devices, use.device)) continue;
    switch (query.sort_by) {
      case ProcessSort::kMemory:
        if (use.told && use.told->memory) sum += static_cast<double>(use.told->memory->count());
        break;
      case ProcessSort::kKernelTime:
        sum += static_cast<double>(use.kernel_ns.value_or(0));
        break;
      case ProcessSort::kUtilization:
        if (use.told && use.told->sm_utilization) sum += use.told->sm_utilization->count();
        break;
      case ProcessSort::kPid:
        break;
    }
  }
  return sum;
}

bool matches(const ProcessRow& row, const ProcessQuery& query) {
  if (query.pid && row.pid != *query.pid) return false;
  if (!query.user.empty() && (!row.who || row.who->user != query.user)) return false;
  return !query.devices || std::ranges::any_of(row.uses, [&](const ProcessUse& use) {
    return is_selected(query.devices, use.device);
  });
}

}  // namespace

ProcessList select_processes(const Frame& frame, const ProcessQuery& query) {
  std::vector<std::pair<double, const ProcessRow*>> found;  // by pid, as the frame has them
  for (const ProcessRow& row : frame.processes) {
    if (matches(row, query)) found.emplace_back(weight_of(row, query), &row);
  }
  std::ranges::stable_sort(found, [](const auto& a, const auto& b) { return a.first > b.first; });
  ProcessList list;
  list.total = found.size();
  for (std::size_t i = query.offset; i < found.size() && list.rows.size() < query.limit; ++i) {
    list.rows.push_back(found[i].second);
  }
  return list;
}

std::vector<const Event*> select_events(const Frame& frame, const EventQuery& query) {
  std::vector<std::string_view> uuids;
  if (query.devices) {
    for (const std::uint32_t device : *query.devices) {
      uuids.emplace_back(frame.devices[device].info->uuid);
    }
  }
  std::vector<const Event*> found;
  for (const Event& event : frame.events->events) {
    if (query.since && event.at < *query.since) break;  // the others are older
    if (event.severity < query.least) continue;
    if (!query.kind.empty() && event.kind != query.kind) continue;
    if (query.devices && std::ranges::find(uuids, event.uuid) == uuids.end()) continue;
    if (found.size() == query.limit) break;
    found.push_back(&event);
  }
  return found;
}

}  // namespace gpuvigil
