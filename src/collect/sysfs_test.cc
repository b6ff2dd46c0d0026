// SPDX-License-Identifier: Apache-2.0
#include "collect/sysfs.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/testing_tree.h"
#include "collect/device_owners.h"

namespace gpuvigil {
namespace {

TEST(Sysfs, ReadsNumbersAndLines) {
  const testing::Tree tree;
  tree.write("n", "-1\n");
  tree.write("line", "  113-D3430400-037 \nmore\n");
  EXPECT_EQ(read_sysfs_number(tree.path("n")), -1);
  EXPECT_EQ(read_sysfs_line(tree.path("line")), "113-D3430400-037");
}

TEST(Sysfs, SaysWhyThereIsNothing) {
  const testing::Tree tree;
  tree.write("text", "full\n");
  tree.write("empty", "");
  tree.write("folder/x", "");
  tree.write("huge", "99999999999999999999\n");
  const auto f = [&](const std::string& name, Missing why) {
    const auto got = read_sysfs_number(tree.path(name));
    ASSERT_FALSE(got) << name;
    EXPECT_EQ(got.error(), why) << name;
  };
  f("nothing", Missing::kUnsupported);
  f("text", Missing::kDriverError);
  f("empty", Missing::kDriverError);
  f("huge", Missing::kDriverError);
  f("folder", Missing::kDriverError);
  EXPECT_EQ(read_sysfs_line(tree.path("nothing")), "");
}

TEST(Sysfs, ReadsNoMoreThanItsLimit) {
  const testing::Tree tree;
  tree.write("long", std::string(3 * kMaxSysfsBytes, 'x'));
  EXPECT_EQ(read_sysfs(tree.path("long"))->size(), kMaxSysfsBytes);
}

TEST(Sysfs, FindsTheValuesOfAnEvent) {
  constexpr std::string_view kText =
      "DRIVER=amdgpu\nPCI_ID=1002:738C\nPCI_SLOT_NAME=0000:1e:00.0\n";
  EXPECT_EQ(uevent_value(kText, "DRIVER"), "amdgpu");
  EXPECT_EQ(uevent_value(kText, "PCI_SLOT_NAME"), "0000:1e:00.0");
  EXPECT_EQ(uevent_value(kText, "PCI"), "");
}

TEST(DpmTable, TellsTheClockWithTheStarAndTheHighest) {
  const auto f = [](std::string_view table, std::optional<std::uint32_t> now,
                    std::optional<std::uint32_t> most) {
    EXPECT_EQ(current_dpm_megahertz(table), now) << table;
    EXPECT_EQ(highest_dpm_megahertz(table), most) << table;
  };
  f("0: 300Mhz\n1: 1000Mhz *\n2: 1502Mhz\n", 1000, 1502);
  f("S: 19Mhz *\n0: 500Mhz\n1: 2124Mhz\n", 19, 2124);
  f("0: 0Mhz *\n", 0, 0);
  f("0: 300Mhz\n", std::nullopt, 300);
  f("", std::nullopt, std::nullopt);
  f("0: 8.0GT/s, x16 619Mhz *\n", std::nullopt, std::nullopt);
  f("0: x *\n", std::nullopt, std::nullopt);
}

TEST(PciBusId, IsOneHoweverItIsWritten) {
  const auto f = [](std::string_view text, std::string_view want) {
    EXPECT_EQ(normal_pci_bus_id(text), want) << text;
  };
  f("00000000:3B:00.0", "0000:3b:00.0");
  f("0000:3b:00.0", "0000:3b:00.0");
  f("3B:00.0", "0000:3b:00.0");
  f("00010000:01:1F.7", "10000:01:1f.7");
  for (const std::string_view text :
       {"", ":", ".", "0000:3b:00", "0000:3b:20.0", "0000:3b:00.8", "0000:100:00.0", "x:3b:00.0",
        "0000::00.0", "DEMO", "0000:3b:00.0 "}) {
    f(text, "");
  }
}

RC_GTEST_PROP(PciBusId, OfANormalOneIsItself, (const std::string& text)) {
  const std::string once = normal_pci_bus_id(text);
  RC_ASSERT(normal_pci_bus_id(once) == once);
}

TEST(PcieGeneration, FollowsFromTheSpeed) {
  EXPECT_EQ(pcie_generation("2.5 GT/s PCIe"), 1U);
  EXPECT_EQ(pcie_generation("16.0 GT/s PCIe"), 4U);
  EXPECT_EQ(pcie_generation("32 GT/s"), 5U);
  EXPECT_EQ(pcie_generation("Unknown"), std::nullopt);
  EXPECT_EQ(pcie_generation(""), std::nullopt);
}

SampleReport report_of(std::string backend, std::vector<std::pair<std::string, Health>> devices) {
  SampleReport report;
  report.backend = std::move(backend);
  for (auto& [place, health] : devices) {
    DeviceInfo info{.uuid = {}, .name = {}, .pci_bus_id = std::move(place), .source = {}};
    DeviceSample sample;
    sample.health = health;
    report.devices.push_back({std::make_shared<DeviceInfo>(std::move(info)), sample});
  }
  return report;
}

TEST(DeviceOwners, ADeviceIsToldByTheFirstWhoKnowsIt) {
  const auto first = report_of("nvml", {{"00000000:3B:00.0", Health::kOk}});
  const auto second =
      report_of("drm", {{"0000:3b:00.0", Health::kOk}, {"0000:5e:00.0", Health::kOk}});
  DeviceOwners owners;
  owners.add(first);
  owners.add(second);
  EXPECT_TRUE(owners.is_for(*first.devices[0].info, first));
  EXPECT_FALSE(owners.is_for(*second.devices[0].info, second));
  EXPECT_TRUE(owners.is_for(*second.devices[1].info, second));
}

TEST(DeviceOwners, PartsOfADeviceShareItsPlaceWithinTheirBackend) {
  const auto report =
      report_of("nvml", {{"0000:3b:00.0", Health::kOk}, {"0000:3b:00.0", Health::kOk}});
  DeviceOwners owners;
  owners.add(report);
  EXPECT_TRUE(owners.is_for(*report.devices[1].info, report));
}

TEST(DeviceOwners, WhatIsLostToOneIsToldByTheNext) {
  const auto first = report_of("rocm_smi", {{"0000:3b:00.0", Health::kLost}});
  const auto second = report_of("drm", {{"0000:3b:00.0", Health::kOk}});
  DeviceOwners owners;
  owners.add(first);
  owners.add(second);
  EXPECT_TRUE(owners.is_for(*second.devices[0].info, second));
}

TEST(DeviceOwners, DevicesWithoutAPlaceAreEverybodysOwn) {
  const auto first = report_of("demo", {{"", Health::kOk}});
  const auto second = report_of("drm", {{"", Health::kOk}});
  DeviceOwners owners;
  owners.add(first);
  owners.add(second);
  EXPECT_TRUE(owners.is_for(*first.devices[0].info, first));
  EXPECT_TRUE(owners.is_for(*second.devices[0].info, second));
}

}  // namespace
}  // namespace gpuvigil
