// SPDX-License-Identifier: Apache-2.0
#include "collect/rocm_smi_backend.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "collect/drm_backend.h"

namespace gpuvigil {
namespace {

using testing::HasSubstr;

/// The fake library and the scenario that it plays; tests/doubles/rocm_smi/README.md.
class RocmSmiTest : public testing::Test {
 protected:
  RocmSmiTest()
      : path_(std::filesystem::temp_directory_path() /
              fmt::format("gpuvigil-rocm-smi-{}", ::getpid())) {
    ::setenv("GPUVIGIL_FAKE_ROCM_SMI", path_.c_str(), 1);
  }
  ~RocmSmiTest() override {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
    ::unsetenv("GPUVIGIL_FAKE_ROCM_SMI");
  }

  void play(const std::string& scenario) const {
    const std::string next = path_.string() + ".next";
    std::ofstream(next) << scenario;
    std::filesystem::rename(next, path_);
  }

  [[nodiscard]] static std::unique_ptr<RocmSmiBackend> backend(
      std::unique_ptr<Backend> kernel = nullptr, const char* library = FAKE_ROCM_SMI) {
    auto opened = RocmSmi::open(library);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::make_unique<RocmSmiBackend>(*opened, std::move(kernel));
  }

  /// One round, of the first device.
  [[nodiscard]] static DeviceSample first(RocmSmiBackend& backend) {
    const auto boards = backend.boards();
    EXPECT_TRUE(boards && !boards->empty());
    auto sample = backend.sample(boards->at(0).devices.at(0), Timestamp{});
    EXPECT_TRUE(sample);
    return *sample;
  }

  const std::filesystem::path path_;
};

constexpr std::string_view kCard = R"(driver 6.2.4
gpu 0 pci 0000:1e:00.0
gpu 0 unique_id 0x2150e7d042a1124
gpu 0 name Arcturus GL-XL
gpu 0 serial PCB123
gpu 0 vbios 113-D3430400-037
gpu 0 numa 1
gpu 0 busy 87
gpu 0 memory_busy 12
gpu 0 memory 34342961152 6782976
gpu 0 edge 31500 100000 105000
gpu 0 junction 34000
gpu 0 hbm 30000
gpu 0 power 39250000 0
gpu 0 power_cap 250000000 290000000 300000000 1000000
gpu 0 energy 2000000 15.3
gpu 0 fan 51 255
gpu 0 pcie_replays 3
gpu 0 bad_pages 2
gpu 0 compute_partition SPX
gpu 0 memory_partition NPS1
)";

TEST_F(RocmSmiTest, SaysWhatTheLibrarySays) {
  play(std::string(kCard));
  const auto rocm = backend();
  const auto boards = rocm->boards();
  ASSERT_TRUE(boards);
  const DeviceInfo info = boards->at(0).devices.at(0);
  EXPECT_EQ(info.uuid, "GPU-02150e7d042a1124");
  EXPECT_EQ(info.name, "Arcturus GL-XL");
  EXPECT_EQ(info.pci_bus_id, "0000:1e:00.0");
  EXPECT_EQ(info.source, "rocm");
  const DeviceSample sample = first(*rocm);
  EXPECT_EQ(sample.gpu_utilization, Percent(87));
  EXPECT_EQ(sample.memory_total, Bytes(34342961152));
  EXPECT_EQ(sample.memory_used, Bytes(6782976));
  EXPECT_EQ(sample.temperature, Celsius(31.5));
  EXPECT_EQ(sample.power, Watts(39.25));
  EXPECT_EQ(sample.power_limit, Watts(250));
  EXPECT_EQ(sample.health, Health::kOk);
  EXPECT_EQ(sample.sm_clock, missing(Missing::kUnsupported));
  const auto f = [&](MetricId id, double want) {
    EXPECT_DOUBLE_EQ(reading_of(sample, id).value_or(-1), want) << info_of(id).name;
  };
  f(MetricId::kMemoryCopyUtilization, 12);
  f(MetricId::kMemoryFree, 34342961152 - 6782976);
  f(MetricId::kHotspotTemperature, 34);
  f(MetricId::kMemoryTemperature, 30);
  f(MetricId::kSlowdownTemperature, 100);
  f(MetricId::kShutdownTemperature, 105);
  f(MetricId::kPowerAverage, 39.25);
  f(MetricId::kPowerLimitDefault, 290);
  f(MetricId::kPowerLimitMax, 300);
  f(MetricId::kPowerLimitMin, 1);
  f(MetricId::kFanSpeed, 20);
  f(MetricId::kPcieReplays, 3);
  f(MetricId::kRetiredPagesDoubleBit, 2);
  EXPECT_NEAR(reading_of(sample, MetricId::kEnergy).value_or(0), 30.6, 1e-4);
  ASSERT_TRUE(sample.inventory);
  EXPECT_EQ(sample.inventory->vendor, "AMD");
  EXPECT_EQ(sample.inventory->serial, "PCB123");
  EXPECT_EQ(sample.inventory->vbios, "113-D3430400-037");
  EXPECT_EQ(sample.inventory->driver_version, "6.2.4");
  EXPECT_EQ(sample.inventory->profile, "SPX/NPS1");
  EXPECT_EQ(sample.inventory->numa_node, 1);
}

TEST_F(RocmSmiTest, WhatIsNotToldIsAbsentWithItsReason) {
  play(
      "gpu 0 pci 0000:03:00.0\nfail 0 rsmi_dev_busy_percent_get 4\n"
      "fail 0 rsmi_dev_power_ave_get 14\nfail 0 rsmi_dev_power_get 14\n");
  const auto rocm = backend();
  const DeviceSample sample = first(*rocm);
  EXPECT_EQ(sample.gpu_utilization, missing(Missing::kNoPermission));
  EXPECT_EQ(sample.power, missing(Missing::kNotSampled));
  EXPECT_EQ(sample.temperature, missing(Missing::kUnsupported));
  EXPECT_EQ(sample.memory_total, missing(Missing::kUnsupported));
  EXPECT_EQ(reading_of(sample, MetricId::kEnergy), missing(Missing::kUnsupported));
  EXPECT_EQ(sample.inventory->serial, "");
  EXPECT_EQ(rocm->boards()->at(0).devices.at(0).uuid, "PCI-0000:03:00.0");
}

TEST_F(RocmSmiTest, AnOldReleaseLacksFunctionsAndIsReadAllTheSame) {
  play(std::string(kCard));
  const auto rocm = backend(nullptr, FAKE_ROCM_SMI_OLD);
  const DeviceSample sample = first(*rocm);
  EXPECT_EQ(sample.power, Watts(39.25));
  EXPECT_EQ(reading_of(sample, MetricId::kEnergy), missing(Missing::kUnsupported));
  EXPECT_EQ(reading_of(sample, MetricId::kPowerLimitDefault), missing(Missing::kUnsupported));
  EXPECT_EQ(sample.inventory->profile, "");
}

TEST_F(RocmSmiTest, ErrorsAreSummedAndNamedByTheirBlock) {
  play(std::string(kCard) +
       "gpu 0 ecc_umc 5 0\ngpu 0 ecc_gfx 1 2\ngpu 0 ecc_sdma 7 7\n"
       "gpu 0 ecc_enabled 5\ngpu 0 xgmi_errors 2\n");
  const auto rocm = backend();
  const DeviceSample sample = first(*rocm);
  EXPECT_EQ(reading_of(sample, MetricId::kEccCorrectedVolatile), 6);
  EXPECT_EQ(reading_of(sample, MetricId::kEccUncorrectedVolatile), 2);
  EXPECT_EQ(sample.health, Health::kDegraded);
  const auto& findings = (*sample.details)->findings;
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].code, "ecc_uncorrected_gfx");
  EXPECT_THAT(findings[0].detail, HasSubstr("2 uncorrected errors in gfx"));
  EXPECT_EQ(findings[1].code, "xgmi_errors");
  EXPECT_EQ(sample.inventory->ecc_enabled, true);
}

TEST_F(RocmSmiTest, LinksOfXgmiAreToldAndThoseOfPcieAreNot) {
  play(
      "gpu 0 pci 0000:01:00.0\ngpu 1 pci 0000:02:00.0\ngpu 2 pci 0000:03:00.0\n"
      "gpu 0 links 0 2 1\n");
  const auto rocm = backend();
  const auto links = (*first(*rocm).details)->links;
  ASSERT_EQ(links.size(), 1U);
  EXPECT_EQ(links[0].remote_pci_bus_id, "0000:02:00.0");
  EXPECT_EQ(links[0].remote_type, "gpu");
}

TEST_F(RocmSmiTest, PartitionsOfOneCardAreDevicesOfTheirOwn) {
  play(
      "gpu 0 pci 0000:01:00.0\ngpu 0 unique_id 0x7\ngpu 1 pci 0000:01:00.0\ngpu 1 unique_id 0x7\n");
  const auto rocm = backend();
  const auto boards = rocm->boards();
  ASSERT_EQ(boards->size(), 2U);
  EXPECT_EQ(boards->at(0).devices[0].uuid, "GPU-0000000000000007");
  EXPECT_EQ(boards->at(1).devices[0].uuid, "GPU-0000000000000007-1");
}

/// What the kernel's files say, as far as a test needs it.
class Files final : public Backend {
 public:
  Result<std::vector<Board>> boards() override {
    return std::vector<Board>{{.devices = {{.uuid = "x", .pci_bus_id = "0000:1e:00.0"}}}};
  }
  Result<DeviceSample> sample(const DeviceInfo&, Timestamp now) override {
    DeviceSample sample = absent_sample(Missing::kUnsupported, now);
    sample.sm_clock = Megahertz(1502);
    sample.power = Watts(1);
    sample.processes = 4;
    sample.temperature = Celsius(44);
    auto details = std::make_shared<DeviceDetails>();
    details->metrics[MetricId::kHotspotTemperature] = 50;
    sample.details = std::move(details);
    auto inventory = std::make_shared<DeviceInventory>();
    inventory->architecture = "gfx908";
    inventory->serial = "from a file";
    sample.inventory = std::move(inventory);
    return sample;
  }
};

TEST_F(RocmSmiTest, WhatTheFilesSayStaysWhereTheLibrarySaysNothing) {
  play("gpu 0 pci 0000:1e:00.0\ngpu 0 power 39000000 1\n");
  const auto rocm = backend(std::make_unique<Files>());
  const DeviceSample sample = first(*rocm);
  EXPECT_EQ(sample.sm_clock, Megahertz(1502));
  EXPECT_EQ(sample.processes, 4U);
  EXPECT_EQ(sample.temperature, Celsius(44));
  EXPECT_EQ(reading_of(sample, MetricId::kHotspotTemperature), 50);
  EXPECT_EQ(sample.power, Watts(39));
  EXPECT_EQ(reading_of(sample, MetricId::kPowerInstant), 39);
  EXPECT_EQ(sample.inventory->architecture, "gfx908");
  EXPECT_EQ(sample.inventory->serial, "from a file");
}

TEST_F(RocmSmiTest, ACardThatIsGoneIsNotFound) {
  play(std::string(kCard));
  const auto rocm = backend();
  const DeviceInfo info = rocm->boards()->at(0).devices.at(0);
  play("gpu 0 removed x\n");
  EXPECT_EQ(rocm->boards()->size(), 0U);
  EXPECT_EQ(rocm->sample(info, Timestamp{}).error().code, Errc::kNotFound);
}

TEST_F(RocmSmiTest, WhyItCannotBeOpenedIsTold) {
  const auto f = [&](const std::string& scenario, Errc code, std::string_view words) {
    play(scenario);
    const auto opened = RocmSmiBackend::open({.rocm_smi_library = FAKE_ROCM_SMI});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, code);
    EXPECT_THAT(opened.error().message, HasSubstr(std::string(words)));
  };
  f("fail rsmi_init 8\n", Errc::kUnavailable, "amdgpu");
  f("fail rsmi_init 4\n", Errc::kPermission, "refuses");
  f("driver 6\n", Errc::kUnavailable, "no device");
  f("fail rsmi_num_monitor_devices 99\n", Errc::kIo, "failed");
  EXPECT_EQ(RocmSmi::open("/nonexistent.so").error().code, Errc::kUnavailable);
  EXPECT_THAT(RocmSmi::open("libc.so.6").error().message, HasSubstr("not librocm_smi64"));
}

TEST_F(RocmSmiTest, ALibraryThatFailsBetweenIsAnError) {
  play(std::string(kCard));
  const auto rocm = backend();
  play(std::string(kCard) + "fail 0 rsmi_dev_pci_id_get 3\n");
  EXPECT_EQ(rocm->boards().error().code, Errc::kUnavailable);
}

TEST(RsmiPlace, IsUnpackedWithoutItsPartition) {
  const RsmiPlace place = unpack_place(0x0001'0000'3000'1E0AU);
  EXPECT_EQ(place.domain, 0x10000U);
  EXPECT_EQ(place.bus, 0x1EU);
  EXPECT_EQ(place.device, 1U);
  EXPECT_EQ(place.function, 2U);
}

}  // namespace
}  // namespace gpuvigil
