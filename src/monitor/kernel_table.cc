// SPDX-License-Identifier: Apache-2.0
#include "monitor/kernel_table.h"

#include <algorithm>

#include "base/assert.h"
#include "base/text.h"
#include "monitor/name_cache.h"
#include "monitor/saturating.h"

namespace gpuvigil {
namespace {

bool is_reserved(std::string_view name) {
  return name == kRetiredName || name == kOtherName;
}

/// True when make_kernel_name would give the name back unchanged.
bool is_own_identity(std::string_view recorded) {
  return !recorded.empty() && recorded.size() <= kMaxKernelNameBytes && is_clean_text(recorded);
}

}  // namespace

std::size_t KernelTable::NameHash::operator()(const NameAndKind& key) const {
  return detail::hash_name(key.name, static_cast<std::uint32_t>(key.kind));
}

OwnerId KernelTable::open_owner() {
  owners_.emplace(next_owner_, Owner{});
  return OwnerId{next_owner_++};
}

void KernelTable::close_owner(OwnerId owner) {
  const auto found = owners_.find(static_cast<std::uint32_t>(owner));
  GPUVIGIL_ASSERT(found != owners_.end());
  for (const std::uint32_t slot : found->second.series) release(slot);
  owners_.erase(found);
}

SeriesSlot KernelTable::series(OwnerId owner, std::uint32_t device, std::string_view recorded,
                               KernelKind kind) {
  // A name that is found as it was recorded is clean: only clean ones are kept.
  if (const auto slot = find_series(recorded, kind, device)) {
    adopt(owner, *slot);
    return SeriesSlot{*slot};
  }
  if (is_own_identity(recorded)) return series(owner, device, recorded, kind, nullptr);
  auto made = make_kernel_name(recorded);
  const std::string_view name = made->name;
  return series(owner, device, name, kind, std::move(made));
}

SeriesSlot KernelTable::series(OwnerId owner, const SeriesKey& key) {
  return series(owner, key.device, key.name->name, key.kind, key.name);
}

/// `made`: the name, where it was made already.
SeriesSlot KernelTable::series(OwnerId owner, std::uint32_t device, std::string_view name,
                               KernelKind kind, std::shared_ptr<const KernelName> made) {
  auto slot = find_series(name, kind, device);
  if (!slot && is_reserved(name)) slot = reserved_series(name, kind, device);
  if (!slot && !make_room(name, kind)) slot = reserved_series(kOtherName, kind, device);
  if (!slot) {
    auto kernel = find_kernel(name, kind);
    if (!kernel) {
      if (!made) made = make_kernel_name(name);
      kernel = make_kernel(std::move(made), kind, false);
    }
    slot = make_series(*kernel, device);
  }
  adopt(owner, *slot);
  return SeriesSlot{*slot};
}

std::optional<std::uint32_t> KernelTable::find_kernel(std::string_view name,
                                                      KernelKind kind) const {
  const auto found = by_name_.find({name, kind});
  if (found == by_name_.end()) return std::nullopt;
  return found->second;
}

std::uint64_t KernelTable::id_key(std::uint64_t id, KernelKind kind) {
  return id + static_cast<std::uint64_t>(kind);
}

std::optional<std::uint32_t> KernelTable::find_series(std::string_view name, KernelKind kind,
                                                      std::uint32_t device) const {
  const auto kernel = find_kernel(name, kind);
  if (!kernel) return std::nullopt;
  const auto& series = kernels_[*kernel].series;
  const auto found = std::ranges::lower_bound(series, device, {}, &DeviceSeries::device);
  if (found == series.end() || found->device != device) return std::nullopt;
  return found->slot;
}

/// Where a kernel stands, or would stand.
std::vector<std::uint32_t>::iterator KernelTable::place_in_order(std::string_view name,
                                                                 KernelKind kind) {
  return std::ranges::partition_point(kernel_order_, [&](std::uint32_t index) {
    const Kernel& other = kernels_[index];
    const auto by_name = std::string_view(other.name->name) <=> name;
    return by_name < 0 || (by_name == 0 && other.kind < kind);
  });
}

std::uint32_t KernelTable::make_kernel(std::shared_ptr<const KernelName> name, KernelKind kind,
                                       bool reserved) {
  std::uint32_t index = 0;
  if (free_kernels_.empty()) {
    index = static_cast<std::uint32_t>(kernels_.size());
    kernels_.emplace_back();
  } else {
    index = free_kernels_.back();
    free_kernels_.pop_back();
  }
  Kernel& kernel = kernels_[index];
  kernel.name = std::move(name);
  kernel.kind = kind;
  kernel.reserved = reserved;
  by_name_.emplace(NameAndKind{kernel.name->name, kind}, index);
  by_id_.insert_or_assign(id_key(kernel.name->id, kind), index);
  kernel_order_.insert(place_in_order(kernel.name->name, kind), index);
  if (!reserved) ++counted_kernels_;
  layout_changed_ = true;
  return index;
}

std::uint32_t KernelTable::make_series(std::uint32_t kernel_index, std::uint32_t device) {
  std::uint32_t slot = 0;
  if (free_series_.empty()) {
    slot = static_cast<std::uint32_t>(series_.size());
    series_.emplace_back();
  } else {
    slot = free_series_.back();
    free_series_.pop_back();
  }
  Kernel& kernel = kernels_[kernel_index];
  // From the second series on there is a sketch of the sum.
  if (kernel.series.size() == 1) kernel.sketch = series_[kernel.series.front().slot].sketch;
  const auto place = std::ranges::lower_bound(kernel.series, device, {}, &DeviceSeries::device);
  kernel.series.insert(place, {device, slot});
  Series& series = series_[slot];
  series.kernel = kernel_index;
  series.key = std::make_shared<const SeriesKey>(SeriesKey{kernel.name, kernel.kind, device});
  series.last_tick = tick_;
  series.reserved = kernel.reserved;
  series.other = kernel.reserved && kernel.name->name == kOtherName;
  if (!kernel.reserved) ++counted_series_;
  changed_since_rows_.insert(slot);
  layout_changed_ = true;
  return slot;
}

std::uint32_t KernelTable::reserved_series(std::string_view name, KernelKind kind,
                                           std::uint32_t device) {
  if (const auto found = find_series(name, kind, device)) return *found;
  auto kernel = find_kernel(name, kind);
  if (!kernel) kernel = make_kernel(make_kernel_name(name), kind, true);
  return make_series(*kernel, device);
}

void KernelTable::adopt(OwnerId owner, std::uint32_t slot) {
  const auto found = owners_.find(static_cast<std::uint32_t>(owner));
  GPUVIGIL_ASSERT(found != owners_.end());
  Series& series = series_[slot];
  if (series.reserved) return;
  Owner& holder = found->second;
  if (slot >= holder.holds.size()) holder.holds.resize(slot + 1);
  if (holder.holds[slot]) return;
  holder.holds[slot] = true;
  holder.series.push_back(slot);
  if (series.open_owners++ > 0) return;
  idle_series_.erase({series.last_tick, series.last_end, slot});
  Kernel& kernel = kernels_[series.kernel];
  if (kernel.open_series++ > 0 || !kernel.idleness) return;
  idle_kernels_.erase(*kernel.idleness);
  kernel.idleness.reset();
}

void KernelTable::release(std::uint32_t slot) {
  Series& series = series_[slot];
  if (--series.open_owners > 0) return;
  idle_series_.insert({series.last_tick, series.last_end, slot});
  Kernel& kernel = kernels_[series.kernel];
  if (--kernel.open_series > 0) return;
  Idleness newest{0, Timestamp::min(), series.kernel};
  for (const auto& [device, other] : kernel.series) {
    newest = std::max(newest, {series_[other].last_tick, series_[other].last_end, series.kernel});
  }
  kernel.idleness = newest;
  idle_kernels_.insert(newest);
}

/// Room for one more series of this kernel; false when nothing can go.
bool KernelTable::make_room(std::string_view name, KernelKind kind) {
  if (counted_series_ >= limits_.max_series && !evict_series()) return false;
  // Looked for only now: its last series may just have gone.
  if (find_kernel(name, kind)) return true;
  return counted_kernels_ < limits_.max_kernels || evict_kernel();
}

bool KernelTable::evict_series() {
  if (idle_series_.empty()) return false;
  fold(idle_series_.begin()->index);
  return true;
}

bool KernelTable::evict_kernel() {
  if (idle_kernels_.empty()) return false;
  const std::uint32_t kernel = idle_kernels_.begin()->index;
  const std::vector<DeviceSeries> all = kernels_[kernel].series;
  for (const auto& [device, slot] : all) fold(slot);
  return true;
}

/// Adds a series to the __retired__ of its kind and device, and forgets it.
void KernelTable::fold(std::uint32_t slot) {
  const SeriesKey key = *series_[slot].key;
  const std::uint32_t target = reserved_series(kRetiredName, key.kind, key.device);
  Series& from = series_[slot];
  Series& into = series_[target];
  Kernel& retired = kernels_[into.kernel];
  into.counters.merge(from.counters);
  into.delta.merge(from.delta);
  into.sketch.merge(from.sketch);
  if (retired.series.size() > 1) retired.sketch.merge(from.sketch);
  std::vector<BucketCount> buckets;
  from.delta_buckets.take(delta_pool_, buckets);
  for (const BucketCount& b : buckets) into.delta_buckets.add(delta_pool_, b.bucket, b.count);
  if (from.counters.calls > 0) touch(target, from.last_end, from.last_duration_ns);
  forget(slot);
}

void KernelTable::forget(std::uint32_t slot) {
  Series& series = series_[slot];
  const std::uint32_t kernel_index = series.kernel;
  Kernel& kernel = kernels_[kernel_index];
  idle_series_.erase({series.last_tick, series.last_end, slot});
  std::erase_if(kernel.series, [&](const DeviceSeries& one) { return one.slot == slot; });
  const std::uint32_t generation = series.generation + 1;
  series = Series{};
  series.generation = generation;
  changed_since_rows_.erase(slot);
  changed_since_delta_.erase(slot);
  free_series_.push_back(slot);
  --counted_series_;
  layout_changed_ = true;
  if (kernel.series.empty()) {
    forget_kernel(kernel_index);
    return;
  }
  kernel.sketch = LatencySketch();
  if (kernel.series.size() > 1) {
    for (const auto& [device, other] : kernel.series) kernel.sketch.merge(series_[other].sketch);
  }
  changed_kernels_.insert(kernel_index);
}

void KernelTable::forget_kernel(std::uint32_t index) {
  Kernel& kernel = kernels_[index];
  if (kernel.idleness) idle_kernels_.erase(*kernel.idleness);
  by_name_.erase({kernel.name->name, kernel.kind});
  const auto by_id = by_id_.find(id_key(kernel.name->id, kernel.kind));
  if (by_id != by_id_.end() && by_id->second == index) by_id_.erase(by_id);
  kernel_order_.erase(place_in_order(kernel.name->name, kernel.kind));
  kernel = Kernel{};
  changed_kernels_.erase(index);
  free_kernels_.push_back(index);
  --counted_kernels_;
}

void KernelTable::add(SeriesSlot slot, const Execution& execution) {
  const auto index = static_cast<std::uint32_t>(slot);
  Series& series = series_[index];
  const auto duration =
      static_cast<std::uint64_t>(std::max<std::int64_t>(execution.duration.count(), 0));
  series.counters.add(duration);
  series.delta.add(duration);
  if (execution.memory) {
    for (KernelCounters* counters : {&series.counters, &series.delta}) {
      ++counters->memory_calls;
      counters->memory_bytes += execution.memory->count();
    }
  }
  const std::uint32_t bucket = SketchScheme::bucket_of(duration);
  series.sketch.add_to_bucket(bucket, 1);
  series.delta_buckets.add(delta_pool_, bucket, 1);
  Kernel& kernel = kernels_[series.kernel];
  if (kernel.series.size() > 1) kernel.sketch.add_to_bucket(bucket, 1);
  touch(index, execution.end, duration);
}

void KernelTable::add(SeriesSlot slot, const Aggregate& aggregate) {
  const auto index = static_cast<std::uint32_t>(slot);
  Series& series = series_[index];
  Kernel& kernel = kernels_[series.kernel];
  series.counters.merge(aggregate.counters);
  if (!aggregate.is_late) series.delta.merge(aggregate.counters);
  for (const BucketCount& b : aggregate.buckets) {
    series.sketch.add_to_bucket(b.bucket, b.count);
    if (!aggregate.is_late) series.delta_buckets.add(delta_pool_, b.bucket, b.count);
    if (kernel.series.size() > 1) kernel.sketch.add_to_bucket(b.bucket, b.count);
  }
  // Without calls it only completes what came before.
  const bool counts = aggregate.counters.calls > 0;
  touch(index, counts ? aggregate.last_end : series.last_end,
        counts ? aggregate.last_duration_ns : series.last_duration_ns);
}

void KernelTable::touch(std::uint32_t slot, Timestamp end, std::uint64_t duration_ns) {
  Series& series = series_[slot];
  if (end >= series.last_end) {
    series.last_end = end;
    series.last_duration_ns = duration_ns;
  }
  series.last_tick = tick_;
  changed_since_rows_.insert(slot);
  changed_since_delta_.insert(slot);
}

void KernelTable::rebase(std::uint32_t device, Duration by) {
  for (std::uint32_t slot = 0; slot < series_.size(); ++slot) {
    Series& series = series_[slot];
    if (!series.key || series.key->device != device || series.counters.calls == 0) continue;
    const bool idle = idle_series_.erase({series.last_tick, series.last_end, slot}) > 0;
    series.last_end = saturating_add(series.last_end, by);
    if (idle) idle_series_.insert({series.last_tick, series.last_end, slot});
    changed_since_rows_.insert(slot);
  }
}

}  // namespace gpuvigil
