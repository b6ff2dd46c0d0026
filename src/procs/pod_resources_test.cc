// SPDX-License-Identifier: Apache-2.0
#include "procs/pod_resources.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gpuvigil {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A field that is a text or a message of less than 128 bytes.
std::string field(int number, const std::string& bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())} + bytes;
}

std::string pod(const std::string& name, const std::string& device) {
  const std::string container =
      field(1, "main") + field(2, field(1, "nvidia.com/gpu") + field(2, device) + field(2, "x::1"));
  return field(1, field(1, name) + field(2, "team-a") + field(3, container));
}

TEST(PodResources, NamesWhoHoldsWhat) {
  const auto holders = parse_pod_resources(pod("train-0", "GPU-1") + pod("serve", "GPU-1"));
  ASSERT_TRUE(holders);
  ASSERT_EQ(holders->size(), 4U);
  EXPECT_EQ(holders->at(0), (DeviceHolder{.device_id = "GPU-1",
                                          .resource = "nvidia.com/gpu",
                                          .pod_namespace = "team-a",
                                          .pod = "train-0",
                                          .container = "main"}));
  EXPECT_EQ(holders->at(3).pod, "serve");
  EXPECT_EQ(holders->at(3).device_id, "x::1");
}

TEST(PodResources, SkipsWhatItDoesNotKnow) {
  const std::string numbers = std::string("\x28\x96\x01", 3) +          // a number
                              std::string("\x31\0\0\0\0\0\0\0\0", 9) +  // eight bytes
                              std::string("\x3d\0\0\0\0", 5) + field(15, "what");
  const auto holders = parse_pod_resources(numbers + pod("a", "GPU-1") + numbers);
  ASSERT_TRUE(holders);
  EXPECT_EQ(holders->size(), 2U);
  EXPECT_THAT(*parse_pod_resources(""), IsEmpty());
}

TEST(PodResources, LeavesOutNamesThatAreNone) {
  EXPECT_THAT(*parse_pod_resources(pod("", "GPU-1")), IsEmpty());
  EXPECT_THAT(*parse_pod_resources(pod("a\x1b[31m", "GPU-1")), IsEmpty());
  const auto holders = parse_pod_resources(pod("a", ""));
  ASSERT_EQ(holders->size(), 1U);  // the other device of it
}

TEST(PodResources, WhatIsCutAnywhereIsRefusedOrWhole) {
  const std::string whole = pod("train-0", "GPU-1");
  for (std::size_t size = 1; size < whole.size(); ++size) {
    EXPECT_FALSE(parse_pod_resources(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(parse_pod_resources(std::string(11, '\xff')));
  EXPECT_FALSE(parse_pod_resources("\x0b"));  // groups, which no one uses
}

TEST(DeviceHolder, IsMeantByAnyNameOfADevice) {
  const DeviceInfo info{.uuid = "GPU-1", .name = {}, .pci_bus_id = "0000:3b:00.0", .source = {}};
  for (const char* id : {"GPU-1", "GPU-1::7", "0000:3b:00.0", "nvidia2", "nvidia2::0"}) {
    EXPECT_TRUE(is_device_id_of(id, info, 2)) << id;
  }
  for (const char* id : {"GPU-12", "GPU", "", "::1", "nvidia1", "nvidia"}) {
    EXPECT_FALSE(is_device_id_of(id, info, 2)) << id;
  }
  EXPECT_FALSE(is_device_id_of("nvidia2", info, std::nullopt));
  EXPECT_FALSE(is_device_id_of("", DeviceInfo{}, std::nullopt));
}

}  // namespace
}  // namespace gpuvigil
