// SPDX-License-Identifier: Apache-2.0
#include "collect/nvml_backend.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "collect/sample_report.h"
#include "collect/testing_driver.h"
#include "collect/testing_nvml.h"

namespace gpuvigil {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::FakeNvml;
using testing::kNoon;
using testing::kWholeGpu;

/// A divided H100: the GPU and two parts of it.
constexpr std::string_view kDivided = R"(
gpu 0 mig 1
gpu 0 mig_most 7
gpu 0 without utilization encoder decoder jpeg ofa
gpu 0 gpm 1
gpu 0 no_processes
mig 0 0 uuid MIG-00000000-aaaa
mig 0 0 name NVIDIA H100 80GB HBM3 MIG 3g.40gb
mig 0 0 gpu_instance 2
mig 0 0 compute_instance 0
mig 0 0 memory 42412802048 0 11629756416
mig 0 0 attributes 60 3 3 0 3 0 3 3 40448
mig 0 0 gpm_2 71.5
mig 0 3 uuid MIG-00000000-bbbb
mig 0 3 name NVIDIA H100 80GB HBM3 MIG 1g.10gb
mig 0 3 gpu_instance 9
mig 0 3 compute_instance 0
mig 0 3 memory 10468982784 0 9437184
process 0 c 21180 2407530496 2 0
process 0 c 21198 7847542784 2 0
)";

class NvmlBackendTest : public ::testing::Test {
 protected:
  void play(std::string_view more = {}) {
    const std::string scenario = std::string(kWholeGpu) + std::string(more);
    if (fake_) {
      fake_->play(scenario);
    } else {
      fake_ = std::make_unique<FakeNvml>(scenario);
    }
    if (!backend_) {
      auto opened = NvmlBackend::open({.nvml_library = fake_->library()});
      ASSERT_TRUE(opened.has_value()) << opened.error().message;
      backend_ = *std::move(opened);
    }
  }

  std::vector<Board> boards() {
    auto boards = backend_->boards();
    EXPECT_TRUE(boards.has_value()) << boards.error().message;
    return boards.value_or(std::vector<Board>());
  }

  /// Of the device of that number on the first board; a second later each time.
  Result<DeviceSample> sample(std::size_t device = 0) {
    const auto listed = boards();
    clock_.advance(seconds(1));
    return backend_->sample(listed.at(0).devices.at(device), clock_.now());
  }

  std::unique_ptr<FakeNvml> fake_;
  ManualClock clock_{kNoon};
  std::unique_ptr<Backend> backend_;
};

TEST_F(NvmlBackendTest, SaysWhatTheLibrarySaysInOurUnits) {
  play();
  const auto listed = boards();
  ASSERT_EQ(listed.size(), 1U);
  const DeviceInfo& info = listed[0].devices.at(0);
  EXPECT_EQ(info.uuid, "GPU-11111111-2222-3333-4444-555555555555");
  EXPECT_EQ(info.name, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(info.pci_bus_id, "0000:00:09.0");
  EXPECT_EQ(info.source, "nvml");
  const auto said = sample();
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->health, Health::kOk);
  EXPECT_EQ(said->gpu_utilization, Percent(87));
  EXPECT_EQ(said->memory_total, Bytes(85520809984));
  EXPECT_EQ(said->memory_used, Bytes(20780679168 + 502267904));
  EXPECT_EQ(said->temperature, Celsius(59));
  EXPECT_EQ(said->power, Watts(629.45));
  EXPECT_EQ(said->power_limit, Watts(700));
  EXPECT_EQ(said->sm_clock, Megahertz(1965));
  EXPECT_EQ(said->memory_clock, Megahertz(2619));
  EXPECT_EQ(said->throttle_reasons, kThrottleSwPowerCap);
  EXPECT_EQ(said->processes, 3U);
  const auto f = [&](MetricId id, double want) {
    ASSERT_TRUE(reading_of(*said, id).has_value()) << info_of(id).name;
    EXPECT_NEAR(*reading_of(*said, id), want, 1e-9 * std::max(1.0, want)) << info_of(id).name;
  };
  using enum MetricId;
  f(kMemoryCopyUtilization, 40);
  f(kEncoderUtilization, 1);
  f(kOpticalFlowUtilization, 4);
  f(kMemoryReserved, 502267904);
  f(kBar1Used, 20781727744);
  f(kMemoryTemperature, 55);
  f(kSlowdownTemperature, 90);
  f(kShutdownTemperature, 95);
  f(kPowerInstant, 588.39);
  f(kPowerLimitEnforced, 700);
  f(kPowerLimitMin, 200);
  f(kGraphicsClock, 1980);
  f(kVideoClockMax, 1545);
  f(kPerformanceState, 0);
  f(kFanSpeed, 30);
  f(kEccCorrectedVolatile, 1);
  f(kPcieGeneration, 5);
  f(kPcieWidthMax, 16);
  f(kPcieReplays, 9);
  EXPECT_EQ(reading_of(*said, kNvlinkSent).error(), Missing::kUnsupported);
  EXPECT_EQ(reading_of(*said, kHotspotTemperature).error(), Missing::kUnsupported);
  EXPECT_EQ(reading_of(*said, kSmActive).error(), Missing::kUnsupported);
}

TEST_F(NvmlBackendTest, KnowsWhatTheDeviceIs) {
  play();
  const auto said = sample();
  ASSERT_TRUE(said && said->inventory);
  const DeviceInventory& inventory = *said->inventory;
  EXPECT_EQ(inventory.vendor, "NVIDIA");
  EXPECT_EQ(inventory.architecture, "Hopper");
  EXPECT_EQ(inventory.compute_capability, "9.0");
  EXPECT_EQ(inventory.serial, "1650522003820");
  EXPECT_EQ(inventory.vbios, "96.00.A5.00.01");
  EXPECT_EQ(inventory.driver_version, "590.48.01");
  EXPECT_EQ(inventory.runtime_version, "CUDA 13.1");
  EXPECT_EQ(inventory.minor_number, 0U);
  EXPECT_EQ(inventory.compute_mode, "default");
  EXPECT_EQ(inventory.persistence_mode, true);
  EXPECT_EQ(inventory.ecc_enabled, true);
  EXPECT_EQ(inventory.mig_enabled, false);
  EXPECT_EQ(sample()->inventory, said->inventory);  // the same object while nothing changes
}

TEST_F(NvmlBackendTest, KnowsWhoUsesTheDevice) {
  play("process 0 g 11345 16451108864\nprocess 0 c 4000 none\n");
  const auto said = sample();
  ASSERT_TRUE(said && said->details);
  const auto& processes = (*said->details)->processes;
  ASSERT_TRUE(processes.has_value());
  ASSERT_EQ(processes->size(), 4U);
  EXPECT_EQ((*processes)[0].pid, 2165U);
  EXPECT_EQ((*processes)[0].type, DeviceProcess::Type::kGraphics);
  EXPECT_EQ((*processes)[0].sm_utilization.error(), Missing::kNotSampled);
  EXPECT_EQ((*processes)[1].memory.error(), Missing::kUnsupported);
  EXPECT_EQ((*processes)[3].pid, 11345U);
  EXPECT_EQ((*processes)[3].type, DeviceProcess::Type::kBoth);
  EXPECT_EQ((*processes)[3].memory, Bytes(16451108864));
  EXPECT_EQ((*processes)[3].sm_utilization, Percent(85));
}

TEST_F(NvmlBackendTest, ReadsLongRecordsOfProcessesAsWell) {
  play("process_bytes 32\n");
  const auto said = sample();
  ASSERT_TRUE(said && said->details && (*said->details)->processes);
  ASSERT_EQ((*said->details)->processes->size(), 3U);
  EXPECT_EQ((*(*said->details)->processes)[1].memory, Bytes(2690646016));
  EXPECT_EQ((*(*said->details)->processes)[2].memory, Bytes(16451108864));
}

TEST_F(NvmlBackendTest, WhatIsNotSupportedIsNotAskedEverySecond) {
  play("gpu 0 without fan encoder\n");
  EXPECT_EQ(reading_of(*sample(), MetricId::kFanSpeed).error(), Missing::kUnsupported);
  const auto asked = fake_->calls("nvmlDeviceGetFanSpeed");
  const auto supported = fake_->calls("nvmlDeviceGetPowerUsage");
  for (int second = 0; second < 50; ++second) {
    EXPECT_EQ(reading_of(*sample(), MetricId::kFanSpeed).error(), Missing::kUnsupported);
  }
  EXPECT_EQ(fake_->calls("nvmlDeviceGetFanSpeed"), asked);
  EXPECT_EQ(fake_->calls("nvmlDeviceGetPowerUsage"), supported + 50);
  play();
  clock_.advance(minutes(2));
  EXPECT_EQ(reading_of(*sample(), MetricId::kFanSpeed), 30.0);
}

TEST_F(NvmlBackendTest, ARoundTakesFewCalls) {
  play("gpu 0 gpm 1\ngpu 0 gpm_2 50\n");
  for (int second = 0; second < 3; ++second) (void)sample();
  const auto before = fake_->calls();
  constexpr int kRounds = 20;  // no slow question falls into them
  for (int second = 0; second < kRounds; ++second) (void)sample();
  // docs/benchmarks.md says how many they are: 6 to list the device, 30 to read it.
  EXPECT_EQ((fake_->calls() - before) / kRounds, 36U);
}

TEST_F(NvmlBackendTest, NeverAsksWhatBlocks) {
  play();
  for (int second = 0; second < 40; ++second) (void)sample();
  EXPECT_EQ(fake_->calls("nvmlDeviceGetPcieThroughput"), 0U);
}

TEST_F(NvmlBackendTest, AReasonStandsWhereAReadingDoesNot) {
  const auto f = [this](int code, Missing want) {
    play("gpu 0 power !" + std::to_string(code) + "\n");
    clock_.advance(std::chrono::hours(2));
    const auto said = sample();
    ASSERT_TRUE(said.has_value());
    EXPECT_EQ(said->power.error(), want);
    EXPECT_EQ(said->temperature, Celsius(59));
  };
  f(kNvmlNoPermission, Missing::kNoPermission);
  f(kNvmlNotSupported, Missing::kUnsupported);
  f(kNvmlUnknown, Missing::kDriverError);
  f(kNvmlNotReady, Missing::kNotSampled);
}

TEST_F(NvmlBackendTest, ALostGpuIsAnErrorAndIsListedNoMore) {
  play();
  const auto listed = boards();
  play("gpu 0 lost\n");
  const auto said = backend_->sample(listed[0].devices[0], clock_.now());
  ASSERT_FALSE(said.has_value());
  EXPECT_EQ(said.error().code, Errc::kNotFound);
  EXPECT_TRUE(boards().empty());
  EXPECT_EQ(backend_->sample(listed[0].devices[0], clock_.now()).error().code, Errc::kNotFound);
  play("gpu 0 lost\ngpu 0 back\n");
  EXPECT_EQ(sample()->power, Watts(629.45));
}

TEST_F(NvmlBackendTest, ADriverThatIsGoneEndsTheBackend) {
  const auto f = [this](int code) {
    play("fail nvmlDeviceGetCount_v2 " + std::to_string(code) + "\n");
    const auto listed = backend_->boards();
    ASSERT_FALSE(listed.has_value());
    EXPECT_EQ(listed.error().code, Errc::kUnavailable);
  };
  play();
  f(kNvmlVersionMismatch);
  f(kNvmlUninitialized);
  f(kNvmlDriverNotLoaded);
  backend_.reset();
  EXPECT_EQ(fake_->opened(), 0);
}

TEST_F(NvmlBackendTest, ARefusedGpuIsAnErrorOnlyWhenThereIsNoOther) {
  play("fail 0 nvmlDeviceGetHandleByIndex_v2 4\n");
  ASSERT_FALSE(backend_->boards().has_value());
  EXPECT_EQ(backend_->boards().error().code, Errc::kPermission);
  play("fail 0 nvmlDeviceGetHandleByIndex_v2 4\ngpu 1 uuid GPU-b\n");
  ASSERT_EQ(boards().size(), 1U);
  EXPECT_EQ(boards()[0].devices[0].uuid, "GPU-b");
}

TEST_F(NvmlBackendTest, WhoADeviceIsFollowsFromItsUuid) {
  play("gpu 1 uuid GPU-b\ngpu 1 power 100000\n");
  const auto before = boards();
  ASSERT_EQ(before.size(), 2U);
  // The first falls out of the list, and the second takes its index.
  play("gpu 0 removed\ngpu 1 uuid GPU-b\ngpu 1 power 100000\n");
  ASSERT_EQ(boards().size(), 1U);
  EXPECT_EQ(backend_->sample(before[1].devices[0], clock_.now())->power, Watts(100));
  EXPECT_EQ(backend_->sample(before[0].devices[0], clock_.now()).error().code, Errc::kNotFound);
}

TEST_F(NvmlBackendTest, ADividedGpuIsOneBoardWithItsParts) {
  play(kDivided);
  const auto listed = boards();
  ASSERT_EQ(listed.size(), 1U);
  ASSERT_EQ(listed[0].devices.size(), 3U);
  EXPECT_EQ(listed[0].devices[1].uuid, "MIG-00000000-aaaa");
  EXPECT_EQ(listed[0].devices[2].uuid, "MIG-00000000-bbbb");
  EXPECT_EQ(listed[0].devices[1].pci_bus_id, "0000:00:09.0");
  const auto whole = sample(0);
  EXPECT_EQ(whole->gpu_utilization.error(), Missing::kUnsupported);
  EXPECT_EQ(whole->inventory->mig_enabled, true);
  EXPECT_EQ(whole->processes, 2U);
  (void)sample(1);
  const auto part = sample(1);
  EXPECT_EQ(part->memory_total, Bytes(42412802048));
  EXPECT_EQ(part->memory_used, Bytes(11629756416));
  EXPECT_EQ(part->gpu_utilization.error(), Missing::kUnsupported);
  EXPECT_EQ(reading_of(*part, MetricId::kSmActive), 71.5);
  EXPECT_EQ(part->processes, 2U);
  EXPECT_EQ(sample(2)->processes, 0U);
  EXPECT_EQ(part->inventory->parent_uuid, listed[0].devices[0].uuid);
  EXPECT_EQ(part->inventory->profile, "3g.40gb");
  EXPECT_EQ(part->inventory->gpu_instance, 2U);
  EXPECT_EQ(part->inventory->multiprocessors, 60U);
  play();  // and it is whole again
  EXPECT_EQ(boards()[0].devices.size(), 1U);
  EXPECT_EQ(sample()->gpu_utilization, Percent(87));
}

TEST_F(NvmlBackendTest, ThePerformanceMonitorNeedsTwoSamplesThatAreApart) {
  play("gpu 0 gpm 1\ngpu 0 gpm_2 55.5\ngpu 0 gpm_3 20\ngpu 0 gpm_5 12.25\n");
  EXPECT_EQ(reading_of(*sample(), MetricId::kSmActive).error(), Missing::kNotSampled);
  const auto said = sample();
  EXPECT_EQ(reading_of(*said, MetricId::kSmActive), 55.5);
  EXPECT_EQ(reading_of(*said, MetricId::kSmOccupancy), 20.0);
  EXPECT_EQ(reading_of(*said, MetricId::kTensorActive), 12.25);
  EXPECT_EQ(reading_of(*said, MetricId::kDramActive).error(), Missing::kUnsupported);
  const DeviceInfo device = boards()[0].devices[0];
  clock_.advance(milliseconds(50));
  (void)backend_->sample(device, clock_.now());
  clock_.advance(milliseconds(50));
  EXPECT_EQ(reading_of(*backend_->sample(device, clock_.now()), MetricId::kSmActive), 55.5);
}

TEST_F(NvmlBackendTest, CountersThatWrapGoOnGrowing) {
  play("gpu 0 field_197 u64 4294967000\n");
  EXPECT_EQ(reading_of(*sample(), MetricId::kPcieSent), 4294967000.0);
  play("gpu 0 field_197 u64 704\n");
  EXPECT_EQ(reading_of(*sample(), MetricId::kPcieSent), 4294968000.0);
}

TEST_F(NvmlBackendTest, GarbageIsNeverShownAndAlwaysCounted) {
  play();
  (void)boards();
  const DeviceInfo device = boards()[0].devices[0];
  std::uint64_t refused = 0;
  for (int seed = 0; seed < 300; ++seed) {
    play("garbage " + std::to_string(seed) + "\n");
    clock_.advance(seconds(31));
    auto said = backend_->sample(device, clock_.now());
    ASSERT_TRUE(said.has_value()) << said.error().message;
    refused += refuse_nonsense(*said);
    const auto f = [](const auto& reading, double least, double most) {
      if (!reading) return;
      EXPECT_GE(static_cast<double>(reading->count()), least);
      EXPECT_LE(static_cast<double>(reading->count()), most);
    };
    f(said->gpu_utilization, 0, 100);
    f(said->temperature, -60, 200);
    f(said->power, 0, 20000);
    f(said->sm_clock, 0, 20000);
    f(said->memory_used, 0, 1125899906842624.0);
    for (const DeviceMetric& metric : kDeviceMetrics) {
      const auto reading = reading_of(*said, metric.id);
      if (!reading) continue;
      EXPECT_LE(*reading, metric.max) << metric.name;
      EXPECT_GE(*reading, metric.unit == Unit::kCelsius ? -60 : 0) << metric.name;
    }
  }
  EXPECT_GT(refused, 1000U);
}

TEST_F(NvmlBackendTest, TellsOfXidsAndRemembersThoseThatMatter) {
  play("event 0 8 13\nevent 0 8 79\nevent 0 1 0\nevent 0 8 4711\n");
  const DeviceInfo device = boards()[0].devices[0];
  EXPECT_TRUE(backend_->has_events());
  const auto events = backend_->wait_for_events(seconds(1), clock_);
  ASSERT_TRUE(events.has_value());
  ASSERT_EQ(events->size(), 4U);
  EXPECT_EQ((*events)[0].uuid, device.uuid);
  EXPECT_EQ((*events)[0].kind, "xid");
  EXPECT_EQ((*events)[0].code, 13U);
  EXPECT_EQ((*events)[0].severity, EventSeverity::kWarning);
  EXPECT_EQ((*events)[1].severity, EventSeverity::kCritical);
  EXPECT_FALSE((*events)[1].advice.empty());
  EXPECT_EQ((*events)[2].kind, "ecc_corrected");
  EXPECT_EQ((*events)[3].code, 4711U);
  const auto said = backend_->sample(device, clock_.now());
  EXPECT_EQ(said->health, Health::kFailed);
  ASSERT_EQ((*said->details)->findings.size(), 1U);  // 13 is about a program
  EXPECT_EQ((*said->details)->findings[0].code, "xid_79");
}

TEST_F(NvmlBackendTest, ADriverWithoutEventsIsAnError) {
  play("fail nvmlEventSetWait_v2 999\n");
  EXPECT_FALSE(backend_->wait_for_events(milliseconds(1), clock_).has_value());
}

TEST_F(NvmlBackendTest, AnOldDriverGivesWhatItHas) {
  fake_ = std::make_unique<FakeNvml>(std::string(kWholeGpu), FAKE_NVML_OLD);
  auto opened = NvmlBackend::open({.nvml_library = fake_->library()});
  ASSERT_TRUE(opened.has_value());
  backend_ = *std::move(opened);
  EXPECT_FALSE(backend_->has_events());
  auto said = sample();
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->gpu_utilization, Percent(87));
  EXPECT_EQ(said->memory_used, Bytes(20780679168 + 502267904));
  EXPECT_EQ(said->temperature, Celsius(59));
  EXPECT_EQ(said->throttle_reasons, kThrottleSwPowerCap);
  EXPECT_EQ(said->processes.error(), Missing::kUnsupported);
  // Which only the newer call tells: absent, and no nonsense.
  EXPECT_EQ(reading_of(*said, MetricId::kMemoryReserved).error(), Missing::kUnsupported);
  EXPECT_EQ(refuse_nonsense(*said), 0U);
  EXPECT_EQ(reading_of(*said, MetricId::kMemoryTemperature).error(), Missing::kUnsupported);
}

}  // namespace
}  // namespace gpuvigil
