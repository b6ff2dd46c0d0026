// SPDX-License-Identifier: Apache-2.0
#include "trace/player.h"

#include <gtest/gtest.h>

#include "trace/player_test_support.h"

namespace gpuvigil {
namespace {

using testing_support::at;
using testing_support::FakeFiles;
using testing_support::FakeIntake;
using testing_support::FakeRecording;
using testing_support::feed;
using testing_support::Kept;
using testing_support::kMs;
using testing_support::kStart;
using testing_support::player_of;
using testing_support::reader_of;
using testing_support::run;
using testing_support::summary_of;
using testing_support::total_ns;

TEST(Player, HandsInAnExecutionAtItsEndAndItsActivityAtItsStart) {
  // On the file's axis from 1000 to 11 ms + 1000; the first event is no GPU work.
  const auto player = player_of({.name = {},
                                 .executions = {run("k", 1000 + 2 * kMs, 5 * kMs)},
                                 .memories = {},
                                 .summary = summary_of(1000, 1000 + 11 * kMs)});
  FakeIntake intake;
  feed(*player, at(1 * kMs), intake);
  ASSERT_EQ(intake.devices.size(), 1U);
  EXPECT_EQ(intake.devices[0].uuid, "REC-0000000000000abc-0");
  EXPECT_EQ(intake.devices[0].source, "replay");
  EXPECT_TRUE(intake.activities[0].empty());
  feed(*player, at(2 * kMs), intake);
  const FakeIntake::Intervals busy = {{to_unix_ns(at(2 * kMs)), to_unix_ns(at(7 * kMs))}};
  EXPECT_EQ(intake.activities[0], busy);
  feed(*player, at(7 * kMs - 1), intake);
  EXPECT_TRUE(intake.ended.empty());
  EXPECT_TRUE(intake.series_asked.empty());
  feed(*player, at(7 * kMs), intake);
  ASSERT_EQ(intake.ended.size(), 1U);
  EXPECT_EQ(intake.ended[0].start_ns, to_unix_ns(at(2 * kMs)));
  EXPECT_FALSE(player->finished());
  EXPECT_EQ(intake.owners_closed, 0);
  feed(*player, at(11 * kMs), intake);
  EXPECT_TRUE(player->finished());
  EXPECT_EQ(intake.owners_opened, 1);
  EXPECT_EQ(intake.owners_closed, 1);
  EXPECT_EQ(total_ns(intake.covers[0]), 11 * kMs);
  feed(*player, at(20 * kMs), intake);
  EXPECT_EQ(intake.ended.size(), 1U);
  EXPECT_EQ(intake.owners_closed, 1);
  EXPECT_EQ(total_ns(intake.covers[0]), 11 * kMs);
}

TEST(Player, BeforeItsStartItOnlyKnowsItsDevices) {
  const auto player = player_of({.name = {},
                                 .executions = {run("k", 0, kMs)},
                                 .memories = {},
                                 .summary = summary_of(0, kMs)});
  FakeIntake intake;
  feed(*player, at(-5), intake);
  EXPECT_EQ(intake.devices.size(), 1U);
  EXPECT_TRUE(intake.activities[0].empty());
  EXPECT_TRUE(intake.covers[0].empty());
  EXPECT_EQ(intake.samples[0].gpu_utilization, Reading<Percent>(missing(Missing::kNotRecorded)));
}

TEST(Player, SamplesHoldTheMemoryThatWasLastToldAndSayWhyTheRestIsMissing) {
  auto summary = summary_of(0, 10 * kMs);
  summary.devices[0].name = "GPU";
  summary.devices[0].memory_total_bytes = 1000;
  const auto player = player_of(
      {.name = {},
       .executions = {run("k", 0, kMs)},
       .memories = {{.device = 0, .at_ns = 5 * kMs, .allocated_bytes = 50, .reserved_bytes = 70},
                    {.device = 0, .at_ns = 2 * kMs, .allocated_bytes = 20, .reserved_bytes = {}}},
       .summary = summary},
      true);
  FakeIntake intake;
  const auto f = [&](std::int64_t now, Reading<Bytes> used, Missing rest) {
    feed(*player, at(now), intake);
    EXPECT_EQ(intake.samples[0].memory_used, used) << now;
    EXPECT_EQ(intake.samples[0].memory_total, Reading<Bytes>(Bytes(1000))) << now;
    EXPECT_EQ(intake.samples[0].power, Reading<Watts>(missing(rest))) << now;
    EXPECT_EQ(intake.samples[0].gpu_utilization, Reading<Percent>(missing(rest))) << now;
    EXPECT_EQ(intake.samples[0].health, Health::kOk);
  };
  f(1 * kMs, missing(Missing::kNotRecorded), Missing::kNotRecorded);
  f(2 * kMs, Bytes(20), Missing::kNotRecorded);
  f(4 * kMs, Bytes(20), Missing::kNotRecorded);
  f(9 * kMs, Bytes(50), Missing::kNotRecorded);
  f(11 * kMs, missing(Missing::kNotRecorded), Missing::kNotRecorded);  // the next loop
  f(13 * kMs, Bytes(20), Missing::kNotRecorded);
  EXPECT_EQ(intake.devices[0].name, "GPU");
}

TEST(Player, AfterItsEndADeviceSaysThatTheRecordingEnded) {
  FakeFiles files;
  files["short"] = {
      {.name = {},
       .executions = {run("k", 0, kMs)},
       .memories = {{.device = 0, .at_ns = 0, .allocated_bytes = 5, .reserved_bytes = {}}},
       .summary = summary_of(0, 4 * kMs, 1)}};
  files["long"] = {{.name = {},
                    .executions = {run("k", 0, kMs)},
                    .memories = {},
                    .summary = summary_of(0, 9 * kMs, 2)}};
  const auto player = player_of(files, {"short", "long"}, true);
  FakeIntake intake;
  const auto f = [&](std::int64_t now, Missing of_short, Missing of_long) {
    feed(*player, at(now), intake);
    EXPECT_EQ(intake.samples[0].temperature, Reading<Celsius>(missing(of_short))) << now;
    EXPECT_EQ(intake.samples[1].temperature, Reading<Celsius>(missing(of_long))) << now;
  };
  f(3 * kMs, Missing::kNotRecorded, Missing::kNotRecorded);
  EXPECT_EQ(intake.samples[0].memory_used, Reading<Bytes>(Bytes(5)));
  f(4 * kMs, Missing::kRecordingEnded, Missing::kNotRecorded);
  EXPECT_EQ(intake.samples[0].memory_used, Reading<Bytes>(missing(Missing::kRecordingEnded)));
  f(8 * kMs, Missing::kRecordingEnded, Missing::kNotRecorded);
  f(10 * kMs, Missing::kNotRecorded, Missing::kNotRecorded);
  EXPECT_EQ(total_ns(intake.covers[0]), 5 * kMs);
  EXPECT_EQ(total_ns(intake.covers[1]), 10 * kMs);

  const auto once = player_of(files, {"short", "long"});
  FakeIntake to_its_end;
  feed(*once, at(9 * kMs), to_its_end);
  EXPECT_TRUE(once->finished());
  for (const DeviceSample& sample : to_its_end.samples) {
    EXPECT_EQ(sample.power, Reading<Watts>(missing(Missing::kRecordingEnded)));
  }
}

TEST(Player, DevicesComeInTheOrderOfFilesMembersAndNumbers) {
  const auto device = [](std::uint32_t number) {
    return TraceDevice{.recorded_number = number,
                       .name = "gpu" + std::to_string(number),
                       .memory_total_bytes = {}};
  };
  const auto recording = [&](std::string name, std::uint64_t id, std::vector<TraceDevice> devices) {
    FakeRecording made{.name = std::move(name),
                       .executions = {},
                       .memories = {},
                       .summary = summary_of(0, kMs, id, devices)};
    for (std::uint32_t i = 0; i < devices.size(); ++i) {
      made.executions.push_back(run("on " + devices[i].name, 0, kMs, i));
      made.memories.push_back({.device = i,
                               .at_ns = 0,
                               .allocated_bytes = devices[i].recorded_number,
                               .reserved_bytes = {}});
    }
    return made;
  };
  FakeFiles files;
  files["z"] = {recording("", 1, {device(5), device(2)})};
  files["a.tar"] = {recording("a.tar:rank10", 2, {device(10)}),
                    recording("a.tar:rank2", 3, {device(20)})};
  const auto player = player_of(files, {"z", "a.tar", "z"});
  FakeIntake intake;
  feed(*player, at(kMs - 1), intake);
  std::vector<std::string> got;
  for (const DeviceInfo& info : intake.devices) got.push_back(info.uuid + " " + info.name);
  const std::vector<std::string> want = {
      "REC-0000000000000001-0 gpu2",  "REC-0000000000000001-1 gpu5", "REC-0000000000000003-2 gpu20",
      "REC-0000000000000002-3 gpu10", "REC-0000000000000001-4 gpu2", "REC-0000000000000001-5 gpu5"};
  EXPECT_EQ(got, want);
  std::vector<std::uint64_t> memory;
  for (const DeviceSample& sample : intake.samples) {
    memory.push_back(sample.memory_used.value_or(Bytes(0)).count());
  }
  const std::vector<std::uint64_t> of_numbers = {2, 5, 20, 10, 2, 5};
  EXPECT_EQ(memory, of_numbers);
  feed(*player, at(kMs), intake);
  for (const auto& [key, sum] : intake.sums) {
    EXPECT_EQ(std::get<1>(key), "on " + intake.devices[std::get<0>(key)].name);
    EXPECT_EQ(sum.calls, 1U);
  }
  EXPECT_EQ(intake.sums.size(), 6U);
}

TEST(Player, ByWallClockFilesKeepTheirDistance) {
  const auto recording = [](std::int64_t base, std::int64_t first) {
    auto summary = summary_of(first, first + 2 * kMs, static_cast<std::uint64_t>(base));
    summary.base_unix_ns = base;
    return FakeRecording{
        .name = {}, .executions = {run("k", first, kMs)}, .memories = {}, .summary = summary};
  };
  const FakeFiles files = {{"late", {recording(1'000'000'000'000'000'000, 9 * kMs)}},
                           {"early", {recording(1'000'000'000'000'000'000, 4 * kMs)}},
                           {"epoch", {recording(0, 1'000'000'000'006'000'000)}}};
  const auto starts = [&](ReplayAlign align) {
    const auto player = player_of(files, {"late", "early", "epoch"}, false, align);
    FakeIntake intake;
    feed(*player, at(100 * kMs), intake);
    EXPECT_TRUE(player->finished());
    std::vector<std::int64_t> ms;
    for (const auto& intervals : intake.activities) {
      ms.push_back((intervals.at(0).first - to_unix_ns(kStart)) / kMs);
    }
    return ms;
  };
  const std::vector<std::int64_t> by_start = {0, 0, 0};
  EXPECT_EQ(starts(ReplayAlign::kStart), by_start);
  const std::vector<std::int64_t> by_wall = {5, 0, 2};
  EXPECT_EQ(starts(ReplayAlign::kWall), by_wall);

  const auto player = player_of(files, {"late", "early"}, false, ReplayAlign::kWall);
  FakeIntake intake;
  feed(*player, at(3 * kMs), intake);
  EXPECT_TRUE(intake.covers[0].empty());
  EXPECT_EQ(total_ns(intake.covers[1]), 2 * kMs);
  feed(*player, at(7 * kMs), intake);
  EXPECT_EQ(intake.covers[0].at(0).first, to_unix_ns(at(5 * kMs)));
  EXPECT_EQ(total_ns(intake.covers[0]), 2 * kMs);
  EXPECT_TRUE(player->finished());
}

TEST(Player, AnExecutionAsLongAsTheLoopIsHandedInOnceALoop) {
  const auto player = player_of({.name = {},
                                 .executions = {run("k", 7, 2 * kMs)},
                                 .memories = {},
                                 .summary = summary_of(7, 7 + 2 * kMs)},
                                true);
  FakeIntake intake;
  const auto f = [&](std::int64_t now, std::size_t begun, std::size_t ended) {
    feed(*player, at(now), intake);
    EXPECT_EQ(intake.activities[0].size(), begun) << now;
    EXPECT_EQ(intake.ended.size(), ended) << now;
  };
  f(0, 1, 0);
  f(2 * kMs - 1, 1, 0);
  f(2 * kMs, 2, 1);
  f(2 * kMs, 2, 1);
  f(10 * kMs, 6, 5);
  EXPECT_EQ(testing_support::union_ns(intake.activities[0]), 12 * kMs);
  EXPECT_EQ(total_ns(intake.covers[0]), 10 * kMs);
}

TEST(Player, LossesAreToldOnce) {
  auto summary = summary_of(0, kMs);
  summary.executions_unreadable = 3;
  summary.bytes_unreadable = 17;
  const auto player = player_of(
      {.name = {}, .executions = {run("k", 0, kMs)}, .memories = {}, .summary = summary}, true);
  FakeIntake intake;
  for (int i = 1; i < 10; ++i) feed(*player, at(i * kMs), intake);
  EXPECT_EQ(intake.losses[Loss::kExecutionsUnreadable], 3U);
  EXPECT_EQ(intake.losses[Loss::kBytesUnreadable], 17U);
}

TEST(Player, WhatCannotBePlayedIsRefusedInOneLineThatNamesIt) {
  const auto f = [](FakeFiles files, ReplayAlign align, Errc code, const std::string& words) {
    PlayerOptions options;
    for (const auto& [path, recordings] : files) options.paths.push_back(path);
    options.align = align;
    options.limits = {.executions = 3, .memory_readings = 10, .name_bytes = 200, .devices = 2};
    options.read = reader_of(std::move(files));
    const auto player = Player::open(options, kStart);
    ASSERT_FALSE(player.has_value()) << words;
    EXPECT_EQ(player.error().code, code) << player.error().message;
    EXPECT_NE(player.error().message.find(words), std::string::npos) << player.error().message;
    EXPECT_EQ(player.error().message.find('\n'), std::string::npos);
  };
  const auto file = [](std::vector<Kept> executions, TraceSummary summary) {
    return std::vector<FakeRecording>{{.name = {},
                                       .executions = std::move(executions),
                                       .memories = {},
                                       .summary = std::move(summary)}};
  };
  const auto one = run("k", 0, 1);
  f({{"many", file({one, one, one, one}, summary_of(0, 9))}}, ReplayAlign::kStart, Errc::kTooLarge,
    "many: 4 executions are more than the 3");
  f({{"names", file({run(std::string(201, 'n'), 0, 1)}, summary_of(0, 9))}}, ReplayAlign::kStart,
    Errc::kTooLarge, "names: more than 0 MiB of distinct kernel names");
  f({{"devices", file({run("k", 0, 1, 2)}, summary_of(0, 9))}}, ReplayAlign::kStart,
    Errc::kTooLarge, "devices: more than 2 devices");
  f({{"idle", file({}, summary_of(0, 9))}}, ReplayAlign::kStart, Errc::kInvalidArgument,
    "idle: holds no GPU work");
  f({}, ReplayAlign::kStart, Errc::kInvalidArgument, "no recording to replay");
  f({{"long", file({one}, summary_of(INT64_MIN, INT64_MAX))}}, ReplayAlign::kStart,
    Errc::kInvalidArgument, "long: its times span more than a year");
  f({{"a", file({one}, summary_of(0, 9))},
     {"b", file({run("k", 20 * 86'400'000 * kMs, 1)},
                summary_of(20 * 86'400'000 * kMs, 20 * 86'400'000 * kMs + 1))}},
    ReplayAlign::kWall, Errc::kInvalidArgument,
    "b begins 20 days after a; replay them with --align start");

  PlayerOptions options;
  options.paths = {"absent"};
  options.read = reader_of({});
  const auto player = Player::open(options, kStart);
  ASSERT_FALSE(player.has_value());
  EXPECT_EQ(player.error().code, Errc::kNotFound);
}

TEST(Player, AxesFarFromZeroComeBackToIt) {
  const std::int64_t far = INT64_MAX - 10 * kMs;
  const FakeFiles files = {{"high",
                            {{.name = {},
                              .executions = {run("k", far, kMs)},
                              .memories = {},
                              .summary = summary_of(far, far + 2 * kMs, 1)}}},
                           {"low",
                            {{.name = {},
                              .executions = {run("k", INT64_MIN, kMs)},
                              .memories = {},
                              .summary = summary_of(INT64_MIN, INT64_MIN + 2 * kMs, 2)}}}};
  const auto player = player_of(files, {"high", "low"});
  EXPECT_EQ(player->length(), Duration(2 * kMs));
  FakeIntake intake;
  feed(*player, at(2 * kMs), intake);
  EXPECT_EQ(intake.ended.size(), 2U);
  for (const auto& intervals : intake.activities) {
    EXPECT_EQ(intervals.at(0).first, to_unix_ns(kStart));
  }
}

TEST(Player, ARecordingOfNoLengthDoesNotLoopForEver) {
  const auto player = player_of(
      {.name = {}, .executions = {run("k", 5, 0)}, .memories = {}, .summary = summary_of(5, 5)},
      true);
  FakeIntake intake;
  feed(*player, at(10 * kMs), intake);
  EXPECT_EQ(player->period(), Duration(kMs));
  EXPECT_EQ(intake.ended.size(), 11U);  // at 0, 1, ... 10 ms
}

TEST(Player, MemoryReadingsBeyondTheLimitAreThinnedNotRefused) {
  FakeRecording recording{.name = {},
                          .executions = {run("k", 0, kMs), run("k", 0, kMs, 1)},
                          .memories = {},
                          .summary = summary_of(0, 1000 * kMs, 1, {{}, {}})};
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    recording.memories.push_back(
        {.device = i % 2, .at_ns = i * kMs / 20, .allocated_bytes = i, .reserved_bytes = {}});
  }
  PlayerOptions options;
  options.paths = {"a"};
  options.limits.memory_readings = 1000;
  options.read = reader_of({{"a", {recording}}});
  const auto player = Player::open(options, kStart);
  ASSERT_TRUE(player.has_value());
  FakeIntake intake;
  for (std::int64_t ms = 100; ms < 1000; ms += 100) {
    feed(**player, at(ms * kMs), intake);
    for (std::uint64_t device = 0; device < 2; ++device) {
      const auto used = intake.samples[device].memory_used;
      ASSERT_TRUE(used.has_value());
      EXPECT_EQ(used->count() % 2, device);  // no reading of the other device
      const auto truth = static_cast<double>(ms * 20);
      EXPECT_NEAR(static_cast<double>(used->count()), truth, 0.1 * 20'000);
      EXPECT_LE(static_cast<double>(used->count()), truth);
    }
  }
}

}  // namespace
}  // namespace gpuvigil
