// SPDX-License-Identifier: Apache-2.0
#include "profile/segment_reader.h"

#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "profile/testing_segment.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::SegmentImage;

constexpr Timestamp kNow = from_unix_ns(1'800'000'000'000'000'000);
constexpr std::uint64_t kMonotonic = 1'000'000'000'000;
constexpr SegmentTime kTime{.now = kNow, .monotonic_now_ns = kMonotonic};

SegmentReader open(const SegmentImage& image) {
  auto reader = SegmentReader::open(image.bytes());
  EXPECT_TRUE(reader) << reader.error().message;
  return *std::move(reader);
}

SegmentDelta read(SegmentReader& reader, const SegmentImage& image, bool is_last = false) {
  auto delta = reader.read(image.bytes(), kTime, is_last);
  EXPECT_TRUE(delta) << delta.error().message;
  return delta ? *std::move(delta) : SegmentDelta();
}

/// A segment of one device and one row.
SegmentImage one_row() {
  SegmentImage image;
  image.header().since_ns = kMonotonic - 1'000'000;
  image.add_device();
  image.add_row("conv2d");
  return image;
}

TEST(SegmentReader, TheSchemeIsThatOfTheSketches) {
  static_assert(GPUVIGIL_SKETCH_SCHEME == SketchScheme::kNumber);
  static_assert(GPUVIGIL_SKETCH_BUCKETS == SketchScheme::kBuckets);
  static_assert(GPUVIGIL_SKETCH_PAGE_BUCKETS == SketchScheme::kPageBuckets);
  static_assert(GPUVIGIL_SKETCH_PAGES == SketchScheme::kPages);
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t ns = random() >> (random() % 64);
    ASSERT_EQ(gpuvigil_sketch_bucket(ns), SketchScheme::bucket_of(ns)) << ns;
  }
}

TEST(SegmentReader, ReadsThisLayoutAndTheTwoBeforeIt) {
  const auto f = [](std::uint32_t abi, std::uint32_t newest, bool want) {
    EXPECT_EQ(reads_segment_abi(abi, newest), want) << abi << " of " << newest;
  };
  f(5, 5, true);
  f(4, 5, true);
  f(3, 5, true);
  f(2, 5, false);
  f(6, 5, false);
  f(1, 1, true);
  f(0, 1, false);
  SegmentImage image;
  image.header().abi = 7;
  const auto refused = SegmentReader::open(image.bytes());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("its layout is number 7; this gpuvigil reads 2"));
}

TEST(SegmentReader, TellsEachExecutionOnce) {
  SegmentImage image = one_row();
  SegmentReader reader = open(image);
  image.record(0, 300, kMonotonic - 5000);
  image.record(0, 500, kMonotonic - 1000);
  image.flush();
  const SegmentDelta first = read(reader, image);
  ASSERT_EQ(first.devices.size(), 1U);
  EXPECT_EQ(first.devices[0].uuid, "SDK-0");
  EXPECT_EQ(first.devices[0].source, "sdk");
  ASSERT_EQ(first.rows.size(), 1U);
  EXPECT_EQ(first.rows[0].name, "conv2d");
  ASSERT_EQ(first.changes.size(), 1U);
  EXPECT_EQ(first.changes[0].counters.calls, 2U);
  EXPECT_EQ(first.changes[0].counters.sum_ns, 800U);
  EXPECT_EQ(first.changes[0].counters.min_ns, 300U);
  EXPECT_EQ(first.changes[0].counters.max_ns, 500U);
  EXPECT_EQ(first.changes[0].counters.sum_squares_ns2, 340'000.0);
  EXPECT_EQ(first.changes[0].last_end, kNow - 1us);
  ASSERT_EQ(first.recent.size(), 2U);
  EXPECT_EQ(first.recent[1].execution.duration, 500ns);
  EXPECT_FALSE(first.is_late);

  EXPECT_TRUE(read(reader, image).changes.empty());  // no flush since
  image.record(0, 400);
  image.flush();
  const SegmentDelta second = read(reader, image);
  EXPECT_TRUE(second.rows.empty());
  ASSERT_EQ(second.changes.size(), 1U);
  EXPECT_EQ(second.changes[0].counters.calls, 1U);
  EXPECT_EQ(second.changes[0].counters.sum_ns, 400U);
  // The row's own extremes are those of all time: the bucket bounds those of this difference.
  EXPECT_EQ(SketchScheme::bucket_of(second.changes[0].counters.min_ns),
            SketchScheme::bucket_of(400));
  ASSERT_EQ(second.recent.size(), 1U);
}

TEST(SegmentReader, DifferencesAddUpToWhatWasRecorded) {
  std::mt19937_64 random(7);
  SegmentImage image = one_row();
  SegmentReader reader = open(image);
  KernelCounters told;
  KernelCounters want;
  LatencySketch sketch;
  LatencySketch want_sketch;
  for (int round = 0; round < 200; ++round) {
    for (std::uint64_t n = random() % 20; n > 0; --n) {
      const std::uint64_t ns = random() >> (24 + random() % 40);
      image.record(0, ns);
      want.add(ns);
      want_sketch.add(ns);
    }
    image.flush();
    const SegmentDelta delta = read(reader, image);
    for (const auto& change : delta.changes) {
      told.merge(change.counters);
      for (std::uint32_t i = 0; i < change.bucket_count; ++i) {
        const BucketCount& b = delta.buckets[change.first_bucket + i];
        sketch.add_to_bucket(b.bucket, b.count);
      }
    }
  }
  EXPECT_EQ(told.calls, want.calls);
  EXPECT_EQ(told.sum_ns, want.sum_ns);
  EXPECT_EQ(told.min_ns, want.min_ns);
  EXPECT_EQ(told.max_ns, want.max_ns);
  EXPECT_NEAR(told.sum_squares_ns2 / want.sum_squares_ns2, 1, 1e-9);
  want_sketch.for_each([&](std::uint32_t bucket, std::uint32_t count) {
    EXPECT_EQ(sketch.count(bucket), count) << bucket;
  });
}

TEST(SegmentReader, SumsThatLagBehindTheirBucketsAreMadeUpFor) {
  SegmentImage image = one_row();
  SegmentReader reader = open(image);
  image.record(0, 1000);
  image.record(0, 1003);
  image.row(0).sum_ns = 0;  // its thread was between two stores
  image.row(0).calls = 0;
  image.flush();
  const auto first = read(reader, image).changes.at(0).counters;
  EXPECT_EQ(first.calls, 2U);
  EXPECT_EQ(first.sum_ns, 2000U);  // the least that it can be
  image.row(0).sum_ns = 2003;
  image.row(0).calls = 2;
  image.flush();
  const auto second = read(reader, image).changes.at(0).counters;
  EXPECT_EQ(second.calls, 0U);
  EXPECT_EQ(first.sum_ns + second.sum_ns, 2003U);
}

TEST(SegmentReader, ExtremesThatRunAheadOfTheirBucketsWaitForThem) {
  SegmentImage image = one_row();
  SegmentReader reader = open(image);
  image.record(0, 1000);
  image.row(0).min_ns = 77;  // of an execution whose bucket is not yet there
  image.row(0).max_ns = 5000;
  image.flush();
  const auto first = read(reader, image).changes.at(0).counters;
  EXPECT_EQ(SketchScheme::bucket_of(first.min_ns), SketchScheme::bucket_of(1000));
  EXPECT_EQ(SketchScheme::bucket_of(first.max_ns), SketchScheme::bucket_of(1000));
  image.record(0, 77);
  image.record(0, 5000);
  image.flush();
  const auto second = read(reader, image).changes.at(0).counters;
  EXPECT_EQ(second.min_ns, 77U);
  EXPECT_EQ(second.max_ns, 5000U);
}

TEST(SegmentReader, BucketsMayWrapAround) {
  SegmentImage image = one_row();
  image.record(0, 5);
  image.page(0).counts[5] = UINT32_MAX - 1;
  image.row(0).sum_ns = 5ULL * (UINT32_MAX - 1);
  image.flush();
  SegmentReader reader = open(image);
  EXPECT_EQ(read(reader, image).changes.at(0).counters.calls, UINT32_MAX - 1);
  for (int i = 0; i < 4; ++i) image.record(0, 5);
  image.flush();
  const auto wrapped = read(reader, image).changes.at(0).counters;
  EXPECT_EQ(wrapped.calls, 4U);
  EXPECT_EQ(wrapped.sum_ns, 20U);
}

TEST(SegmentReader, WaitsForAWriterUnlessItHasDied) {
  SegmentImage image = one_row();
  SegmentReader reader = open(image);
  image.record(0, 1000);
  image.header().flush_seq = 3;  // odd: in the midst of it
  EXPECT_TRUE(read(reader, image).changes.empty());
  const SegmentDelta last = read(reader, image, true);
  ASSERT_EQ(last.changes.size(), 1U);
  EXPECT_EQ(last.changes[0].counters.calls, 1U);
  EXPECT_TRUE(read(reader, image, true).changes.empty());
}

TEST(SegmentReader, WhatWasCountedLongBeforeIsLate) {
  SegmentImage image = one_row();
  image.header().since_ns = kMonotonic - 3'000'000'000;
  image.record(0, 1000);
  image.flush();
  SegmentReader reader = open(image);
  EXPECT_TRUE(read(reader, image).is_late);
  image.record(0, 1000);
  image.flush();
  EXPECT_FALSE(read(reader, image).is_late);
}

TEST(SegmentReader, BusyTimeNeedsAWriterWhoKnowsIt) {
  SegmentImage image = one_row();
  image.header().covered_until_ns = kMonotonic - 100;
  image.device(0).kernel_busy_ns = 600'000;
  image.device(0).gpu_busy_ns = 5'000'000;  // more than the time
  image.flush();
  SegmentReader unknowing = open(image);
  EXPECT_TRUE(read(unknowing, image).busy.empty());

  image.header().features = GPUVIGIL_SEGMENT_HAS_BUSY;
  SegmentReader reader = open(image);
  const SegmentDelta delta = read(reader, image);
  ASSERT_EQ(delta.busy.size(), 1U);
  EXPECT_EQ(delta.busy[0].from, kNow - 1ms);
  EXPECT_EQ(delta.busy[0].to, kNow - 100ns);
  EXPECT_EQ(delta.busy[0].kernels, 600us);
  EXPECT_EQ(delta.busy[0].all, 1ms - 100ns);
}

TEST(SegmentReader, OnlyKnownSourcesAndPlainIdentitiesAreBelieved) {
  SegmentImage image = one_row();
  image.add_device("GPU-1234");
  image.add_device("GPU 1\n");
  std::memcpy(image.header().writer, "demo", 5);
  std::memcpy(image.device(1).name, "H100 \x1b[1m", 9);
  image.flush();
  SegmentReader reader = open(image);
  const SegmentDelta delta = read(reader, image);
  ASSERT_EQ(delta.devices.size(), 3U);
  EXPECT_EQ(delta.devices[0].source, "sdk");
  EXPECT_EQ(delta.devices[1].uuid, "GPU-1234");
  EXPECT_EQ(delta.devices[1].name, "H100 \xEF\xBF\xBD[1m");
  EXPECT_EQ(delta.devices[2].uuid, "SDK-2");
}

TEST(SegmentReader, CountsWhatItsWriterLost) {
  SegmentImage image = one_row();
  image.header().losses[GPUVIGIL_LOSS_REFUSED] = 3;
  image.header().losses[GPUVIGIL_LOSS_UNTIMED] = 4;
  image.header().losses[GPUVIGIL_LOSS_UNCOUNTED] = UINT64_MAX;
  image.flush();
  SegmentReader reader = open(image);
  const LossCounters losses = read(reader, image).losses;
  EXPECT_EQ(losses[Loss::kExecutionsRefused], 3U);
  EXPECT_EQ(losses[Loss::kExecutionsUncounted], (std::uint64_t{1} << 40U) + 4);
}

TEST(SegmentReader, RefusesWhatCannotBeASegment) {
  const auto f = [](const char* what, const std::function<void(SegmentImage&)>& spoil) {
    SegmentImage image = one_row();
    image.record(0, 1000);
    image.flush();
    spoil(image);
    auto reader = SegmentReader::open(image.bytes());
    if (!reader) {
      EXPECT_THAT(reader.error().message, HasSubstr(what));
      return;
    }
    const auto delta = reader->read(image.bytes(), kTime, false);
    ASSERT_FALSE(delta) << what;
    EXPECT_EQ(delta.error().code, Errc::kCorrupt);
    EXPECT_THAT(delta.error().message, HasSubstr(what));
  };
  f("does not begin", [](SegmentImage& i) { i.header().magic = 0; });
  f("another size", [](SegmentImage& i) { i.header().size = 4096; });
  f("scheme 2", [](SegmentImage& i) { i.header().sketch_scheme = 2; });
  f("table of rows", [](SegmentImage& i) { i.header().rows.offset = UINT32_MAX - 7; });
  f("table of rows", [](SegmentImage& i) { i.header().rows.offset = 0; });
  f("table of rows", [](SegmentImage& i) { i.header().rows.stride = 8; });
  f("table of pages", [](SegmentImage& i) { i.header().pages.capacity = 4000; });
  f("table of devices", [](SegmentImage& i) { i.header().devices.stride = 164; });
  f("table of names", [](SegmentImage& i) { i.header().names.stride = 0; });
  f("larger than itself", [](SegmentImage& i) { i.header().rows_used = 9; });
  f("larger than itself", [](SegmentImage& i) { i.header().devices_used = UINT32_MAX; });
  f("row 0 has a name", [](SegmentImage& i) { i.row(0).name_bytes = 8193; });
  f("row 0 has a name", [](SegmentImage& i) { i.row(0).name_offset = UINT32_MAX; });
  f("row 0 has a name", [](SegmentImage& i) { i.row(0).device = 1; });
  f("row 0 has a page", [](SegmentImage& i) { i.row(0).pages[3] = 33; });
  f("page of another", [](SegmentImage& i) {
    i.add_row("twin");
    i.row(1).pages[0] = i.row(0).pages[1];
  });
  f("of no row", [](SegmentImage& i) { i.recent(0).row = 1; });
  f("than there was time for", [](SegmentImage& i) {
    for (auto& count : i.page(0).counts) count = UINT32_MAX;
    for (auto& count : i.page(1).counts) count = UINT32_MAX;
    for (std::uint16_t p = 0; p < 2; ++p) i.row(0).pages[p] = static_cast<std::uint16_t>(p + 1);
    i.row(0).pages[2] = 0;
  });
}

TEST(SegmentReader, ASegmentNeverShrinks) {
  SegmentImage image = one_row();
  image.record(0, 1000);
  image.flush();
  SegmentReader reader = open(image);
  (void)read(reader, image);
  image.header().rows_used = 0;
  image.flush();
  EXPECT_FALSE(reader.read(image.bytes(), kTime, false));
}

TEST(SegmentReader, SumsThatLieAreHeldToTheirBuckets) {
  SegmentImage image = one_row();
  image.record(0, 1000);
  image.row(0).sum_ns = UINT64_MAX;
  image.row(0).sum_squares_ns2 = std::numeric_limits<double>::quiet_NaN();
  image.row(0).min_ns = 0;
  image.row(0).max_ns = UINT64_MAX;
  image.row(0).memory_calls = UINT64_MAX;
  image.row(0).memory_bytes = UINT64_MAX;
  image.row(0).last_end_ns = UINT64_MAX;
  image.row(0).last_duration_ns = UINT64_MAX;
  image.flush();
  SegmentReader reader = open(image);
  const auto change = read(reader, image).changes.at(0);
  const std::uint32_t bucket = SketchScheme::bucket_of(1000);
  EXPECT_EQ(change.counters.sum_ns, SketchScheme::end(bucket) - 1);
  EXPECT_TRUE(std::isfinite(change.counters.sum_squares_ns2));
  EXPECT_EQ(SketchScheme::bucket_of(change.counters.min_ns), bucket);
  EXPECT_EQ(SketchScheme::bucket_of(change.counters.max_ns), bucket);
  EXPECT_EQ(change.counters.memory_calls, 1U);
  EXPECT_EQ(change.counters.memory_bytes, std::uint64_t{1} << 50U);
  EXPECT_EQ(change.last_end, kNow);
  EXPECT_EQ(change.last_duration_ns, std::uint64_t{1} << 50U);
}

}  // namespace
}  // namespace gpuvigil
