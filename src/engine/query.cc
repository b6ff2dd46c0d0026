// SPDX-License-Identifier: Apache-2.0
#include "engine/query.h"

#include <algorithm>
#include <compare>
#include <map>
#include <utility>

#include "base/assert.h"
#include "base/text.h"

namespace gpuvigil {
namespace {

bool name_matches(const KernelQuery& query, const KernelName& name) {
  if (query.names.empty()) return true;
  return std::ranges::any_of(query.names,
                             [&](const std::string& glob) { return glob_match(glob, name.name); });
}

bool device_selected(const KernelQuery& query, std::uint32_t device) {
  return !query.devices || std::ranges::find(*query.devices, device) != query.devices->end();
}

/// What a query chooses from. Over all devices and all time these are the frame's own rows,
/// untouched and uncopied; otherwise rows made for this query.
struct Candidates {
  std::span<const KernelRow> rows;
  std::vector<KernelRow> made;                      ///< Behind `rows`, unless the frame is.
  std::vector<std::vector<std::uint32_t>> devices;  ///< Of each made row.
  std::vector<std::uint32_t> unknown_percentiles;   ///< Made rows that only the owner can complete.
};

/// Every kernel over some of its devices.
Candidates over_devices(const Frame& frame, const KernelQuery& query) {
  Candidates found;
  for (const KernelRow& whole : frame.kernels) {
    KernelRow row{.name = whole.name, .kind = whole.kind};
    std::vector<std::uint32_t> devices;
    for (const SeriesRow& series : frame.series_of(whole)) {
      if (!device_selected(query, series.device)) continue;
      devices.push_back(series.device);
      row.counters.merge(series.counters);
      row.percentiles = series.percentiles;
      if (series.last_end >= row.last_end) {
        row.last_end = series.last_end;
        row.last_duration_ns = series.last_duration_ns;
      }
    }
    if (devices.empty()) continue;
    if (devices.size() == whole.series_count) {
      row.percentiles = whole.percentiles;
    } else if (devices.size() > 1) {
      found.unknown_percentiles.push_back(static_cast<std::uint32_t>(found.made.size()));
    }
    found.made.push_back(std::move(row));
    found.devices.push_back(std::move(devices));
  }
  found.rows = found.made;
  return found;
}

/// What the ladder knows of one kernel.
struct Merged {
  KernelRow row;
  std::vector<std::uint32_t> devices;
  std::map<std::uint32_t, std::uint32_t> buckets;
};

void merge_delta(Merged& into, const WindowDelta& step, const SeriesDelta& delta) {
  into.row.name = delta.key->name;
  into.row.kind = delta.key->kind;
  into.row.counters.merge(delta.counters);
  into.row.last_end = std::max(into.row.last_end, delta.last_end);
  const auto at = std::ranges::lower_bound(into.devices, delta.key->device);
  if (at == into.devices.end() || *at != delta.key->device) {
    into.devices.insert(at, delta.key->device);
  }
  for (const BucketCount& hit : step.buckets_of(delta)) into.buckets[hit.bucket] += hit.count;
}

/// Every kernel that did something since then, and the window that the ladder's steps cover.
Candidates over_window(const Frame& frame, const KernelQuery& query, CoveredWindow& window) {
  std::map<std::pair<std::uint64_t, KernelKind>, Merged> merged;
  window = {.from = frame.edge, .to = frame.edge, .coverage = 0};
  for (const auto& step : frame.windows->steps) {
    if (step->to <= *query.since) continue;
    window.from = std::min(window.from, step->from);
    for (const SeriesDelta& delta : step->series) {
      if (!device_selected(query, delta.key->device)) continue;
      merge_delta(merged[{delta.key->name->id, delta.key->kind}], *step, delta);
    }
  }
  const auto asked = static_cast<double>((frame.edge - *query.since).count());
  const auto covered = static_cast<double>((frame.edge - window.from).count());
  window.coverage = asked <= 0 ? 1.0 : std::min(covered / asked, 1.0);

  Candidates found;
  std::vector<BucketCount> sparse;
  for (auto& [key, one] : merged) {
    sparse.clear();
    for (const auto& [bucket, count] : one.buckets) sparse.push_back({bucket, count});
    const KernelCounters& counters = one.row.counters;
    one.row.percentiles = percentiles(sparse, counters.min_ns, counters.max_ns);
    found.made.push_back(std::move(one.row));
    found.devices.push_back(std::move(one.devices));
  }
  found.rows = found.made;
  return found;
}

double average(std::uint64_t sum, std::uint64_t n) {
  return n == 0 ? -1.0 : static_cast<double>(sum) / static_cast<double>(n);
}

/// What a row is sorted by; names are compared as text elsewhere.
double sort_key(const KernelRow& row, KernelSort by) {
  const KernelCounters& c = row.counters;
  switch (by) {
    case KernelSort::kAvgTime:
      return average(c.sum_ns, c.calls);
    case KernelSort::kTotalTime:
      return static_cast<double>(c.sum_ns);
    case KernelSort::kCalls:
      return static_cast<double>(c.calls);
    case KernelSort::kMaxTime:
      return static_cast<double>(c.max_ns);
    case KernelSort::kP50Time:
      return static_cast<double>(row.percentiles.p50_ns);
    case KernelSort::kP95Time:
      return static_cast<double>(row.percentiles.p95_ns);
    case KernelSort::kP99Time:
      return static_cast<double>(row.percentiles.p99_ns);
    case KernelSort::kLastExecution:
      return static_cast<double>(to_unix_ns(row.last_end));
    case KernelSort::kAvgMemory:
      return average(c.memory_bytes, c.memory_calls);
    case KernelSort::kName:
      return 0;
  }
  return 0;
}

bool by_percentile(KernelSort by) {
  return by == KernelSort::kP50Time || by == KernelSort::kP95Time || by == KernelSort::kP99Time;
}

/// Ties go by name, then kind, always ascending: the order is total, so pages never overlap.
std::strong_ordering tie_break(const KernelRow& a, const KernelRow& b) {
  if (const auto order = a.name->name <=> b.name->name; order != 0) return order;
  return a.kind <=> b.kind;
}

/// Moves the wanted page of `order` (indices into `rows`) to its front, sorted.
void sort_page(std::span<const KernelRow> rows, const KernelQuery& query,
               std::vector<std::uint32_t>& order) {
  std::vector<double> keys(rows.size());
  for (const std::uint32_t i : order) keys[i] = sort_key(rows[i], query.sort_by);
  const auto before = [&](std::uint32_t a, std::uint32_t b) {
    if (query.sort_by == KernelSort::kName) {
      const auto tie = tie_break(rows[a], rows[b]);
      return query.descending ? tie > 0 : tie < 0;
    }
    if (keys[a] != keys[b]) return query.descending ? keys[a] > keys[b] : keys[a] < keys[b];
    return tie_break(rows[a], rows[b]) < 0;
  };
  std::size_t wanted = order.size();
  if (query.limit != 0) wanted = std::min(wanted, query.offset + query.limit);
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(wanted);
  std::partial_sort(order.begin(), middle, order.end(), before);
}

/// Asks the owner for the percentiles of those of `wanted` that the frame cannot tell.
void complete(Candidates& candidates, std::span<const std::uint32_t> wanted,
              const PercentileLookup& lookup) {
  std::vector<std::uint32_t> askers;
  for (const std::uint32_t i : wanted) {
    if (std::ranges::binary_search(candidates.unknown_percentiles, i)) askers.push_back(i);
  }
  if (askers.empty()) return;
  std::vector<PercentileRequest> requests;
  for (const std::uint32_t i : askers) {
    const KernelRow& row = candidates.made[i];
    requests.push_back({.kernel_id = row.name->id,
                        .kind = row.kind,
                        .devices = candidates.devices[i],
                        .min_ns = row.counters.min_ns,
                        .max_ns = row.counters.max_ns});
  }
  const std::vector<Percentiles> answers = lookup(requests);
  GPUVIGIL_ASSERT(answers.size() == requests.size());
  for (std::size_t k = 0; k < answers.size(); ++k) {
    candidates.made[askers[k]].percentiles = answers[k];
  }
}

/// A row as it is answered.
KernelStats to_stats(const Frame& frame, const Candidates& candidates, std::uint32_t i,
                     std::uint64_t all_time) {
  const KernelRow& row = candidates.rows[i];
  KernelStats stats{.name = row.name,
                    .kind = row.kind,
                    .counters = row.counters,
                    .percentiles = row.percentiles,
                    .last_end = row.last_end,
                    .last_duration_ns = row.last_duration_ns,
                    .share_percent = 0,
                    .devices = {}};
  if (candidates.devices.empty()) {
    for (const SeriesRow& series : frame.series_of(row)) stats.devices.push_back(series.device);
  } else {
    stats.devices = candidates.devices[i];
  }
  if (all_time > 0) {
    stats.share_percent =
        100.0 * static_cast<double>(row.counters.sum_ns) / static_cast<double>(all_time);
  }
  return stats;
}

Candidates candidates_of(const Frame& frame, const KernelQuery& query, CoveredWindow& window) {
  window = {.from = frame.since, .to = frame.edge, .coverage = 1.0};
  if (query.since && *query.since > frame.since) return over_window(frame, query, window);
  if (query.devices) return over_devices(frame, query);
  return {.rows = frame.kernels, .made = {}, .devices = {}, .unknown_percentiles = {}};
}

}  // namespace

KernelQuery top_ten() {
  return {.sort_by = KernelSort::kTotalTime, .limit = 10};
}

bool matches(KindFilter filter, KernelKind kind) {
  switch (filter) {
    case KindFilter::kKernel:
      return is_kernel(kind);
    case KindFilter::kCompute:
      return kind == KernelKind::kCompute;
    case KindFilter::kCollective:
      return kind == KernelKind::kCollective;
    case KindFilter::kMemcpy:
      return kind == KernelKind::kMemcpy;
    case KindFilter::kMemset:
      return kind == KernelKind::kMemset;
    case KindFilter::kAll:
      return true;
  }
  return false;
}

KernelList query_kernels(const Frame& frame, const KernelQuery& query,
                         const PercentileLookup& lookup) {
  KernelList list;
  Candidates candidates = candidates_of(frame, query, list.window);

  std::uint64_t all_time = 0;
  std::vector<std::uint32_t> order;
  order.reserve(candidates.rows.size());
  for (std::uint32_t i = 0; i < candidates.rows.size(); ++i) {
    const KernelRow& row = candidates.rows[i];
    if (!matches(query.kind, row.kind)) continue;
    all_time += row.counters.sum_ns;
    if (row.counters.calls < std::max<std::uint64_t>(query.min_calls, 1)) continue;
    if (name_matches(query, *row.name)) order.push_back(i);
  }
  list.total_kernels = order.size();

  if (by_percentile(query.sort_by)) complete(candidates, order, lookup);
  sort_page(candidates.rows, query, order);
  const std::size_t first = std::min(query.offset, order.size());
  const std::size_t left = order.size() - first;
  const std::size_t count = query.limit == 0 ? left : std::min(query.limit, left);
  const auto page = std::span(order).subspan(first, count);
  complete(candidates, page, lookup);

  list.rows.reserve(count);
  for (const std::uint32_t i : page) list.rows.push_back(to_stats(frame, candidates, i, all_time));
  return list;
}

}  // namespace gpuvigil
