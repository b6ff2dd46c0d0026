// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "model/source.h"

namespace gpuvigil::testing {

/// Keeps all that a source hands in.
class RecordingIntake final : public Intake {
 public:
  struct Told {
    std::string name;
    std::uint32_t device = 0;
    Timestamp start{};
    Timestamp end{};
    std::optional<Bytes> memory;
    friend auto operator<=>(const Told&, const Told&) = default;
  };
  struct Span {
    std::uint32_t device = 0;
    KernelKind kind = KernelKind::kCompute;
    Timestamp from{};
    Timestamp to{};
    friend auto operator<=>(const Span&, const Span&) = default;
  };

  OwnerId open_owner() override { return OwnerId{owners++}; }
  void close_owner(OwnerId) override {}
  DeviceSlot device(const DeviceInfo& info) override {
    const auto next = static_cast<std::uint32_t>(devices.size());
    const auto [at, is_new] = slots_.try_emplace(info.uuid, next);
    if (is_new) devices.push_back(info);
    return DeviceSlot{at->second};
  }
  SeriesSlot series(OwnerId, DeviceSlot device, std::string_view name, KernelKind) override {
    all_series.emplace_back(name, static_cast<std::uint32_t>(device));
    return SeriesSlot{static_cast<std::uint32_t>(all_series.size() - 1)};
  }
  void execution(SeriesSlot series, const Execution& execution) override {
    const auto& [name, device] = all_series[static_cast<std::size_t>(series)];
    executions.push_back(
        {name, device, execution.start.value_or(Timestamp{}), execution.end, execution.memory});
  }
  void aggregate(SeriesSlot, const Aggregate&) override { ++unexpected; }
  void recent(SeriesSlot, const Execution&) override { ++unexpected; }
  void activity(DeviceSlot device, KernelKind kind, Timestamp from, Timestamp to) override {
    activities.push_back({static_cast<std::uint32_t>(device), kind, from, to});
  }
  void covered(DeviceSlot device, Timestamp from, Timestamp to) override {
    spans[static_cast<std::uint32_t>(device)].emplace_back(from, to);
  }
  void sample(DeviceSlot device, const DeviceSample& sample) override {
    samples[static_cast<std::uint32_t>(device)] = sample;
    ++samples_told;
  }
  void process(OwnerId, std::uint32_t, const CaptureState&) override { ++unexpected; }
  void attribute(OwnerId, SeriesSlot, const Aggregate&) override { ++unexpected; }
  void event(const Event& event) override { events.push_back(event); }
  void rebase(DeviceSlot, Duration) override { ++unexpected; }
  void lost(Loss loss, std::uint64_t count) override { losses.add(loss, count); }

  std::uint32_t owners = 0;
  std::vector<DeviceInfo> devices;
  std::vector<std::pair<std::string, std::uint32_t>> all_series;  ///< Name and device.
  std::vector<Told> executions;
  std::vector<Span> activities;
  std::map<std::uint32_t, std::vector<std::pair<Timestamp, Timestamp>>> spans;
  std::map<std::uint32_t, DeviceSample> samples;
  int samples_told = 0;
  std::vector<Event> events;
  int unexpected = 0;
  LossCounters losses;

 private:
  std::map<std::string, std::uint32_t> slots_;
};

}  // namespace gpuvigil::testing
