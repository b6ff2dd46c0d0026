// SPDX-License-Identifier: Apache-2.0
#include "monitor/recorder.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/assert.h"
#include "base/text.h"
#include "monitor/record_shadow.h"

namespace gpuvigil {
namespace {

using detail::RecordShard;

/// The Recorders that exist, so that a thread that ends knows whether there is one to give its
/// shard back to. Never destroyed: threads may end after static objects are gone.
struct LiveRecorders {
  Mutex mutex;
  std::unordered_map<std::uint64_t, Recorder*> by_serial GPUVIGIL_GUARDED_BY(mutex);
  std::uint64_t next_serial GPUVIGIL_GUARDED_BY(mutex) = 1;
};

LiveRecorders& live_recorders() {
  static auto* const live = new LiveRecorders();
  return *live;
}

std::uint64_t new_serial(Recorder* recorder) {
  LiveRecorders& live = live_recorders();
  MutexLock lock(live.mutex);
  const std::uint64_t serial = live.next_serial++;
  live.by_serial.emplace(serial, recorder);
  return serial;
}

/// The Recorder this thread used last. Trivial, so that reaching it needs no guard; "initial-exec",
/// so that it needs no call, which would cost the path all its registers (16 bytes of the static
/// TLS block that the loader keeps for libraries that are opened late).
struct LastUsed {
  std::uint64_t serial = 0;
  RecordShard* shard = nullptr;
};
[[gnu::tls_model("initial-exec")]] constinit thread_local LastUsed last_used;
constinit thread_local bool thread_is_ending = false;

}  // namespace

/// The shards that one thread holds. A pointer of a Recorder that is gone is never followed: its
/// serial matches no living one.
class ThreadShards {
 public:
  ThreadShards() = default;
  ThreadShards(const ThreadShards&) = delete;
  ThreadShards& operator=(const ThreadShards&) = delete;

  ~ThreadShards() {
    thread_is_ending = true;
    last_used = {};
    LiveRecorders& live = live_recorders();
    MutexLock lock(live.mutex);
    for (const LastUsed& held : held_) {
      const auto found = live.by_serial.find(held.serial);
      if (found != live.by_serial.end()) found->second->release_shard(held.shard);
    }
  }

  [[nodiscard]] RecordShard* find(std::uint64_t serial) const {
    const auto found = std::ranges::find(held_, serial, &LastUsed::serial);
    return found == held_.end() ? nullptr : found->shard;
  }

  void add(std::uint64_t serial, RecordShard* shard) {
    LiveRecorders& live = live_recorders();
    MutexLock lock(live.mutex);
    std::erase_if(held_,
                  [&](const LastUsed& held) { return !live.by_serial.contains(held.serial); });
    held_.push_back({serial, shard});
  }

 private:
  std::vector<LastUsed> held_;
};

namespace {

ThreadShards& thread_shards() {
  thread_local ThreadShards shards;
  return shards;
}

}  // namespace

Recorder::Recorder(const RecorderLimits& limits, const std::atomic<std::int64_t>& now_ns)
    : limits_(limits),
      now_ns_(now_ns),
      serial_(new_serial(this)),
      shared_shard_(std::make_unique<RecordShard>(now_ns)) {
  GPUVIGIL_ASSERT(limits.max_devices + limits.max_series <= RecordShard::kMaxIds);
  MutexLock lock(mutex_);
  for (std::uint32_t device = 0; device < limits.max_devices; ++device) {
    // The first ids are those of __other__, so that there is always room for them.
    interned_.push_back(std::make_unique<Interned>(std::string(kOtherName), device));
    ids_.emplace(std::pair(std::string_view(interned_.back()->name), device), device);
  }
}

Recorder::~Recorder() {
  LiveRecorders& live = live_recorders();
  MutexLock lock(live.mutex);
  live.by_serial.erase(serial_);
}

std::uint32_t Recorder::intern(std::string_view name, std::uint32_t device) {
  GPUVIGIL_ASSERT(device < limits_.max_devices);
  std::string cleaned;
  if (name.empty() || name.size() > kMaxKernelNameBytes || !is_clean_text(name)) {
    cleaned = make_kernel_name(name)->name;
    name = cleaned;
  }
  MutexLock lock(mutex_);
  const auto found = ids_.find({name, device});
  if (found != ids_.end()) return found->second;
  const bool full = interned_.size() >= limits_.max_devices + limits_.max_series ||
                    name_bytes_ + name.size() > limits_.max_name_bytes;
  if (full) return device;  // the id of its __other__
  const auto id = static_cast<std::uint32_t>(interned_.size());
  interned_.push_back(std::make_unique<Interned>(std::string(name), device));
  ids_.emplace(std::pair(std::string_view(interned_.back()->name), device), id);
  name_bytes_ += name.size();
  return id;
}

void Recorder::record(std::uint32_t id, std::uint64_t duration_ns, std::uint64_t memory) {
  if (last_used.serial == serial_ && last_used.shard->record(id, duration_ns, memory)) [[likely]] {
    return;
  }
  record_slowly(id, duration_ns, memory);
}

void Recorder::record(std::string_view name, std::uint32_t device, std::uint64_t duration_ns,
                      std::uint64_t memory) {
  if (last_used.serial == serial_) [[likely]] {
    const std::uint32_t id = last_used.shard->names.find_by_place(name, device);
    if (id != detail::NameCache::kUnknown && last_used.shard->record(id, duration_ns, memory))
        [[likely]] {
      return;
    }
  }
  record_by_hash(name, device, duration_ns, memory);
}

/// The first record of a thread, of a series in it, or of a page.
void Recorder::record_slowly(std::uint32_t id, std::uint64_t duration_ns, std::uint64_t memory) {
  RecordShard* shard = shard_of_this_thread();
  std::unique_lock<Mutex> lock;
  if (shard == nullptr) {
    lock = std::unique_lock(shared_mutex_);
    shard = shared_shard_.get();
  }
  shard->make_cell(id, duration_ns);
  const bool recorded = shard->record(id, duration_ns, memory);
  GPUVIGIL_ASSERT(recorded);
}

/// A name that stands where this thread has not seen it before.
void Recorder::record_by_hash(std::string_view name, std::uint32_t device,
                              std::uint64_t duration_ns, std::uint64_t memory) {
  RecordShard* const shard = last_used.serial == serial_ ? last_used.shard : shard_of_this_thread();
  if (shard == nullptr) {
    record_slowly(intern(name, device), duration_ns, memory);
    return;
  }
  std::uint32_t id = shard->names.find(name, device);
  if (id == detail::NameCache::kUnknown) [[unlikely]] {
    id = intern(name, device);
    if (name.size() <= kMaxKernelNameBytes) shard->names.insert(name, device, id);
  }
  if (!shard->record(id, duration_ns, memory)) [[unlikely]] {
    record_slowly(id, duration_ns, memory);
  }
}

RecordShard* Recorder::shard_of_this_thread() {
  if (thread_is_ending) return nullptr;  // another object of the thread records as it dies
  ThreadShards& held = thread_shards();
  RecordShard* shard = held.find(serial_);
  if (shard == nullptr) {
    shard = acquire_shard();
    if (shard == nullptr) return nullptr;
    held.add(serial_, shard);
  }
  last_used = {serial_, shard};
  return shard;
}

RecordShard* Recorder::acquire_shard() {
  MutexLock lock(mutex_);
  if (!free_shards_.empty()) {
    RecordShard* const shard = free_shards_.back();
    free_shards_.pop_back();
    return shard;
  }
  if (shards_.size() >= limits_.max_threads) return nullptr;
  shards_.push_back(std::make_unique<RecordShard>(now_ns_));
  return shards_.back().get();
}

void Recorder::release_shard(RecordShard* shard) {
  MutexLock lock(mutex_);
  free_shards_.push_back(shard);
}

std::size_t Recorder::shard_count() const {
  MutexLock lock(mutex_);
  return shards_.size();
}

}  // namespace gpuvigil
