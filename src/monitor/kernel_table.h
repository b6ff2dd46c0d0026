// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/frame.h"
#include "model/source.h"
#include "monitor/delta_buckets.h"
#include "monitor/slot_set.h"
#include "monitor/window_ladder.h"

namespace gpuvigil {

/// What the kernel table may grow to. __retired__ and __other__ do not count.
struct TableLimits {
  std::size_t max_kernels = 10'000;  ///< Names and kinds.
  std::size_t max_series = 64'000;   ///< Those on each device.
};

/// Every kernel that was ever seen, on every device: exact counters, sketches, and what changed.
///
/// A series that was idle longest and whose owners are all closed makes room for a new one: its
/// counts go to the __retired__ of its kind and device. Where nothing can go, the newcomer is
/// booked under __other__. So the totals of a kind and a device are always exact.
///
/// Rows are kept ready: an edge renews those that changed and copies the rest.
/// Threading: one thread.
class KernelTable {
 public:
  explicit KernelTable(const TableLimits& limits) : limits_(limits) {}

  OwnerId open_owner();
  void close_owner(OwnerId owner);

  /// As Intake::series.
  SeriesSlot series(OwnerId owner, std::uint32_t device, std::string_view recorded,
                    KernelKind kind);

  /// The same of a series of another table, without making its name again.
  SeriesSlot series(OwnerId owner, const SeriesKey& key);
  [[nodiscard]] bool has_series(const SeriesKey& key) const {
    return find_series(key.name->name, key.kind, key.device).has_value();
  }

  void add(SeriesSlot slot, const Execution& execution);
  void add(SeriesSlot slot, const Aggregate& aggregate);

  /// True for those of __other__.
  [[nodiscard]] bool is_other(SeriesSlot slot) const { return at(slot).other; }
  [[nodiscard]] const SeriesKey& key(SeriesSlot slot) const { return *at(slot).key; }

  /// Times told of this device are later by `by`.
  void rebase(std::uint32_t device, Duration by);

  /// Brings the rows up to date; cheap where nothing changed.
  void update_rows();
  /// By name, then kind. As of the last update_rows().
  [[nodiscard]] const std::vector<KernelRow>& kernel_rows() const { return kernel_rows_; }
  /// Of kernel_rows(); another one whenever they stand for other kernels.
  [[nodiscard]] const std::shared_ptr<const KernelNames>& kernel_names() const { return names_; }
  /// By kernel, then device. As of the last update_rows().
  [[nodiscard]] const std::vector<SeriesRow>& series_rows() const { return series_rows_; }

  /// What changed since the last call.
  [[nodiscard]] LadderStep take_delta(Timestamp from, Timestamp to);

  /// The counters of one kernel over all devices; of an unknown one, no calls.
  [[nodiscard]] KernelCounters counters_of(std::uint64_t kernel_id, KernelKind kind) const;

  /// The sketch of one kernel over some devices, with its exact extremes; nothing when it is
  /// unknown or did not run on them.
  struct SketchAndExtremes {
    LatencySketch sketch;
    std::uint64_t min_ns = 0;
    std::uint64_t max_ns = 0;
  };
  [[nodiscard]] std::optional<SketchAndExtremes> sketch_of(
      std::uint64_t kernel_id, KernelKind kind, std::span<const std::uint32_t> devices) const;

 private:
  /// When something was last active; the smallest has been idle longest.
  struct Idleness {
    std::uint64_t tick = 0;
    Timestamp last_end{};
    std::uint32_t index = 0;
    friend auto operator<=>(const Idleness&, const Idleness&) = default;
  };

  struct Series {
    KernelCounters counters;
    KernelCounters delta;  ///< Since the last take_delta().
    LatencySketch sketch;
    DeltaBuckets delta_buckets;
    Percentiles percentiles;
    Timestamp last_end = Timestamp::min();  ///< Of no calls: the minimum.
    std::uint64_t last_duration_ns = 0;
    std::uint64_t last_tick = 0;
    std::shared_ptr<const SeriesKey> key;  ///< Null: the slot is free.
    std::uint32_t kernel = 0;
    std::uint32_t row = 0;
    std::uint32_t generation = 0;  ///< How often the slot was used before.
    std::uint32_t open_owners = 0;
    bool reserved = false;  ///< __retired__ or __other__: never evicted.
    bool other = false;
  };

  struct DeviceSeries {
    std::uint32_t device;
    std::uint32_t slot;
  };

  struct Kernel {
    std::shared_ptr<const KernelName> name;  ///< Null: the place is free.
    KernelKind kind = KernelKind::kCompute;
    std::vector<DeviceSeries> series;  ///< By device.
    LatencySketch sketch;              ///< Of all series, where there is more than one.
    Percentiles percentiles;
    std::uint32_t row = 0;
    std::uint32_t open_series = 0;  ///< With an open owner.
    bool reserved = false;
    std::optional<Idleness> idleness;  ///< As it stands in idle_kernels_.
  };

  struct NameAndKind {
    std::string_view name;
    KernelKind kind;
    friend bool operator==(const NameAndKind&, const NameAndKind&) = default;
  };
  struct NameHash {
    std::size_t operator()(const NameAndKind& key) const;
  };

  struct Owner {
    std::vector<std::uint32_t> series;
    std::vector<bool> holds;  ///< By slot.
  };

  [[nodiscard]] Series& at(SeriesSlot slot) { return series_[static_cast<std::size_t>(slot)]; }
  [[nodiscard]] const Series& at(SeriesSlot slot) const {
    return series_[static_cast<std::size_t>(slot)];
  }

  [[nodiscard]] std::optional<std::uint32_t> find_kernel(std::string_view name,
                                                         KernelKind kind) const;
  [[nodiscard]] std::optional<std::uint32_t> find_series(std::string_view name, KernelKind kind,
                                                         std::uint32_t device) const;
  SeriesSlot series(OwnerId owner, std::uint32_t device, std::string_view name, KernelKind kind,
                    std::shared_ptr<const KernelName> made);
  std::uint32_t make_kernel(std::shared_ptr<const KernelName> name, KernelKind kind, bool reserved);
  std::uint32_t make_series(std::uint32_t kernel, std::uint32_t device);
  std::uint32_t reserved_series(std::string_view name, KernelKind kind, std::uint32_t device);
  void adopt(OwnerId owner, std::uint32_t slot);
  void release(std::uint32_t slot);

  [[nodiscard]] bool make_room(std::string_view name, KernelKind kind);
  [[nodiscard]] bool evict_series();
  [[nodiscard]] bool evict_kernel();
  void fold(std::uint32_t slot);
  void forget(std::uint32_t slot);
  void forget_kernel(std::uint32_t kernel);

  void touch(std::uint32_t slot, Timestamp end, std::uint64_t duration_ns);
  [[nodiscard]] std::vector<std::uint32_t>::iterator place_in_order(std::string_view name,
                                                                    KernelKind kind);
  void lay_out_rows();
  [[nodiscard]] SeriesRow row_of(const Series& series) const;
  void write_kernel_sums(std::uint32_t kernel);
  void write_kernel_percentiles(std::uint32_t kernel);
  [[nodiscard]] static std::uint64_t id_key(std::uint64_t id, KernelKind kind);

  const TableLimits limits_;

  std::vector<Series> series_;
  std::vector<std::uint32_t> free_series_;
  std::vector<Kernel> kernels_;
  std::vector<std::uint32_t> free_kernels_;
  std::vector<std::uint32_t> kernel_order_;  ///< By name, then kind: that of rows.
  std::unordered_map<NameAndKind, std::uint32_t, NameHash> by_name_;
  /// By id and kind; two names with one id: the newer.
  std::unordered_map<std::uint64_t, std::uint32_t> by_id_;
  std::size_t counted_series_ = 0;  ///< Without the reserved ones.
  std::size_t counted_kernels_ = 0;

  std::unordered_map<std::uint32_t, Owner> owners_;
  std::uint32_t next_owner_ = 0;
  std::set<Idleness> idle_series_;   ///< Without an open owner.
  std::set<Idleness> idle_kernels_;  ///< Whose series all are.

  std::uint64_t tick_ = 0;  ///< Counts take_delta().
  DeltaPool delta_pool_;
  std::vector<BucketCount> delta_scratch_;
  SlotSet changed_since_delta_;
  SlotSet changed_since_rows_;
  SlotSet changed_kernels_;
  bool layout_changed_ = false;
  std::vector<KernelRow> kernel_rows_;
  std::shared_ptr<const KernelNames> names_ = std::make_shared<KernelNames>();
  std::vector<SeriesRow> series_rows_;
};

}  // namespace gpuvigil
