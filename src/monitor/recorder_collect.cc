// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "monitor/record_shadow.h"
#include "monitor/recorder.h"

namespace gpuvigil {
namespace detail {
namespace {

constexpr int kTries = 4;

/// The scalars and buckets of a cell as they stand at about one moment.
struct Snapshot {
  std::uint64_t calls = 0;
  std::uint64_t sum_ns = 0;
  double sum_squares_ns2 = 0;
  std::uint64_t memory_calls = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t largest_memory_bytes = 0;
  std::int64_t last_end_ns = 0;
  std::uint64_t last_duration_ns = 0;
  std::array<CellShadow::Page, SketchScheme::kPages> pages;
  std::array<bool, SketchScheme::kPages> has_page{};

  /// In the opposite order of the writer's stores.
  void read(const RecordCell& cell) {
    calls = cell.calls.read();
    memory_calls = cell.memory_calls.read();
    memory_bytes = cell.memory_bytes.read();
    largest_memory_bytes = cell.largest_memory_bytes.read();
    last_duration_ns = cell.last_duration_ns.read();
    last_end_ns = cell.last_end_ns.read();
    sum_squares_ns2 = cell.sum_squares_ns2.read();
    sum_ns = cell.sum_ns.read();
    for (std::uint32_t p = 0; p < SketchScheme::kPages; ++p) {
      const RecordPage* const page = cell.pages[p].read();
      has_page[p] = page != nullptr;
      if (page == nullptr) continue;
      for (std::uint32_t i = 0; i < SketchScheme::kPageBuckets; ++i) {
        pages[p][i] = (*page)[i].read();
      }
    }
  }
};

/// Where a page has grown, by how much. Modulo 2^32, as the cell counts.
void list_growth(std::uint32_t first_bucket, const CellShadow::Page& now,
                 const CellShadow::Page& before, std::vector<BucketCount>& buckets) {
  for (std::uint32_t i = 0; i < SketchScheme::kPageBuckets; ++i) {
    if (now[i] != before[i]) buckets.push_back({first_bucket + i, now[i] - before[i]});
  }
}

struct SumBounds {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

std::uint64_t saturating_multiply_add(std::uint64_t sum, std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  const bool over =
      __builtin_mul_overflow(a, b, &product) || __builtin_add_overflow(sum, product, &sum);
  return over ? std::numeric_limits<std::uint64_t>::max() : sum;
}

SumBounds bounds_of(const std::vector<BucketCount>& buckets) {
  SumBounds bounds;
  for (const BucketCount& b : buckets) {
    bounds.low = saturating_multiply_add(bounds.low, SketchScheme::low(b.bucket), b.count);
    bounds.high = saturating_multiply_add(bounds.high, SketchScheme::end(b.bucket) - 1, b.count);
  }
  return bounds;
}

}  // namespace

bool CellShadow::take(RecordCell& cell, Aggregate& delta, std::vector<BucketCount>& buckets) {
  if (cell.calls.read() == calls_seen) return false;
  delta = {};
  KernelCounters& counters = delta.counters;
  Snapshot now;
  bool whole = false;
  for (int i = 0; i < kTries && !whole; ++i) {
    now.read(cell);
    buckets.clear();
    counters.calls = 0;
    for (std::uint32_t p = 0; p < SketchScheme::kPages; ++p) {
      if (!now.has_page[p]) continue;
      if (!pages[p]) pages[p] = std::make_unique<Page>(Page{});
      list_growth(p * SketchScheme::kPageBuckets, now.pages[p], *pages[p], buckets);
    }
    for (const BucketCount& b : buckets) counters.calls += b.count;
    whole = calls + counters.calls == now.calls;
  }
  for (const BucketCount& b : buckets) {
    (*pages[b.bucket / SketchScheme::kPageBuckets])[b.bucket % SketchScheme::kPageBuckets] +=
        b.count;
  }
  counters.sum_ns = now.sum_ns - sum_ns;
  if (!whole) {
    const SumBounds bounds = bounds_of(buckets);
    counters.sum_ns = std::clamp(counters.sum_ns, bounds.low, bounds.high);
  }
  counters.sum_squares_ns2 = now.sum_squares_ns2 - sum_squares_ns2;
  counters.memory_calls = now.memory_calls - memory_calls;
  counters.memory_bytes = now.memory_bytes - memory_bytes;
  settle_extremes(cell, counters, buckets);
  delta.buckets = buckets;
  delta.last_end = from_unix_ns(now.last_end_ns);
  delta.last_duration_ns = now.last_duration_ns;
  delta.largest_memory_bytes = now.largest_memory_bytes;

  calls_seen = now.calls;
  calls += counters.calls;
  sum_ns += counters.sum_ns;
  sum_squares_ns2 = now.sum_squares_ns2;
  memory_calls = now.memory_calls;
  memory_bytes = now.memory_bytes;
  return true;
}

/// The extremes of this difference. What the cell remembers of the interval is right unless a
/// record raced with its taking; then it lies outside of the lowest (highest) bucket, is carried
/// to the difference that counts it, and this one gets the bound of its bucket, held to what was
/// ever seen: so the extremes of all differences together are always exact.
void CellShadow::settle_extremes(RecordCell& cell, KernelCounters& counters,
                                 const std::vector<BucketCount>& buckets) {
  constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
  carried_min_ns = std::min(carried_min_ns, cell.interval_min_ns.take(kNone));
  carried_max_ns = std::max(carried_max_ns, cell.interval_max_ns.take(0));
  if (buckets.empty()) return;
  const std::uint32_t lowest = buckets.front().bucket;
  const std::uint32_t highest = buckets.back().bucket;
  if (carried_min_ns != kNone && SketchScheme::bucket_of(carried_min_ns) == lowest) {
    counters.min_ns = std::exchange(carried_min_ns, kNone);
  } else {
    counters.min_ns = std::max(SketchScheme::low(lowest), cell.lowest_ns.read());
    if (carried_min_ns >= SketchScheme::end(lowest)) carried_min_ns = kNone;
  }
  if (SketchScheme::bucket_of(carried_max_ns) == highest) {
    counters.max_ns = std::exchange(carried_max_ns, 0);
  } else {
    counters.max_ns = std::min(SketchScheme::end(highest) - 1, cell.highest_ns.read());
    if (carried_max_ns < SketchScheme::low(highest)) carried_max_ns = 0;
  }
}

}  // namespace detail

void Recorder::collect(Intake& intake, OwnerId owner, const DeviceOf& device_of) {
  const Target target{intake, owner, device_of};
  std::vector<detail::RecordShard*> shards;
  {
    MutexLock lock(mutex_);
    shards.push_back(shared_shard_.get());
    for (const auto& shard : shards_) shards.push_back(shard.get());
  }
  shadows_.resize(shards.size());
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (!shadows_[i]) shadows_[i] = std::make_unique<detail::ShardShadow>();
    // Read first: what is in the ring up to here is in its cell.
    const std::uint64_t head = shards[i]->ring.head();
    if (head != shadows_[i]->head) collect_shard(*shards[i], *shadows_[i], head, target);
  }
  list_recent(target);
}

SeriesSlot Recorder::slot_of(std::uint32_t id, const Target& target) {
  if (id >= slots_.size()) slots_.resize(id + 1);
  if (!slots_[id]) {
    const Interned* interned = nullptr;
    {
      MutexLock lock(mutex_);
      interned = interned_.at(id).get();
    }
    slots_[id] = target.intake.series(target.owner, target.device_of(interned->device),
                                      interned->name, kind_of_kernel(interned->name));
  }
  return *slots_[id];
}

void Recorder::collect_shard(const detail::RecordShard& shard, detail::ShardShadow& shadow,
                             std::uint64_t head, const Target& target) {
  Aggregate delta;
  const std::uint32_t end_id = shard.end_id();
  if (shadow.cells.size() < end_id) shadow.cells.resize(end_id);
  for (std::uint32_t id = 0; id < end_id; ++id) {
    detail::RecordCell* const cell = shard.cell(id);
    if (cell == nullptr) continue;
    if (!shadow.cells[id]) shadow.cells[id] = std::make_unique<detail::CellShadow>();
    if (!shadow.cells[id]->take(*cell, delta, buckets_)) continue;
    target.intake.aggregate(slot_of(id, target), delta);
  }
  const std::uint64_t readable =
      std::max(shadow.head, head - std::min(head, detail::RecordRing::kReadable));
  const std::uint64_t torn = shard.ring.read(
      readable, head, [&](const detail::RecordRing::Entry& entry) { recent_.push_back(entry); });
  const std::uint64_t overrun = readable - shadow.head + torn;
  if (overrun > 0) target.intake.lost(Loss::kExecutionsOverrun, overrun);
  shadow.head = head;
}

void Recorder::list_recent(const Target& target) {
  std::ranges::stable_sort(recent_, {}, &detail::RecordRing::Entry::end_ns);
  for (const detail::RecordRing::Entry& entry : recent_) {
    Execution execution{.start = {},
                        .end = from_unix_ns(entry.end_ns),
                        .duration = Duration(static_cast<std::int64_t>(entry.duration_ns)),
                        .memory = {}};
    if (entry.memory != kNoMemory) execution.memory = Bytes(entry.memory);
    target.intake.recent(slot_of(entry.id, target), execution);
  }
  recent_.clear();
}

}  // namespace gpuvigil
