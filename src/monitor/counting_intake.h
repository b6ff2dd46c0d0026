// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/source.h"

namespace gpuvigil::testing {

/// An Intake that adds up what it is told, for tests of what feeds one.
class CountingIntake final : public Intake {
 public:
  struct Total {
    KernelCounters counters;
    LatencySketch sketch;
    Timestamp last_end{};
    std::uint64_t last_duration_ns = 0;
    std::uint64_t largest_memory_bytes = 0;
    std::uint64_t aggregates = 0;
  };
  using Key = std::pair<std::string, std::uint32_t>;  ///< Name and device.

  OwnerId open_owner() override { return OwnerId{1}; }
  void close_owner(OwnerId) override {}
  DeviceSlot device(const DeviceInfo&) override { return DeviceSlot{0}; }

  SeriesSlot series(OwnerId, DeviceSlot device, std::string_view name, KernelKind) override {
    keys.emplace_back(std::string(name), static_cast<std::uint32_t>(device));
    return SeriesSlot{static_cast<std::uint32_t>(keys.size() - 1)};
  }

  void execution(SeriesSlot, const Execution&) override {}

  void aggregate(SeriesSlot series, const Aggregate& told) override {
    Total& total = totals[keys.at(static_cast<std::size_t>(series))];
    total.counters.merge(told.counters);
    std::uint64_t in_buckets = 0;
    for (const BucketCount& b : told.buckets) {
      total.sketch.add_to_bucket(b.bucket, b.count);
      in_buckets += b.count;
    }
    consistent = consistent && in_buckets == told.counters.calls;
    if (!told.buckets.empty()) {
      const auto& counters = told.counters;
      consistent = consistent &&
                   SketchScheme::bucket_of(counters.min_ns) == told.buckets.front().bucket &&
                   SketchScheme::bucket_of(counters.max_ns) == told.buckets.back().bucket;
    }
    total.last_end = std::max(total.last_end, told.last_end);
    total.last_duration_ns = told.last_duration_ns;
    total.largest_memory_bytes = std::max(total.largest_memory_bytes, told.largest_memory_bytes);
    ++total.aggregates;
  }

  void recent(SeriesSlot series, const Execution& execution) override {
    listed.emplace_back(keys.at(static_cast<std::size_t>(series)), execution);
  }
  void activity(DeviceSlot, KernelKind, Timestamp, Timestamp) override {}
  void covered(DeviceSlot, Timestamp, Timestamp) override {}
  void sample(DeviceSlot, const DeviceSample&) override {}
  void process(OwnerId, std::uint32_t, const CaptureState&) override {}
  void attribute(OwnerId, SeriesSlot, const Aggregate&) override {}
  void event(const Event&) override {}
  void rebase(DeviceSlot, Duration) override {}
  void lost(Loss loss, std::uint64_t count) override { losses.add(loss, count); }

  std::vector<Key> keys;
  std::map<Key, Total> totals;
  std::vector<std::pair<Key, Execution>> listed;
  LossCounters losses;
  bool consistent = true;  ///< Every aggregate's buckets, calls and extremes agreed.
};

}  // namespace gpuvigil::testing
