// SPDX-License-Identifier: Apache-2.0
#include "collect/fdinfo.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

const DrmUsage::Engine* engine(const DrmUsage& usage, std::string_view name) {
  for (const auto& one : usage.engines) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

TEST(Fdinfo, OfAmdgpu) {
  const auto usage = parse_fdinfo(
      "pos:\t0\nflags:\t02100002\nmnt_id:\t26\nino:\t1049\ndrm-driver:\tamdgpu\n"
      "drm-client-id:\t57\ndrm-pdev:\t0000:03:00.0\npasid:\t32770\ndrm-memory-vram:\t2048 KiB\n"
      "drm-memory-gtt: \t128 KiB\ndrm-memory-cpu: \t64 KiB\ndrm-engine-gfx:\t1500000 ns\n"
      "drm-engine-compute:\t7 ns\ndrm-engine-enc:\t9 ns\n");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->driver, "amdgpu");
  EXPECT_EQ(usage->client, 57U);
  EXPECT_EQ(usage->pci_bus_id, "0000:03:00.0");
  EXPECT_EQ(usage->memory_bytes, 2048U * 1024U);
  ASSERT_EQ(usage->engines.size(), 3U);
  EXPECT_EQ(engine(*usage, "gfx")->busy_ns, 1'500'000U);
  EXPECT_EQ(engine(*usage, "compute")->busy_ns, 7U);
}

TEST(Fdinfo, OfI915WithSeveralEnginesOfAKind) {
  const auto usage = parse_fdinfo(
      "drm-driver: i915\ndrm-pdev: 0000:00:02.0\ndrm-client-id: 7\ndrm-total-system0: 64 MiB\n"
      "drm-total-local0: 3 MiB\ndrm-resident-local0: 2 MiB\ndrm-engine-render: 9288864723 ns\n"
      "drm-engine-video: 5 ns\ndrm-engine-capacity-video: 2\n");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->memory_bytes, 2U << 20U);  // what is there, not what was asked for
  EXPECT_EQ(engine(*usage, "render")->busy_ns, 9'288'864'723U);
  EXPECT_EQ(engine(*usage, "video")->capacity, 2U);
}

TEST(Fdinfo, OfXeCountsCycles) {
  const auto usage = parse_fdinfo(
      "drm-driver:\txe\ndrm-client-id:\t3\ndrm-pdev:\t0000:03:00.0\ndrm-total-vram0:\t4 MiB\n"
      "drm-cycles-rcs:\t28257900\ndrm-total-cycles-rcs:\t7655183225\ndrm-engine-capacity-ccs:"
      "\t4\n");
  ASSERT_TRUE(usage);
  EXPECT_EQ(engine(*usage, "rcs")->cycles, 28'257'900U);
  EXPECT_EQ(engine(*usage, "rcs")->total_cycles, 7'655'183'225U);
  EXPECT_EQ(engine(*usage, "rcs")->busy_ns, std::nullopt);
  EXPECT_EQ(engine(*usage, "ccs")->capacity, 4U);
  EXPECT_EQ(usage->memory_bytes, 4U << 20U);
}

TEST(Fdinfo, MemoryOfTheHostIsNotTheDevices) {
  const auto usage = parse_fdinfo(
      "drm-pdev: 0000:00:02.0\ndrm-client-id: 7\ndrm-resident-system0: 64 MiB\n"
      "drm-memory-gtt: 5 KiB\ndrm-shared-vram: 9 KiB\n");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->memory_bytes, std::nullopt);
}

TEST(Fdinfo, MemoryOfSeveralTilesIsAdded) {
  const auto usage = parse_fdinfo(
      "drm-pdev: 0000:03:00.0\ndrm-client-id: 7\ndrm-resident-vram0: 1 MiB\n"
      "drm-resident-vram1: 2 MiB\n");
  EXPECT_EQ(usage->memory_bytes, 3U << 20U);
}

TEST(Fdinfo, WithoutAClientOfAPciDeviceIsNone) {
  const auto f = [](std::string_view text) { EXPECT_FALSE(parse_fdinfo(text)) << text; };
  f("");
  f("pos:\t0\nflags:\t02\n");
  f("drm-driver:\tvc4\ndrm-client-id:\t1\n");
  f("drm-pdev:\t0000:03:00.0\n");
  f("drm-pdev:\tnowhere\ndrm-client-id:\t1\n");
  f("drm-pdev:\t0000:03:00.0\ndrm-client-id:\tx\n");
}

TEST(Fdinfo, PassesOverWhatIsOdd) {
  const auto usage = parse_fdinfo(
      "drm-pdev: 0000:03:00.0\ndrm-client-id: 7\ndrm-engine-gfx: -5 ns\ndrm-engine-: 5 ns\n"
      "drm-engine-compute: 5 s\ndrm-resident-vram: 99999999999999 MiB\n"
      "drm-engine-capacity-gfx: 0\nno colon\n");
  ASSERT_TRUE(usage);
  EXPECT_TRUE(usage->engines.empty());
  EXPECT_EQ(usage->memory_bytes, std::nullopt);
}

TEST(Fdinfo, HasNoMoreEnginesThanItsLimit) {
  std::string text = "drm-pdev: 0000:03:00.0\ndrm-client-id: 7\n";
  for (int i = 0; i < 1000; ++i) text += "drm-engine-e" + std::to_string(i) + ": 5 ns\n";
  EXPECT_EQ(parse_fdinfo(text)->engines.size(), DrmUsage::kMaxEngines);
}

RC_GTEST_PROP(Fdinfo, TakesAnyBytes, (const std::string& bytes)) {
  const auto usage =
      parse_fdinfo("drm-pdev: 0000:03:00.0\ndrm-client-id: 7\ndrm-engine-" + bytes + "\n" + bytes);
  if (usage) RC_ASSERT(usage->engines.size() <= DrmUsage::kMaxEngines);
}

}  // namespace
}  // namespace gpuvigil
