// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"
#include "model/frame.h"
#include "model/kernel.h"
#include "model/latency_sketch.h"

namespace gpuvigil {
namespace {

TEST(SketchScheme, BucketsTileTheWholeRangeWithoutGapOrOverlap) {
  EXPECT_EQ(SketchScheme::kOverflow, 1088U);
  for (std::uint32_t b = 0; b < SketchScheme::kOverflow; ++b) {
    ASSERT_EQ(SketchScheme::bucket_of(SketchScheme::low(b)), b);
    ASSERT_EQ(SketchScheme::bucket_of(SketchScheme::end(b) - 1), b);
    ASSERT_EQ(SketchScheme::end(b), SketchScheme::low(b + 1));
  }
  EXPECT_EQ(SketchScheme::low(SketchScheme::kOverflow), 1ULL << 38U);
  EXPECT_EQ(SketchScheme::bucket_of(UINT64_MAX), SketchScheme::kOverflow);
}

std::uint64_t nearest_rank(const std::vector<std::uint64_t>& sorted, std::uint64_t percent) {
  return sorted[(sorted.size() * percent + 99) / 100 - 1];
}

bool within_two_percent(std::uint64_t got, std::uint64_t want) {
  const auto difference = std::abs(static_cast<double>(got) - static_cast<double>(want));
  return difference <= 0.02 * static_cast<double>(want);
}

RC_GTEST_PROP(LatencySketch, PercentilesAreWithinTwoPercentOfNearestRank,
              (std::vector<std::uint32_t> raw, std::uint8_t shift)) {
  RC_PRE(!raw.empty());
  std::vector<std::uint64_t> durations;
  LatencySketch sketch;
  for (const std::uint32_t value : raw) {
    durations.push_back(std::uint64_t{value} >> (shift % 32U));
    sketch.add(durations.back());
  }
  std::ranges::sort(durations);
  const Percentiles got = percentiles(sketch, durations.front(), durations.back());
  RC_ASSERT(within_two_percent(got.p50_ns, nearest_rank(durations, 50)));
  RC_ASSERT(within_two_percent(got.p95_ns, nearest_rank(durations, 95)));
  RC_ASSERT(within_two_percent(got.p99_ns, nearest_rank(durations, 99)));
}

RC_GTEST_PROP(LatencySketch, MergingIsAddingEverythingToOne,
              (std::vector<std::uint64_t> a, std::vector<std::uint64_t> b)) {
  LatencySketch left;
  LatencySketch right;
  LatencySketch both;
  for (const auto d : a) {
    left.add(d);
    both.add(d);
  }
  for (const auto d : b) {
    right.add(d);
    both.add(d);
  }
  left.merge(right);
  for (std::uint32_t i = 0; i < SketchScheme::kBuckets; ++i)
    RC_ASSERT(left.count(i) == both.count(i));
  RC_ASSERT(left.total() == a.size() + b.size());
}

TEST(LatencySketch, SparseAndPagedAnswersAgree) {
  LatencySketch sketch;
  std::vector<BucketCount> sparse;
  for (std::uint64_t d = 1; d < 1'000'000; d = d * 3 + 1) sketch.add(d);
  sketch.for_each([&](std::uint32_t bucket, std::uint32_t n) { sparse.push_back({bucket, n}); });
  const Percentiles a = percentiles(sketch, 1, 1'000'000);
  const Percentiles b = percentiles(sparse, 1, 1'000'000);
  EXPECT_EQ(a.p50_ns, b.p50_ns);
  EXPECT_EQ(a.p99_ns, b.p99_ns);
}

TEST(LatencySketch, PagesExistOnlyOnceTouchedAndFullBucketsStayFull) {
  LatencySketch sketch;
  const std::size_t empty = sketch.memory_bytes();
  sketch.add(5);
  sketch.add(6);
  EXPECT_EQ(sketch.memory_bytes(), empty + 512);
  sketch.add_to_bucket(5, UINT32_MAX);
  EXPECT_EQ(sketch.count(5), UINT32_MAX);
  EXPECT_EQ(percentiles(LatencySketch(), 0, 0).p50_ns, 0U);
  LatencySketch overflow;
  overflow.add(UINT64_MAX / 2);
  EXPECT_EQ(percentiles(overflow, UINT64_MAX / 2, UINT64_MAX / 2).p99_ns, UINT64_MAX / 2);
}

TEST(KernelName, IdIsOfTheNameAndShortNameIsForPeople) {
  const auto f = [](std::string_view recorded, std::string_view want) {
    EXPECT_EQ(make_kernel_name(recorded)->short_name, want);
  };
  EXPECT_EQ(make_kernel_name("test")->id, 0x9f86d081884c7d65ULL);
  f("void at::native::vectorized_elementwise_kernel<4, at::native::AddOp<float>>(int, float*)",
    "at::native::vectorized_elementwise_kernel<...>");
  f("_ZN2at6native6kernelEPfi", "at::native::kernel");
  f("void (anonymous namespace)::softmax<float>(float*)", "(anonymous)::softmax<...>");
  f("triton_poi_fused_add_0", "triton_poi_fused_add_0");
  f("Memcpy DtoH (Device -> Pinned)", "Memcpy DtoH (Device -> Pinned)");
  f("Cijk_Ailk_Bljk.kd", "Cijk_Ailk_Bljk");
  f("", "(unnamed)");
  f("_ZNotMangled", "_ZNotMangled");
}

TEST(KernelName, LongNamesKeepHeadAndTailAndStayApart) {
  const std::string long_a = std::string(100000, 'a') + "x";
  const std::string long_b = std::string(50000, 'a') + "b" + std::string(49999, 'a') + "x";
  const auto a = make_kernel_name(long_a);
  const auto b = make_kernel_name(long_b);
  EXPECT_LE(a->name.size(), kMaxKernelNameBytes);
  EXPECT_TRUE(a->name.ends_with("ax"));
  EXPECT_NE(a->id, b->id);
  EXPECT_TRUE(is_clean_text(make_kernel_name(std::string(5000, '\xC3') + "é")->name));
}

TEST(KernelName, IdTextGoesThereAndBack) {
  EXPECT_EQ(format_kernel_id(0x9f86d081884c7d65ULL), "9f86d081884c7d65");
  EXPECT_EQ(parse_kernel_id("9f86d081884c7d65"), 0x9f86d081884c7d65ULL);
  EXPECT_EQ(parse_kernel_id("9f86"), std::nullopt);
  EXPECT_EQ(parse_kernel_id("9f86d081884c7d6g"), std::nullopt);
}

TEST(KernelKind, CommunicationLibrariesAreCollectives) {
  EXPECT_EQ(kind_of_kernel("ncclDevKernel_AllGather_RING_LL(x)"), KernelKind::kCollective);
  EXPECT_EQ(kind_of_kernel("rcclGenericKernel"), KernelKind::kCollective);
  EXPECT_EQ(kind_of_kernel("sgemm"), KernelKind::kCompute);
}

TEST(KernelCounters, StandardDeviationIsOfThePopulation) {
  KernelCounters counters;
  EXPECT_EQ(stddev_ns(counters), 0);
  for (const std::uint64_t d : {2U, 4U, 4U, 4U, 5U, 5U, 7U, 9U}) counters.add(d);
  EXPECT_NEAR(stddev_ns(counters), 2.0, 1e-12);
  EXPECT_EQ(counters.min_ns, 2U);
  EXPECT_EQ(counters.max_ns, 9U);
}

TEST(Loss, TableHoldsEachKindOnceAtItsPlace) {
  for (std::size_t i = 0; i < kLosses.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(kLosses[i].loss), i);
  }
}

}  // namespace
}  // namespace gpuvigil
