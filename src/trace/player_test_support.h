// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "model/source.h"
#include "trace/nsight_test_support.h"
#include "trace/player.h"

namespace gpuvigil::testing_support {

using Kept = CollectingSink::Kept;

/// What was made up for one file: its executions and memory readings, and what its reader says.
struct FakeRecording {
  std::string name;  ///< Of the recording; empty: the file's.
  std::vector<Kept> executions;
  std::vector<TraceMemory> memories;
  TraceSummary summary;
};

/// Files that exist only here.
using FakeFiles = std::map<std::string, std::vector<FakeRecording>>;

inline TraceFileReader reader_of(FakeFiles files) {
  return [files = std::move(files)](
             const std::string& path, TraceVisitor& visitor,
             const ReadProgress& /*progress*/) -> Result<std::vector<TraceSummary>> {
    const auto file = files.find(path);
    if (file == files.end()) return fail(Errc::kNotFound, path + ": no such file");
    std::vector<TraceSummary> summaries;
    for (const FakeRecording& recording : file->second) {
      TraceSink& sink = visitor.recording_begins(recording.name.empty() ? path : recording.name,
                                                 recording.summary.file_id);
      for (const auto& e : recording.executions) {
        sink.execution({.name = e.name,
                        .kind = e.kind,
                        .device = e.device,
                        .start_ns = e.start_ns,
                        .duration_ns = e.duration_ns});
      }
      for (const TraceMemory& reading : recording.memories) sink.memory(reading);
      visitor.recording_ends(recording.summary);
      summaries.push_back(recording.summary);
    }
    return summaries;
  };
}

/// Adds up what a source hands in, and holds it to what model/source.h asks of it.
class FakeIntake final : public Intake {
 public:
  struct Sum {
    std::uint64_t calls = 0;
    std::int64_t duration_ns = 0;
    friend bool operator==(const Sum&, const Sum&) = default;
  };
  struct Ended {
    std::string name;
    std::int64_t start_ns = 0;
    std::int64_t end_ns = 0;
  };
  using Intervals = std::vector<std::pair<std::int64_t, std::int64_t>>;

  /// What feed() is about to be called with.
  void expect_feed(Timestamp until) {
    previous_ns = until_ns;
    until_ns = to_unix_ns(until);
  }

  OwnerId open_owner() override {
    ++owners_opened;
    return OwnerId{7};
  }
  void close_owner(OwnerId owner) override {
    EXPECT_EQ(owner, OwnerId{7});
    ++owners_closed;
  }
  DeviceSlot device(const DeviceInfo& info) override {
    devices.push_back(info);
    activities.emplace_back();
    covers.emplace_back();
    samples.emplace_back();
    return static_cast<DeviceSlot>(devices.size() - 1);
  }
  SeriesSlot series(OwnerId owner, DeviceSlot device, std::string_view name,
                    KernelKind kind) override {
    EXPECT_EQ(owner, OwnerId{7});
    EXPECT_EQ(owners_closed, 0);
    series_keys.emplace_back(static_cast<std::size_t>(device), std::string(name), kind);
    EXPECT_TRUE(series_asked.insert(series_keys.back()).second) << name << " was asked for twice";
    return static_cast<SeriesSlot>(series_keys.size() - 1);
  }
  void execution(SeriesSlot series, const Execution& execution) override {
    const auto& key = series_keys.at(static_cast<std::size_t>(series));
    const std::int64_t end = to_unix_ns(execution.end);
    EXPECT_LE(end, until_ns) << "before its end";
    EXPECT_GT(end, previous_ns) << "later than the first feed after its end";
    EXPECT_TRUE(execution.start.has_value());
    EXPECT_EQ(to_unix_ns(execution.start.value_or(Timestamp{})) + execution.duration.count(), end);
    EXPECT_FALSE(execution.memory.has_value());
    Sum& sum = sums[key];
    ++sum.calls;
    sum.duration_ns += execution.duration.count();
    ended.push_back({std::get<1>(key), end - execution.duration.count(), end});
  }
  void aggregate(SeriesSlot, const Aggregate&) override { ADD_FAILURE(); }
  void recent(SeriesSlot, const Execution&) override { ADD_FAILURE(); }
  void activity(DeviceSlot device, KernelKind /*kind*/, Timestamp from, Timestamp to) override {
    EXPECT_LE(from, to);
    EXPECT_LE(to_unix_ns(from), until_ns) << "before its start";
    EXPECT_GT(to_unix_ns(from), previous_ns) << "later than the first feed after its start";
    activities.at(static_cast<std::size_t>(device)).emplace_back(to_unix_ns(from), to_unix_ns(to));
  }
  void covered(DeviceSlot device, Timestamp from, Timestamp to) override {
    auto& spans = covers.at(static_cast<std::size_t>(device));
    EXPECT_LT(from, to);
    EXPECT_LE(to_unix_ns(to), until_ns);
    EXPECT_TRUE(spans.empty() || to_unix_ns(from) >= spans.back().second);
    spans.emplace_back(to_unix_ns(from), to_unix_ns(to));
  }
  void sample(DeviceSlot device, const DeviceSample& sample) override {
    EXPECT_EQ(to_unix_ns(sample.at), until_ns);
    samples.at(static_cast<std::size_t>(device)) = sample;
  }
  void process(OwnerId, std::uint32_t, const CaptureState&) override { ADD_FAILURE(); }
  void attribute(OwnerId, SeriesSlot, const Aggregate&) override { ADD_FAILURE(); }
  void event(const Event&) override { ADD_FAILURE(); }
  void rebase(DeviceSlot, Duration) override { ADD_FAILURE(); }
  void lost(Loss loss, std::uint64_t count) override { losses.add(loss, count); }

  std::int64_t until_ns = INT64_MIN;
  std::int64_t previous_ns = INT64_MIN;
  int owners_opened = 0;
  int owners_closed = 0;
  std::vector<DeviceInfo> devices;
  std::vector<std::tuple<std::size_t, std::string, KernelKind>> series_keys;
  std::set<std::tuple<std::size_t, std::string, KernelKind>> series_asked;
  std::map<std::tuple<std::size_t, std::string, KernelKind>, Sum> sums;
  std::vector<Ended> ended;
  std::vector<Intervals> activities;
  std::vector<Intervals> covers;
  std::vector<DeviceSample> samples;
  LossCounters losses;
};

inline void feed(Player& player, Timestamp until, FakeIntake& intake) {
  intake.expect_feed(until);
  player.feed(until, intake);
}

inline constexpr std::int64_t kMs = 1'000'000;
inline const Timestamp kStart = from_unix_ns(1'800'000'000'000'000'000);

inline Timestamp at(std::int64_t ns) {
  return kStart + Duration(ns);
}

inline TraceSummary summary_of(std::int64_t first_ns, std::int64_t last_ns,
                               std::uint64_t file_id = 0xabc,
                               std::vector<TraceDevice> devices = {{}}) {
  TraceSummary summary;
  summary.format = "kineto";
  summary.devices = std::move(devices);
  summary.first_ns = first_ns;
  summary.last_ns = last_ns;
  summary.file_id = file_id;
  return summary;
}

inline Kept run(std::string name, std::int64_t start_ns, std::int64_t duration_ns,
                std::uint32_t device = 0, KernelKind kind = KernelKind::kCompute) {
  return {.name = std::move(name),
          .kind = kind,
          .device = device,
          .start_ns = start_ns,
          .duration_ns = duration_ns};
}

inline std::unique_ptr<Player> player_of(FakeFiles files, std::vector<std::string> paths,
                                         bool loop = false,
                                         ReplayAlign align = ReplayAlign::kStart) {
  PlayerOptions options;
  options.paths = std::move(paths);
  options.loop = loop;
  options.align = align;
  options.read = reader_of(std::move(files));
  auto player = Player::open(options, kStart);
  EXPECT_TRUE(player.has_value()) << player.error().message;
  return player.has_value() ? *std::move(player) : nullptr;
}

inline std::unique_ptr<Player> player_of(FakeRecording recording, bool loop = false) {
  return player_of({{"a", {std::move(recording)}}}, {"a"}, loop);
}

inline std::int64_t total_ns(const FakeIntake::Intervals& spans) {
  std::int64_t total = 0;
  for (const auto& [from, to] : spans) total += to - from;
  return total;
}

}  // namespace gpuvigil::testing_support
