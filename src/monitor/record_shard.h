// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>

#include "model/latency_sketch.h"
#include "monitor/name_cache.h"

namespace gpuvigil::detail {

inline constexpr std::uint64_t kNoMemory = std::numeric_limits<std::uint64_t>::max();

/// A number that one thread changes and another reads: no locked instruction. Stores are releases
/// and the reader's loads acquires, which cost nothing on x86 and make a version counter around
/// them work without fences.
template <class T>
class SingleWriter {
 public:
  SingleWriter() = default;
  explicit SingleWriter(T value) : value_(value) {}

  [[nodiscard]] T own() const { return value_.load(std::memory_order_relaxed); }
  [[nodiscard]] T read() const { return value_.load(std::memory_order_acquire); }
  void set(T value) { value_.store(value, std::memory_order_release); }
  void add(T by) { set(own() + by); }
  /// The reader's only write: takes the value and leaves another.
  T take(T leave) { return value_.exchange(leave, std::memory_order_acq_rel); }

 private:
  std::atomic<T> value_{};
};

/// SketchScheme::bucket_of for durations below 2^63, in fewer instructions: the exponent and the
/// first five bits below it are what the upper end of a double holds.
[[nodiscard]] inline std::uint32_t bucket_of_double(std::uint64_t ns, double as_double) {
  constexpr std::uint64_t kExponentBias = 1023;
  constexpr std::uint64_t kFirst =
      ((kExponentBias + SketchScheme::kExactBits) << SketchScheme::kSubBits) -
      (1U << SketchScheme::kExactBits);
  if (ns < (1U << SketchScheme::kExactBits)) return static_cast<std::uint32_t>(ns);
  constexpr unsigned kMantissaBits = 52;
  const std::uint64_t top =
      (std::bit_cast<std::uint64_t>(as_double) >> (kMantissaBits - SketchScheme::kSubBits)) -
      kFirst;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(top, SketchScheme::kOverflow));
}

using RecordPage = std::array<SingleWriter<std::uint32_t>, SketchScheme::kPageBuckets>;

/// What one thread has recorded of one series since the shard was made; it only grows.
///
/// The writer stores extremes, then the bucket, then sums, and `calls` last. A reader that takes
/// them in the opposite order, `calls` first and the buckets last, has seen them all at one moment
/// when the buckets add up to `calls`.
struct alignas(64) RecordCell {
  SingleWriter<std::uint64_t> calls;
  SingleWriter<std::uint64_t> sum_ns;
  SingleWriter<double> sum_squares_ns2;
  /// Since the reader last took them. A record that races with the taking may be missing here; it
  /// never is in lowest_ns and highest_ns, which are never reset.
  SingleWriter<std::uint64_t> interval_min_ns{std::numeric_limits<std::uint64_t>::max()};
  SingleWriter<std::uint64_t> interval_max_ns{0};
  SingleWriter<std::int64_t> last_end_ns;
  SingleWriter<std::uint64_t> last_duration_ns;
  SingleWriter<std::uint64_t> memory_calls;

  SingleWriter<std::uint64_t> lowest_ns{std::numeric_limits<std::uint64_t>::max()};
  SingleWriter<std::uint64_t> highest_ns{0};
  SingleWriter<std::uint64_t> memory_bytes;
  SingleWriter<std::uint64_t> largest_memory_bytes;
  std::array<SingleWriter<RecordPage*>, SketchScheme::kPages> pages;

  RecordCell() = default;
  RecordCell(const RecordCell&) = delete;
  RecordCell& operator=(const RecordCell&) = delete;
  ~RecordCell() {
    for (const auto& page : pages) delete page.own();
  }

  /// False, and nothing is changed, where make_page() has to come first.
  bool record(std::uint64_t duration_ns, std::uint64_t memory,
              const std::atomic<std::int64_t>& now_ns) {
    // Durations are below 2^63; the signed conversion is one instruction.
    const auto d = static_cast<double>(static_cast<std::int64_t>(duration_ns));
    const std::uint32_t bucket = bucket_of_double(duration_ns, d);
    RecordPage* const page = pages[bucket / SketchScheme::kPageBuckets].own();
    if (page == nullptr) [[unlikely]]
      return false;
    if (duration_ns < interval_min_ns.own()) [[unlikely]] {
      if (duration_ns < lowest_ns.own()) lowest_ns.set(duration_ns);
      interval_min_ns.set(duration_ns);
    }
    if (duration_ns > interval_max_ns.own()) [[unlikely]] {
      if (duration_ns > highest_ns.own()) highest_ns.set(duration_ns);
      interval_max_ns.set(duration_ns);
    }
    (*page)[bucket % SketchScheme::kPageBuckets].add(1);
    sum_ns.add(duration_ns);
    sum_squares_ns2.add(d * d);
    last_end_ns.set(now_ns.load(std::memory_order_relaxed));
    last_duration_ns.set(duration_ns);
    if (memory != kNoMemory) {
      memory_calls.add(1);
      memory_bytes.add(memory);
      if (memory > largest_memory_bytes.own()) largest_memory_bytes.set(memory);
    }
    calls.add(1);
    return true;
  }

  /// The page that a record of this duration needs.
  void make_page(std::uint64_t duration_ns) {
    auto& slot = pages[SketchScheme::bucket_of(duration_ns) / SketchScheme::kPageBuckets];
    if (slot.own() == nullptr) slot.set(new RecordPage());
  }
};

/// The newest executions of one thread, overwritten in turn. One place is always being written, as
/// far as a reader can tell.
class RecordRing {
 public:
  static constexpr std::uint64_t kSlots = 256;
  static constexpr std::uint64_t kReadable = kSlots - 1;

  struct Entry {
    std::uint32_t id = 0;
    std::uint64_t duration_ns = 0;
    std::uint64_t memory = kNoMemory;
    std::int64_t end_ns = 0;
  };

  void push(std::uint32_t id, std::uint64_t duration_ns, std::uint64_t memory,
            std::int64_t now_ns) {
    const std::uint64_t head = head_.own();
    Slot& slot = slots_[head % kSlots];
    slot.id.set(id);
    slot.duration_ns.set(duration_ns);
    slot.memory.set(memory);
    slot.end_ns.set(now_ns);
    head_.set(head + 1);
  }

  /// How many were ever pushed.
  [[nodiscard]] std::uint64_t head() const { return head_.read(); }

  /// `visit(entry)` for those in [from, to) that are still whole; returns how many were not.
  template <class Visit>
  std::uint64_t read(std::uint64_t from, std::uint64_t to, Visit visit) const {
    std::uint64_t overrun = 0;
    for (std::uint64_t i = from; i < to; ++i) {
      const Slot& slot = slots_[i % kSlots];
      const Entry entry{slot.id.read(), slot.duration_ns.read(), slot.memory.read(),
                        slot.end_ns.read()};
      // Entry i + kSlots is being written while the head still stands at i + kSlots.
      if (head() < i + kSlots) {
        visit(entry);
      } else {
        ++overrun;
      }
    }
    return overrun;
  }

 private:
  struct alignas(32) Slot {
    SingleWriter<std::uint32_t> id;
    SingleWriter<std::uint64_t> duration_ns;
    SingleWriter<std::uint64_t> memory;
    SingleWriter<std::int64_t> end_ns;
  };
  std::array<Slot, kSlots> slots_;
  alignas(64) SingleWriter<std::uint64_t> head_;
};

/// Everything one thread records: a cell for each id it used, its newest executions, and the ids
/// of the names it used.
///
/// Threading: record(), make_cell() and `names` belong to the thread that holds the shard; the
/// rest may be read from one other thread.
class alignas(64) RecordShard {
 public:
  static constexpr std::uint32_t kMaxIds = 65'536;

  /// `now_ns` is read at each record.
  explicit RecordShard(const std::atomic<std::int64_t>& now_ns);
  RecordShard(const RecordShard&) = delete;
  RecordShard& operator=(const RecordShard&) = delete;
  ~RecordShard();

  /// False, and nothing is changed, where make_cell() has to come first. No call leaves this path,
  /// so that it needs no stack. Requires id < kMaxIds.
  bool record(std::uint32_t id, std::uint64_t duration_ns, std::uint64_t memory) {
    RecordCell* const cell = cells_[id].own();
    if (cell == nullptr) [[unlikely]]
      return false;
    if (!cell->record(duration_ns, memory, now_ns_)) [[unlikely]]
      return false;
    ring.push(id, duration_ns, memory, cell->last_end_ns.own());
    return true;
  }

  /// What a record of this duration needs: once a series, and once a page of its sketch.
  void make_cell(std::uint32_t id, std::uint64_t duration_ns);

  /// Every id that has a cell is below this.
  [[nodiscard]] std::uint32_t end_id() const { return end_id_.read(); }
  [[nodiscard]] RecordCell* cell(std::uint32_t id) const { return cells_[id].read(); }

  RecordRing ring;
  NameCache names;

 private:
  /// kMaxIds places, of which only the pages of memory that are touched exist.
  SingleWriter<RecordCell*>* cells_;
  const std::atomic<std::int64_t>& now_ns_;
  SingleWriter<std::uint32_t> end_id_;
};

}  // namespace gpuvigil::detail
