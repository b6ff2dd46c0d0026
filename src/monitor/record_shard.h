// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
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

using RecordPage = std::array<SingleWriter<std::uint32_t>, SketchScheme::kPageBuckets>;

/// What one thread has recorded of one series since the shard was made; it only grows.
///
/// The writer stores `begun`, then extremes, bucket, sums, and `calls` last: a reader that finds
/// begun == calls after reading what is between them has seen them all at one moment.
struct alignas(64) RecordCell {
  SingleWriter<std::uint64_t> begun;
  SingleWriter<std::uint64_t> calls;
  SingleWriter<std::uint64_t> sum_ns;
  SingleWriter<double> sum_squares_ns2;
  /// Since the reader last took them. A record that races with the taking may be missing here; it
  /// never is in lowest_ns and highest_ns, which are never reset.
  SingleWriter<std::uint64_t> interval_min_ns{std::numeric_limits<std::uint64_t>::max()};
  SingleWriter<std::uint64_t> interval_max_ns{0};
  SingleWriter<std::int64_t> last_end_ns;
  SingleWriter<std::uint64_t> last_duration_ns;

  SingleWriter<std::uint64_t> lowest_ns{std::numeric_limits<std::uint64_t>::max()};
  SingleWriter<std::uint64_t> highest_ns{0};
  SingleWriter<std::uint64_t> memory_calls;
  SingleWriter<std::uint64_t> memory_bytes;
  SingleWriter<std::uint64_t> largest_memory_bytes;
  std::array<SingleWriter<RecordPage*>, SketchScheme::kPages> pages;

  RecordCell() = default;
  RecordCell(const RecordCell&) = delete;
  RecordCell& operator=(const RecordCell&) = delete;
  ~RecordCell() {
    for (const auto& page : pages) delete page.own();
  }

  void record(std::uint64_t duration_ns, std::uint64_t memory, std::int64_t now_ns) {
    const std::uint64_t count = calls.own() + 1;
    begun.set(count);
    if (duration_ns < interval_min_ns.own()) {
      if (duration_ns < lowest_ns.own()) lowest_ns.set(duration_ns);
      interval_min_ns.set(duration_ns);
    }
    if (duration_ns > interval_max_ns.own()) {
      if (duration_ns > highest_ns.own()) highest_ns.set(duration_ns);
      interval_max_ns.set(duration_ns);
    }
    const std::uint32_t bucket = SketchScheme::bucket_of(duration_ns);
    auto& slot = pages[bucket / SketchScheme::kPageBuckets];
    RecordPage* page = slot.own();
    if (page == nullptr) [[unlikely]]
      page = make_page(slot);
    (*page)[bucket % SketchScheme::kPageBuckets].add(1);
    sum_ns.add(duration_ns);
    // Durations are below 2^63; the signed conversion is one instruction.
    const auto d = static_cast<double>(static_cast<std::int64_t>(duration_ns));
    sum_squares_ns2.add(d * d);
    last_end_ns.set(now_ns);
    last_duration_ns.set(duration_ns);
    if (memory != kNoMemory) {
      memory_calls.add(1);
      memory_bytes.add(memory);
      if (memory > largest_memory_bytes.own()) largest_memory_bytes.set(memory);
    }
    calls.set(count);
  }

 private:
  static RecordPage* make_page(SingleWriter<RecordPage*>& slot);
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
/// Threading: record() and `names` belong to the thread that holds the shard; the rest may be read
/// from one other thread.
struct alignas(64) RecordShard {
  static constexpr std::uint32_t kChunkCells = 32;
  static constexpr std::uint32_t kChunks = 2048;
  static constexpr std::uint32_t kMaxIds = kChunkCells * kChunks;
  using Chunk = std::array<RecordCell, kChunkCells>;

  RecordShard() = default;
  RecordShard(const RecordShard&) = delete;
  RecordShard& operator=(const RecordShard&) = delete;
  ~RecordShard() {
    for (const auto& chunk : chunks) delete chunk.own();
  }

  void record(std::uint32_t id, std::uint64_t duration_ns, std::uint64_t memory,
              std::int64_t now_ns) {
    auto& slot = chunks[id / kChunkCells];
    Chunk* chunk = slot.own();
    if (chunk == nullptr) [[unlikely]]
      chunk = make_chunk(slot);
    (*chunk)[id % kChunkCells].record(duration_ns, memory, now_ns);
    ring.push(id, duration_ns, memory, now_ns);
  }

  std::array<SingleWriter<Chunk*>, kChunks> chunks;
  RecordRing ring;
  NameCache names;

 private:
  static Chunk* make_chunk(SingleWriter<Chunk*>& slot);
};

}  // namespace gpuvigil::detail
