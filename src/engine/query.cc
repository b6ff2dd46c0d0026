// SPDX-License-Identifier: Apache-2.0
#include "engine/query.h"

#include <algorithm>
#include <bit>
#include <compare>
#include <utility>

#include "base/assert.h"
#include "base/glob.h"
#include "engine/candidates.h"

namespace gpuvigil {
namespace {

/// An average as an integer that sorts as it does: of doubles that are not negative the bits do.
/// Without anything to average it is the smallest.
std::uint64_t average_key(std::uint64_t sum, std::uint64_t n) {
  if (n == 0) return 0;
  return 1 + std::bit_cast<std::uint64_t>(static_cast<double>(sum) / static_cast<double>(n));
}

/// What a row is sorted by; names need none, rows are in their order.
std::uint64_t sort_key(const KernelRow& row, KernelSort by) {
  const KernelCounters& c = row.counters;
  switch (by) {
    case KernelSort::kAvgTime:
      return average_key(c.sum_ns, c.calls);
    case KernelSort::kTotalTime:
      return c.sum_ns;
    case KernelSort::kCalls:
      return c.calls;
    case KernelSort::kMaxTime:
      return c.max_ns;
    case KernelSort::kP50Time:
      return row.percentiles.p50_ns;
    case KernelSort::kP95Time:
      return row.percentiles.p95_ns;
    case KernelSort::kP99Time:
      return row.percentiles.p99_ns;
    case KernelSort::kLastExecution:
      return static_cast<std::uint64_t>(to_unix_ns(row.last_end)) ^ (std::uint64_t{1} << 63U);
    case KernelSort::kAvgMemory:
      return average_key(c.memory_bytes, c.memory_calls);
    case KernelSort::kName:
      return 0;
  }
  return 0;
}

bool by_percentile(KernelSort by) {
  return by == KernelSort::kP50Time || by == KernelSort::kP95Time || by == KernelSort::kP99Time;
}

/// A row and what it is sorted by. Ties go by name, then kind, as rows do, always ascending: the
/// order is total, so pages never overlap.
struct Keyed {
  std::uint64_t key;
  std::uint32_t row;
  auto operator<=>(const Keyed&) const = default;
};

Keyed keyed_by(const KernelQuery& query, const KernelRow& row, std::uint32_t index) {
  const std::uint64_t key = sort_key(row, query.sort_by);
  return {query.descending ? ~key : key, index};
}

/// The page of `chosen` (by ascending row) that was asked for.
std::vector<std::uint32_t> page_of(const KernelQuery& query, std::vector<Keyed> chosen) {
  const std::size_t first = std::min(query.offset, chosen.size());
  const std::size_t left = chosen.size() - first;
  const std::size_t count = query.limit == 0 ? left : std::min(query.limit, left);
  const auto begin = chosen.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end = begin + static_cast<std::ptrdiff_t>(count);
  // A heap is the faster way to a few of many, but slow for pages that are far away.
  constexpr std::size_t kFew = 128;
  if (query.sort_by == KernelSort::kName) {
    if (query.descending) std::ranges::reverse(chosen);
  } else if (first + count <= kFew) {
    std::partial_sort(chosen.begin(), end, chosen.end());
  } else {
    std::nth_element(chosen.begin(), begin, chosen.end());
    std::partial_sort(begin, end, chosen.end());
  }
  std::vector<std::uint32_t> page;
  page.reserve(count);
  for (auto at = begin; at != end; ++at) page.push_back(at->row);
  return page;
}

/// Fills in what of `wanted` is not known yet, from the frame and from the owner of the sketches.
void complete(Candidates& candidates, std::span<const std::uint32_t> wanted,
              const PercentileLookup& lookup) {
  candidates.complete(wanted);
  std::vector<std::uint32_t> askers;
  std::vector<PercentileRequest> requests;
  for (const std::uint32_t i : wanted) {
    if (!candidates.needs_owner(i)) continue;
    const KernelRow& row = candidates.rows()[i];
    askers.push_back(i);
    requests.push_back({.kernel_id = candidates.name_of(i)->id,
                        .kind = row.kind,
                        .devices = candidates.devices_of(i),
                        .min_ns = row.counters.min_ns,
                        .max_ns = row.counters.max_ns});
  }
  if (askers.empty()) return;
  const std::vector<Percentiles> answers = lookup(requests);
  GPUVIGIL_ASSERT(answers.size() == requests.size());
  for (std::size_t k = 0; k < answers.size(); ++k) {
    candidates.set_percentiles(askers[k], answers[k]);
  }
}

/// A row as it is answered.
KernelStats to_stats(const Candidates& candidates, std::uint32_t i, std::uint64_t all_time) {
  const KernelRow& row = candidates.rows()[i];
  KernelStats stats{.name = candidates.name_of(i),
                    .kind = row.kind,
                    .counters = row.counters,
                    .percentiles = row.percentiles,
                    .last_end = row.last_end,
                    .last_duration_ns = row.last_duration_ns,
                    .share_percent = 0,
                    .devices = candidates.devices_of(i)};
  if (all_time > 0) {
    stats.share_percent =
        100.0 * static_cast<double>(row.counters.sum_ns) / static_cast<double>(all_time);
  }
  return stats;
}

}  // namespace

KernelQuery top_ten() {
  return {.sort_by = KernelSort::kTotalTime, .limit = 10};
}

KernelList query_kernel_window(const Frame& frame, KernelWindow window, const KernelQuery& query) {
  const auto places = static_cast<std::uint32_t>(frame.devices.size());
  std::vector<std::uint32_t> indices;
  for (const std::string& uuid : window.devices) {
    const auto row = std::ranges::find_if(
        frame.devices, [&](const DeviceRow& one) { return one.info && one.info->uuid == uuid; });
    indices.push_back(row != frame.devices.end()
                          ? static_cast<std::uint32_t>(row - frame.devices.begin())
                          : places + static_cast<std::uint32_t>(indices.size()));
  }
  for (SeriesDelta& series : window.delta.series) {
    SeriesKey key = *series.key;
    key.device = key.device < indices.size() ? indices[key.device] : places;
    series.key = std::make_shared<const SeriesKey>(std::move(key));
  }
  // A frame that knows nothing but this window, so that one piece of code chooses and sorts.
  Frame past;
  past.edge = frame.edge;
  past.since = Timestamp::min();
  auto ladder = std::make_shared<WindowLadder>();
  ladder->steps.push_back(std::make_shared<const WindowDelta>(std::move(window.delta)));
  past.windows = std::move(ladder);
  KernelList list = query_kernels(past, query, {});
  for (KernelStats& stats : list.rows) {
    std::erase_if(stats.devices, [places](std::uint32_t device) { return device >= places; });
  }
  return list;
}

KernelList query_kernels(const Frame& frame, const KernelQuery& query,
                         const PercentileLookup& lookup) {
  Candidates candidates(frame, query);
  const std::span<const KernelRow> rows = candidates.rows();
  const std::vector<Glob> globs(query.names.begin(), query.names.end());
  const auto name_matches = [&](std::uint32_t row) {
    if (globs.empty()) return true;  // not a look at the name: it lies elsewhere in memory
    const std::string_view name = candidates.text_of(row);
    return std::ranges::any_of(globs, [&](const Glob& glob) { return glob.matches(name); });
  };
  const std::uint64_t min_calls = std::max<std::uint64_t>(query.min_calls, 1);
  std::uint64_t all_time = 0;
  // What a new frame holds is in no cache yet: one pass, where the keys are there already and
  // looking at names does not fill the caches meanwhile.
  const bool keys_later = by_percentile(query.sort_by) || !globs.empty();
  std::vector<Keyed> chosen;
  chosen.reserve(rows.size());
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    const KernelRow& row = rows[i];
    if (!matches(query.kind, row.kind)) continue;
    all_time += row.counters.sum_ns;
    if (row.counters.calls < min_calls || !name_matches(i)) continue;
    chosen.push_back(keys_later ? Keyed{0, i} : keyed_by(query, row, i));
  }

  if (by_percentile(query.sort_by)) {
    std::vector<std::uint32_t> all;
    all.reserve(chosen.size());
    for (const Keyed& one : chosen) all.push_back(one.row);
    complete(candidates, all, lookup);
  }
  if (keys_later) {
    for (Keyed& one : chosen) one = keyed_by(query, rows[one.row], one.row);
  }
  const std::size_t total = chosen.size();
  const std::vector<std::uint32_t> page = page_of(query, std::move(chosen));
  complete(candidates, page, lookup);

  KernelList list{.rows = {}, .total_kernels = total, .window = candidates.window()};
  list.rows.reserve(page.size());
  for (const std::uint32_t i : page) list.rows.push_back(to_stats(candidates, i, all_time));
  return list;
}

}  // namespace gpuvigil
