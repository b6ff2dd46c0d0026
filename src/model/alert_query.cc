// SPDX-License-Identifier: Apache-2.0
#include "model/alert_query.h"

#include <algorithm>

namespace gpuvigil {
namespace {

bool matches_state(AlertStateFilter filter, AlertState state) {
  switch (filter) {
    case AlertStateFilter::kActive:
      return state == AlertState::kFiring;
    case AlertStateFilter::kPending:
      return state == AlertState::kPending;
    case AlertStateFilter::kResolved:
      return state == AlertState::kResolved;
    case AlertStateFilter::kAll:
      return true;
  }
  return false;
}

bool matches(const AlertQuery& query, const Alert& alert) {
  if (!matches_state(query.state, alert.state)) return false;
  if (query.severity && alert.severity != *query.severity) return false;
  if (query.since && alert.began < *query.since) return false;
  return !query.devices || std::ranges::find(*query.devices, alert.device) != query.devices->end();
}

}  // namespace

std::vector<const Alert*> select_alerts(const Frame& frame, const AlertQuery& query) {
  std::vector<const Alert*> found;
  for (const Alert& alert : frame.alerts) {
    if (matches(query, alert)) found.push_back(&alert);
  }
  std::ranges::sort(found, [](const Alert* a, const Alert* b) {
    return a->began != b->began ? a->began > b->began : a->id < b->id;
  });
  if (query.limit != 0 && found.size() > query.limit) found.resize(query.limit);
  return found;
}

std::size_t count_active_alerts(const Frame& frame) {
  return static_cast<std::size_t>(
      std::ranges::count(frame.alerts, AlertState::kFiring, &Alert::state));
}

}  // namespace gpuvigil
