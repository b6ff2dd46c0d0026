// SPDX-License-Identifier: Apache-2.0
#include "engine/candidates.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>
#include <utility>

#include "base/prefetch.h"

namespace gpuvigil {
namespace {

constexpr std::size_t kAhead = 16;  ///< Deltas whose memory is asked for early.
constexpr std::uint32_t kNoRow = std::numeric_limits<std::uint32_t>::max();

/// Numbers what it is asked for, in that order. A flat table: a window may hold hundreds of
/// thousands of deltas, and the network thread waits for this.
class Numbering {
 public:
  /// The number of `key`, which has to be well spread: a new one if the key is new.
  std::uint32_t number(std::uint64_t key) {
    if (2 * (count_ + 1) > places_.size()) grow();
    Place& place = places_[find(key)];
    if (place.row == kNoRow) place = {key, count_++};
    return place.row;
  }

  /// The same for one that was asked for before; else kNoRow.
  [[nodiscard]] std::uint32_t known(std::uint64_t key) const { return places_[find(key)].row; }

 private:
  struct Place {
    std::uint64_t key = 0;
    std::uint32_t row = kNoRow;
  };

  [[nodiscard]] std::size_t find(std::uint64_t key) const {
    std::size_t at = key & (places_.size() - 1);
    while (places_[at].row != kNoRow && places_[at].key != key)
      at = (at + 1) & (places_.size() - 1);
    return at;
  }
  void grow() {
    const auto old = std::exchange(places_, std::vector<Place>(places_.size() * 2));
    for (const Place& place : old) {
      if (place.row != kNoRow) places_[find(place.key)] = place;
    }
  }

  std::vector<Place> places_ = std::vector<Place>(1024);  ///< A power of two; half of it is free.
  std::uint32_t count_ = 0;
};

/// Ids are hashes: they are spread as they are.
std::uint64_t key_of(const KernelName& name, KernelKind kind) {
  return name.id + static_cast<std::uint64_t>(kind);
}

/// Reads percentiles of buckets in any order, again and again without allocating.
class BucketSum {
 public:
  Percentiles percentiles_of(std::span<const BucketCount> buckets, const KernelCounters& counters) {
    std::uint32_t low = SketchScheme::kBuckets;
    std::uint32_t high = 0;
    for (const BucketCount& hit : buckets) {
      counts_[hit.bucket] += hit.count;
      low = std::min(low, hit.bucket);
      high = std::max(high, hit.bucket);
    }
    sparse_.clear();
    for (std::uint32_t b = low; b <= high; ++b) {
      if (counts_[b] != 0) sparse_.push_back({b, std::exchange(counts_[b], 0)});
    }
    return percentiles(sparse_, counters.min_ns, counters.max_ns);
  }

 private:
  std::array<std::uint32_t, SketchScheme::kBuckets> counts_{};
  std::vector<BucketCount> sparse_;
};

}  // namespace

Candidates::Candidates(const Frame& frame, const KernelQuery& query)
    : frame_(frame), query_(query), window_{.from = frame.since, .to = frame.edge, .coverage = 1} {
  if (query.devices) {
    selected_.resize(std::max<std::size_t>(frame.devices.size(), 1));
    for (const std::uint32_t device : *query.devices) {
      if (device >= selected_.size()) selected_.resize(device + 1);
      selected_[device] = 1;
    }
  }
  if (query.since && *query.since > frame.since) {
    over_window();
    return;
  }
  if (query.devices) {
    over_devices();
  } else {
    rows_ = frame.kernels;
  }
  if (!query.names.empty() && frame.names) texts_ = &frame.names->of(frame.kernels);
}

/// Every kernel over some of its devices.
void Candidates::over_devices() {
  for (std::uint32_t i = 0; i < frame_.kernels.size(); ++i) {
    const KernelRow& whole = frame_.kernels[i];
    if (!matches(query_.kind, whole.kind)) continue;
    std::uint32_t count = 0;
    KernelRow row{.kind = whole.kind};
    for (const SeriesRow& series : frame_.series_of(whole)) {
      if (!is_selected(series.device)) continue;
      ++count;
      row.counters.merge(series.counters);
      row.percentiles = series.percentiles;
      if (series.last_end >= row.last_end) {
        row.last_end = series.last_end;
        row.last_duration_ns = series.last_duration_ns;
      }
    }
    if (count == 0) continue;
    if (count == whole.series_count) row.percentiles = whole.percentiles;
    needs_owner_.push_back(count > 1 && count < whole.series_count ? 1 : 0);
    made_.push_back(std::move(row));
    whole_.push_back(i);
  }
  rows_ = made_;
}

/// Every kernel that did something since then, merged from the steps of the frame's ladder.
void Candidates::over_window() {
  window_ = {.from = frame_.edge, .to = frame_.edge, .coverage = 0};
  Numbering index;
  std::vector<KernelRow> found;
  for_each_delta([&](const WindowDelta& step, const SeriesDelta& delta) {
    window_.from = std::min(window_.from, step.from);
    const SeriesKey& key = *delta.key;
    std::uint32_t row = kNoRow;
    if (is_selected(key.device) && matches(query_.kind, key.kind)) {
      row = index.number(key_of(*key.name, key.kind));
      if (row == found.size()) found.push_back({.name = key.name, .kind = key.kind});
      found[row].counters.merge(delta.counters);
      found[row].last_end = std::max(found[row].last_end, delta.last_end);
    }
    part_rows_.push_back(row);
  });
  const auto asked = static_cast<double>((frame_.edge - *query_.since).count());
  const auto covered = static_cast<double>((frame_.edge - window_.from).count());
  window_.coverage = asked <= 0 ? 1.0 : std::min(covered / asked, 1.0);

  // Nearly all of them are in the frame, which knows their order; the others have been forgotten
  // since.
  std::vector<std::uint32_t> order;
  std::vector<char> is_known(found.size());
  for (const KernelRow& kernel : frame_.kernels) {
    const std::uint32_t row = index.known(key_of(*kernel.name, kernel.kind));
    if (row == kNoRow || std::exchange(is_known[row], 1) != 0) continue;
    order.push_back(row);
  }
  const auto known_count = static_cast<std::ptrdiff_t>(order.size());
  for (std::uint32_t row = 0; row < found.size(); ++row) {
    if (is_known[row] == 0) order.push_back(row);
  }
  const auto before = [&](std::uint32_t a, std::uint32_t b) {
    const auto by_name = found[a].name->name <=> found[b].name->name;
    return by_name < 0 || (by_name == 0 && found[a].kind < found[b].kind);
  };
  std::sort(order.begin() + known_count, order.end(), before);
  std::inplace_merge(order.begin(), order.begin() + known_count, order.end(), before);

  std::vector<std::uint32_t> place(found.size());
  for (const std::uint32_t row : order) {
    place[row] = static_cast<std::uint32_t>(made_.size());
    made_.push_back(std::move(found[row]));
  }
  for (std::uint32_t& row : part_rows_) row = row == kNoRow ? kNoRow : place[row];
  window_devices_.resize(made_.size());
  rows_ = made_;
}

template <class Visit>
void Candidates::for_each_delta(Visit visit) const {
  for (const auto& step : frame_.windows->steps) {
    if (step->to <= *query_.since) continue;
    const std::vector<SeriesDelta>& deltas = step->series;
    for (std::size_t i = 0; i < deltas.size(); ++i) {
      if (i + kAhead < deltas.size()) prefetch(deltas[i + kAhead].key.get());
      visit(*step, deltas[i]);
    }
  }
}

std::vector<std::uint32_t> Candidates::devices_of(std::uint32_t row) const {
  if (!window_devices_.empty()) return window_devices_[row];
  const KernelRow& whole = whole_.empty() ? rows_[row] : frame_.kernels[whole_[row]];
  std::vector<std::uint32_t> devices;
  devices.reserve(whole.series_count);
  for (const SeriesRow& series : frame_.series_of(whole)) {
    if (is_selected(series.device)) devices.push_back(series.device);
  }
  return devices;
}

void Candidates::complete(std::span<const std::uint32_t> wanted) {
  if (window_devices_.empty()) return;
  std::vector<char> is_wanted(made_.size());
  for (const std::uint32_t row : wanted) is_wanted[row] = window_devices_[row].empty() ? 1 : 0;

  // The buckets of one row after those of another. Both passes go through the window in its own
  // order: row by row, every delta would be a walk to another corner of memory.
  std::vector<std::uint32_t> end(made_.size() + 1);
  const auto for_each_wanted = [&](const auto& visit) {
    std::size_t i = 0;
    for_each_delta([&](const WindowDelta& step, const SeriesDelta& delta) {
      const std::uint32_t row = part_rows_[i++];
      if (row != kNoRow && is_wanted[row] != 0) visit(row, step, delta);
    });
  };
  for_each_wanted([&](std::uint32_t row, const WindowDelta&, const SeriesDelta& delta) {
    end[row + 1] += delta.bucket_count;
  });
  std::partial_sum(end.begin(), end.end(), end.begin());
  std::vector<BucketCount> buckets(end.back());
  auto next = end;
  for_each_wanted([&](std::uint32_t row, const WindowDelta& step, const SeriesDelta& delta) {
    for (const BucketCount& bucket : step.buckets_of(delta)) buckets[next[row]++] = bucket;
    std::vector<std::uint32_t>& devices = window_devices_[row];
    const auto place = std::ranges::lower_bound(devices, delta.key->device);
    if (place == devices.end() || *place != delta.key->device) {
      devices.insert(place, delta.key->device);
    }
  });

  BucketSum sum;
  for (const std::uint32_t row : wanted) {
    if (is_wanted[row] == 0) continue;
    const KernelCounters& counters = made_[row].counters;
    made_[row].percentiles =
        sum.percentiles_of(std::span(buckets).subspan(end[row], end[row + 1] - end[row]), counters);
  }
}

}  // namespace gpuvigil
