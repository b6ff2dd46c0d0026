// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "model/source.h"
#include "monitor/record_shard.h"

namespace gpuvigil {

/// What a Recorder may grow to.
struct RecorderLimits {
  std::uint32_t max_devices = 64;     ///< Device numbers are below this.
  std::uint32_t max_series = 64'000;  ///< Names times devices; what is beyond is __other__.
  std::size_t max_name_bytes = std::size_t{16} << 20U;  ///< Of all interned names together.
  std::uint32_t max_threads = 256;  ///< That record without a lock; more share one.
};

namespace detail {
struct CellShadow;
struct ShardShadow;
}  // namespace detail

/// Executions recorded by many threads of this program, without a lock and without a clock.
///
///   thread ── its own shard: a cell a series, the newest 255 ──┐
///   thread ── its own shard ───────────────────────────────────┼── collect() ──▶ Intake
///   ...                                                        ┘
///
/// A thread gets a shard when it first records, and gives it back when it ends; the next one goes
/// on in it. Several Recorders may live at once; a thread may outlive a Recorder and the other way
/// round, but nobody may be inside a call while it is destroyed.
///
/// Threading: intern() and record() from any thread, collect() from one at a time.
class Recorder {
 public:
  static constexpr std::uint64_t kNoMemory = detail::kNoMemory;

  /// `now_ns` is read at each record: Unix nanoseconds, kept fresh by somebody else; it must
  /// outlive the Recorder.
  Recorder(const RecorderLimits& limits, const std::atomic<std::int64_t>& now_ns);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// The id of this name on this device, for ever; that of the device's __other__ where there is
  /// no room. Requires device < max_devices. Takes a lock: once a name, not once a record.
  [[nodiscard]] std::uint32_t intern(std::string_view name, std::uint32_t device);

  /// Counts one execution that ended now. `id` must come from intern(); durations are below 2^63.
  void record(std::uint32_t id, std::uint64_t duration_ns, std::uint64_t memory = kNoMemory);

  /// The same by name; interned once a thread. Requires device < max_devices.
  void record(std::string_view name, std::uint32_t device, std::uint64_t duration_ns,
              std::uint64_t memory = kNoMemory);

  using DeviceOf = std::function<DeviceSlot(std::uint32_t device)>;

  /// Hands in what came since the last call: one aggregate for each thread and series that
  /// changed, then the newest executions by their time. What is recorded meanwhile comes in this
  /// call or the next, never twice. Always the same intake and owner, which stays open.
  void collect(Intake& intake, OwnerId owner, const DeviceOf& device_of);

  /// Threads that ever recorded at the same time, for tests and self-metrics.
  [[nodiscard]] std::size_t shard_count() const;

 private:
  struct Interned {
    std::string name;
    std::uint32_t device = 0;
  };
  struct PairHash {
    std::size_t operator()(const std::pair<std::string_view, std::uint32_t>& key) const {
      return detail::hash_name(key.first, key.second);
    }
  };
  friend class ThreadShards;

  [[nodiscard]] detail::RecordShard* shard_of_this_thread();
  [[nodiscard]] detail::RecordShard* acquire_shard();
  void release_shard(detail::RecordShard* shard);
  void record_slowly(std::uint32_t id, std::uint64_t duration_ns, std::uint64_t memory);
  void record_by_hash(std::string_view name, std::uint32_t device, std::uint64_t duration_ns,
                      std::uint64_t memory);

  /// Where collect() hands in.
  struct Target {
    Intake& intake;
    OwnerId owner;
    const DeviceOf& device_of;
  };
  [[nodiscard]] SeriesSlot slot_of(std::uint32_t id, const Target& target);
  void collect_shard(const detail::RecordShard& shard, detail::ShardShadow& shadow,
                     std::uint64_t head, const Target& target);
  void list_recent(const Target& target);

  const RecorderLimits limits_;
  const std::atomic<std::int64_t>& now_ns_;
  const std::uint64_t serial_;  ///< Never used twice in a process: what threads remember us by.

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<Interned>> interned_ GPUVIGIL_GUARDED_BY(mutex_);
  std::unordered_map<std::pair<std::string_view, std::uint32_t>, std::uint32_t, PairHash> ids_
      GPUVIGIL_GUARDED_BY(mutex_);
  std::size_t name_bytes_ GPUVIGIL_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<detail::RecordShard>> shards_ GPUVIGIL_GUARDED_BY(mutex_);
  std::vector<detail::RecordShard*> free_shards_ GPUVIGIL_GUARDED_BY(mutex_);

  /// The shard of all threads beyond max_threads and of those that are ending.
  Mutex shared_mutex_;
  std::unique_ptr<detail::RecordShard> shared_shard_;

  // Of the collecting thread.
  std::vector<std::optional<SeriesSlot>> slots_;  ///< By id, once something was recorded there.
  std::vector<std::unique_ptr<detail::ShardShadow>> shadows_;
  std::vector<detail::RecordRing::Entry> recent_;
  std::vector<BucketCount> buckets_;
};

}  // namespace gpuvigil
