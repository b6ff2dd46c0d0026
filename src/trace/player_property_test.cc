// SPDX-License-Identifier: Apache-2.0
// What holds of the player whatever is recorded, and of what was really recorded.
#include <algorithm>
#include <array>
#include <cstdio>
#include <random>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/json_reader.h"
#include "trace/player.h"
#include "trace/player_test_support.h"

namespace gpuvigil {
namespace {

using testing_support::at;
using testing_support::FakeFiles;
using testing_support::FakeIntake;
using testing_support::FakeRecording;
using testing_support::feed;
using testing_support::kMs;
using testing_support::kStart;
using testing_support::player_of;
using testing_support::run;
using testing_support::summary_of;
using testing_support::total_ns;

/// A made-up recording: what rapidcheck drew, as executions of up to three devices.
FakeRecording recording_of(const std::vector<std::uint32_t>& drawn, std::int64_t first_ns) {
  FakeRecording recording{
      .name = {},
      .executions = {},
      .memories = {},
      .summary = summary_of(first_ns, first_ns + 4 * kMs, drawn.size(),
                            {{.recorded_number = 4, .name = {}, .memory_total_bytes = {}},
                             {.recorded_number = 9, .name = {}, .memory_total_bytes = {}},
                             {.recorded_number = 1, .name = {}, .memory_total_bytes = {}}})};
  static constexpr std::array kKinds = {KernelKind::kCompute, KernelKind::kCollective,
                                        KernelKind::kMemcpy, KernelKind::kMemset};
  for (const std::uint32_t bits : drawn) {
    const std::int64_t start = bits % (3 * kMs);
    const std::int64_t duration = bits % 7 == 0 ? 0 : (bits / 7) % (kMs / 2);
    recording.executions.push_back(run("kernel" + std::to_string(bits % 5), first_ns + start,
                                       duration, bits % 3, kKinds[bits / 3 % kKinds.size()]));
  }
  return recording;
}

struct Played {
  std::map<std::tuple<std::size_t, std::string, KernelKind>, FakeIntake::Sum> sums;
  std::vector<std::int64_t> busy_ns;
  std::vector<std::int64_t> covered_ns;
};

Played outcome_of(const FakeIntake& intake) {
  Played played{.sums = intake.sums, .busy_ns = {}, .covered_ns = {}};
  for (const auto& intervals : intake.activities) {
    played.busy_ns.push_back(testing_support::union_ns(intervals));
  }
  for (const auto& spans : intake.covers) played.covered_ns.push_back(total_ns(spans));
  return played;
}

RC_GTEST_PROP(PlayerProperty, AnyCutOfTimeAndAnyNumberOfLoopsGivesTheWholeTimesLoops,
              (std::vector<std::uint32_t> drawn, std::vector<std::uint32_t> more,
               std::vector<std::uint16_t> steps, std::uint8_t loops_drawn, std::int32_t first)) {
  drawn.push_back(12345);
  more.push_back(777);
  const std::int64_t loops = 1 + loops_drawn % 4;
  const FakeFiles files = {{"a", {recording_of(drawn, first)}},
                           {"b", {recording_of(more, -first)}}};
  const auto once = player_of(files, {"a", "b"});
  FakeIntake whole;
  feed(*once, at(once->length().count()), whole);
  RC_ASSERT(once->finished());
  RC_ASSERT(whole.ended.size() == drawn.size() + more.size());

  const auto player = player_of(files, {"a", "b"}, true);
  RC_ASSERT(player->period() == once->length());
  // One nanosecond before the next loop, whose first executions would come in at once; all that is
  // drawn ends earlier than that.
  const std::int64_t end = loops * player->period().count() - 1;
  FakeIntake cut;
  std::int64_t now = 0;
  for (std::size_t i = 0; now < end; ++i) {
    const std::int64_t step = steps.empty() ? 1000 : 1 + steps[i % steps.size()];
    now = std::min(now + step * 97, end);
    feed(*player, at(now), cut);
  }
  const Played want = outcome_of(whole);
  const Played got = outcome_of(cut);
  RC_ASSERT(got.sums.size() == want.sums.size());
  for (const auto& [key, sum] : want.sums) {
    const auto found = got.sums.find(key);
    RC_ASSERT(found != got.sums.end());
    RC_ASSERT(found->second.calls == sum.calls * static_cast<std::uint64_t>(loops));
    RC_ASSERT(found->second.duration_ns == sum.duration_ns * loops);
  }
  for (std::size_t i = 0; i < want.busy_ns.size(); ++i) {
    RC_ASSERT(got.busy_ns[i] == want.busy_ns[i] * loops);
    RC_ASSERT(got.covered_ns[i] == want.covered_ns[i] * loops - 1);
  }
}

RC_GTEST_PROP(PlayerProperty, TheOrderInTheFileDoesNotMatter,
              (std::vector<std::uint32_t> drawn, std::uint32_t seed)) {
  drawn.push_back(1);
  FakeRecording recording = recording_of(drawn, 0);
  FakeRecording shuffled = recording;
  std::ranges::shuffle(shuffled.executions, std::mt19937(seed));
  const auto play = [](const FakeRecording& of) {
    const auto player = player_of(of);
    FakeIntake intake;
    for (std::int64_t now = 0; !player->finished(); now += 300'000) feed(*player, at(now), intake);
    return outcome_of(intake);
  };
  const Played a = play(recording);
  const Played b = play(shuffled);
  RC_ASSERT(a.sums == b.sums);
  RC_ASSERT(a.busy_ns == b.busy_ns);
  RC_ASSERT(a.covered_ns == b.covered_ns);
}

RC_GTEST_PROP(PlayerProperty, ExecutionsOfOneFeedComeInTheOrderOfTheirEnds,
              (std::vector<std::uint32_t> drawn)) {
  drawn.push_back(1);
  const auto player = player_of(recording_of(drawn, 0));
  FakeIntake intake;
  feed(*player, at(player->length().count()), intake);
  RC_ASSERT(std::ranges::is_sorted(intake.ended, {}, &FakeIntake::Ended::end_ns));
}

/// Eight ranks in one file, played at an odd frame period, twice: per device and name the oracle's
/// sums twice.
TEST(PlayerRecorded, EightDevicesTwiceAreTheOracleTwice) {
  const auto data = testing_support::recorded_data();
  if (!data) GTEST_SKIP() << "no recorded data: set GPUVIGIL_DATA to its folder";
  const std::string path = (*data / "derived/merged_8devices.json.gz").string();
  const auto want = parse_json(testing_support::bytes_of(path + ".oracle.json"), 64U << 20U);
  ASSERT_TRUE(want.has_value());
  PlayerOptions options;
  options.paths = {path};
  options.loop = true;
  auto player = Player::open(options, kStart);
  ASSERT_TRUE(player.has_value()) << player.error().message;
  FakeIntake intake;
  const Duration end = (*player)->period() * 2;  // no GPU work begins with the recording itself
  for (Duration now(0); now < end;) {
    now = std::min(now + Duration(7'654'321), end);
    feed(**player, kStart + now, intake);
  }
  const auto* devices = (*want)["devices"].as_object();
  ASSERT_NE(devices, nullptr);
  ASSERT_EQ(intake.devices.size(), devices->size());
  const auto& recorded = (*player)->summaries().at(0).devices;
  std::vector<std::uint32_t> numbers;
  for (const TraceDevice& device : recorded) numbers.push_back(device.recorded_number);
  std::ranges::sort(numbers);
  std::size_t names = 0;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const JsonValue& device = (*want)["devices"][std::to_string(numbers[i])];
    const auto* by_name = device["by_name"].as_array();
    ASSERT_NE(by_name, nullptr);
    for (const JsonValue& kernel : *by_name) {
      FakeIntake::Sum sum;
      for (const auto& [key, part] : intake.sums) {
        if (std::get<0>(key) != i || std::get<1>(key) != kernel["name"].string_or("") ||
            !is_kernel(std::get<2>(key))) {
          continue;
        }
        sum.calls += part.calls;
        sum.duration_ns += part.duration_ns;
      }
      EXPECT_EQ(sum.calls, 2 * static_cast<std::uint64_t>(kernel["calls"].number_or(-1)));
      EXPECT_EQ(sum.duration_ns, 2 * static_cast<std::int64_t>(kernel["total_ns"].number_or(-1)));
      ++names;
    }
    EXPECT_EQ(testing_support::union_ns(intake.activities[i]),
              2 * static_cast<std::int64_t>(device["gpu_busy_ns"].number_or(-1)));
  }
  std::printf("played 8 devices twice: %zu kernels of theirs equal\n", names);
}

}  // namespace
}  // namespace gpuvigil
