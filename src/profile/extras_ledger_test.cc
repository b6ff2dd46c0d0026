// SPDX-License-Identifier: Apache-2.0
#include "profile/extras_ledger.h"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "profile/segment_reader.h"
#include "profile/testing_segment.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::SegmentImage;

constexpr Timestamp kNow = from_unix_ns(1'800'000'000'000'000'000);
constexpr std::uint64_t kMonotonic = 1'000'000'000'000;
constexpr SegmentTime kTime{.now = kNow, .monotonic_now_ns = kMonotonic};
constexpr std::uint32_t kAll = GPUVIGIL_SEGMENT_HAS_SHAPES | GPUVIGIL_SEGMENT_HAS_STREAMS |
                               GPUVIGIL_SEGMENT_HAS_MEMORY | GPUVIGIL_SEGMENT_HAS_STATUS |
                               GPUVIGIL_SEGMENT_HAS_UNTIMED;

/// A segment of one device, one row, and an entry of everything that layout 2 added.
SegmentImage everything() {
  SegmentImage image;
  image.header().features = kAll;
  image.add_device("GPU-1");
  image.add_row("conv2d");
  image.row(0).untimed_calls = 40;
  image.header().shapes_used = image.header().streams_used = 2;
  image.shape(0).row = GPUVIGIL_NO_ROW;
  image.shape(0).calls = 5;
  image.shape(1) = {.row = 0,
                    .registers = 32,
                    .grid = {10, 20, 30},
                    .block = {256, 1, 1},
                    .static_shared_bytes = 1024,
                    .dynamic_shared_bytes = 2048,
                    .calls = 7,
                    .sum_ns = 700};
  image.stream(0).device = GPUVIGIL_NO_ROW;
  image.stream(1) = {
      .stream = 13, .device = 0, .kind = GPUVIGIL_KIND_MEMCPY, .calls = 3, .sum_ns = 90};
  image.memory(0) = {
      .allocated_bytes = 100, .peak_bytes = 300, .pool_reserved_bytes = 80, .pool_used_bytes = 60};
  gpuvigil_segment_status& status = image.header().status;
  status = {.detail = GPUVIGIL_DETAIL_SAMPLED,
            .detail_every = 16,
            .cost_ns = 5000,
            .blind_since_ns = kMonotonic - 1'000'000,
            .blind_reason = GPUVIGIL_BLIND_PROFILER};
  std::memcpy(status.runtime, "CUPTI 130001", 13);
  image.flush();
  return image;
}

SegmentReader open(const SegmentImage& image) {
  auto reader = SegmentReader::open(image.bytes());
  EXPECT_TRUE(reader) << reader.error().message;
  return *std::move(reader);
}

SegmentDelta read(SegmentReader& reader, const SegmentImage& image) {
  auto delta = reader.read(image.bytes(), kTime, false);
  EXPECT_TRUE(delta) << delta.error().message;
  return delta ? *std::move(delta) : SegmentDelta();
}

TEST(ExtrasLedger, HandsEverythingOn) {
  const SegmentImage image = everything();
  SegmentReader reader = open(image);
  const SegmentDelta delta = read(reader, image);
  ASSERT_EQ(delta.shapes.size(), 2U);
  EXPECT_FALSE(delta.shapes[0].row);
  EXPECT_EQ(delta.shapes[0].calls, 5U);
  const SegmentDelta::Shape& shape = delta.shapes[1];
  EXPECT_EQ(shape.row, 0U);
  EXPECT_THAT(shape.grid, ::testing::ElementsAre(10, 20, 30));
  EXPECT_THAT(shape.block, ::testing::ElementsAre(256, 1, 1));
  EXPECT_EQ(shape.registers, 32U);
  EXPECT_EQ(shape.static_shared, Bytes(1024));
  EXPECT_EQ(shape.dynamic_shared, Bytes(2048));
  EXPECT_EQ(shape.calls, 7U);
  EXPECT_EQ(shape.sum_ns, 700U);
  ASSERT_EQ(delta.streams.size(), 1U);  // the first has counted nothing
  EXPECT_EQ(delta.streams[0].device, 0U);
  EXPECT_EQ(delta.streams[0].stream, 13U);
  EXPECT_EQ(delta.streams[0].kind, KernelKind::kMemcpy);
  EXPECT_EQ(delta.streams[0].calls, 3U);
  EXPECT_EQ(delta.streams[0].sum_ns, 90U);
  ASSERT_EQ(delta.untimed.size(), 1U);
  EXPECT_EQ(delta.untimed[0].row, 0U);
  EXPECT_EQ(delta.untimed[0].calls, 40U);
  ASSERT_EQ(delta.memories.size(), 1U);
  EXPECT_EQ(delta.memories[0].allocated, Bytes(100));
  EXPECT_EQ(delta.memories[0].peak, Bytes(300));
  EXPECT_EQ(delta.memories[0].pool_reserved, Bytes(80));
  EXPECT_EQ(delta.memories[0].pool_used, Bytes(60));
  ASSERT_TRUE(delta.status);
  EXPECT_EQ(delta.status->detail, Detail::kSampled);
  EXPECT_EQ(delta.status->detail_every, 16U);
  EXPECT_EQ(delta.status->cost, 5000ns);
  EXPECT_EQ(delta.status->blindness, Blindness::kProfiler);
  EXPECT_EQ(delta.status->blind_since, kNow - 1ms);
  EXPECT_EQ(delta.status->runtime, "CUPTI 130001");
}

TEST(ExtrasLedger, TellsDifferencesOfCountersAndChangesOfTheRest) {
  SegmentImage image = everything();
  SegmentReader reader = open(image);
  (void)read(reader, image);
  image.flush();
  const SegmentDelta nothing = read(reader, image);
  EXPECT_TRUE(nothing.shapes.empty() && nothing.streams.empty() && nothing.untimed.empty() &&
              nothing.memories.empty());
  EXPECT_EQ(nothing.status->cost, 0ns);

  image.shape(1).calls += 2;
  image.shape(1).sum_ns += 30;
  image.stream(1).calls += 1;
  image.row(0).untimed_calls += 9;
  image.memory(0).allocated_bytes = 50;
  image.header().status.cost_ns += 70;
  image.header().status.blind_reason = 0;
  image.flush();
  const SegmentDelta delta = read(reader, image);
  ASSERT_EQ(delta.shapes.size(), 1U);
  EXPECT_EQ(delta.shapes[0].calls, 2U);
  EXPECT_EQ(delta.shapes[0].sum_ns, 30U);
  ASSERT_EQ(delta.streams.size(), 1U);
  EXPECT_EQ(delta.streams[0].calls, 1U);
  EXPECT_EQ(delta.streams[0].sum_ns, 0U);
  EXPECT_EQ(delta.untimed.at(0).calls, 9U);
  EXPECT_EQ(delta.memories.at(0).allocated, Bytes(50));
  EXPECT_EQ(delta.status->cost, 70ns);
  EXPECT_FALSE(delta.status->blind_since);
}

TEST(ExtrasLedger, LayoutOneHasNothingOfIt) {
  SegmentImage image = everything();
  image.header().abi = 1;
  image.header().shapes = {.offset = UINT32_MAX, .stride = 1, .capacity = UINT32_MAX};
  SegmentReader reader = open(image);
  const SegmentDelta delta = read(reader, image);
  EXPECT_EQ(delta.rows.size(), 1U);
  EXPECT_TRUE(delta.shapes.empty() && delta.streams.empty() && delta.untimed.empty() &&
              delta.memories.empty() && !delta.status);
}

TEST(ExtrasLedger, FeaturesThatNobodyKnowsAndWiderEntriesAreNoMatter) {
  SegmentImage image = everything();
  image.header().features |= 0x8000'0000U;
  image.header().streams.capacity = 4;
  image.header().streams.stride = 80;  // a newer writer keeps more in each
  std::memmove(&image.stream(1), reinterpret_cast<std::byte*>(&image.stream(0)) + 40,
               sizeof(gpuvigil_segment_stream));
  SegmentReader reader = open(image);
  const SegmentDelta delta = read(reader, image);
  ASSERT_EQ(delta.streams.size(), 1U);
  EXPECT_EQ(delta.streams[0].stream, 13U);
}

TEST(ExtrasLedger, HoldsLiesToLimits) {
  SegmentImage image = everything();
  image.shape(1).sum_ns = UINT64_MAX;
  image.memory(0).peak_bytes = UINT64_MAX;
  image.header().status.detail = 77;
  image.header().status.detail_every = 0;
  image.header().status.cost_ns = UINT64_MAX;
  image.header().status.blind_reason = 99;
  image.header().status.blind_since_ns = UINT64_MAX;
  std::memset(image.header().status.runtime, '\n', sizeof(image.header().status.runtime));
  SegmentReader reader = open(image);
  const SegmentDelta delta = read(reader, image);
  EXPECT_EQ(delta.shapes.at(1).sum_ns, std::uint64_t{1} << 62U);
  EXPECT_EQ(delta.memories.at(0).peak, Bytes(std::uint64_t{1} << 50U));
  EXPECT_EQ(delta.status->detail, Detail::kOff);
  EXPECT_EQ(delta.status->detail_every, 1U);
  EXPECT_EQ(delta.status->cost, Duration(std::int64_t{1} << 50U));
  EXPECT_EQ(delta.status->blindness, Blindness::kUnknown);
  EXPECT_EQ(delta.status->blind_since, kNow);
  EXPECT_EQ(delta.status->runtime.find('\n'), std::string::npos);
}

TEST(ExtrasLedger, RefusesWhatCannotBe) {
  const auto f = [](const char* what, const std::function<void(SegmentImage&)>& spoil) {
    SegmentImage image = everything();
    auto reader = SegmentReader::open(image.bytes());
    ASSERT_TRUE(reader && reader->read(image.bytes(), kTime, false));
    spoil(image);
    image.flush();
    const auto delta = reader->read(image.bytes(), kTime, false);
    ASSERT_FALSE(delta) << what;
    EXPECT_EQ(delta.error().code, Errc::kCorrupt);
    EXPECT_THAT(delta.error().message, HasSubstr(what));
  };
  f("larger than itself", [](SegmentImage& i) { i.header().shapes_used = 9; });
  f("has shrunk", [](SegmentImage& i) { i.header().shapes_used = 1; });
  f("has shrunk", [](SegmentImage& i) { i.header().streams_used = 0; });
  f("one of its shapes", [](SegmentImage& i) { i.shape(1).registers = 33; });
  f("one of its shapes", [](SegmentImage& i) {
    i.header().shapes_used = 3;
    i.shape(2).row = 1;
  });
  f("one of its streams", [](SegmentImage& i) { i.stream(1).stream = 14; });
  f("one of its streams", [](SegmentImage& i) {
    i.header().streams_used = 3;
    i.stream(2).device = 1;
  });
  f("than there was time for", [](SegmentImage& i) { i.shape(0).calls = UINT64_MAX; });
  f("than there was time for", [](SegmentImage& i) { i.row(0).untimed_calls = UINT64_MAX; });
  const auto g = [](const char* what, const std::function<void(SegmentImage&)>& spoil) {
    SegmentImage image = everything();
    spoil(image);
    const auto reader = SegmentReader::open(image.bytes());
    ASSERT_FALSE(reader) << what;
    EXPECT_THAT(reader.error().message, HasSubstr(what));
  };
  g("table of shapes", [](SegmentImage& i) { i.header().shapes.offset = UINT32_MAX - 7; });
  g("table of streams", [](SegmentImage& i) { i.header().streams.stride = 32; });
  g("table of memories", [](SegmentImage& i) { i.header().memories.capacity = 65; });
}

}  // namespace
}  // namespace gpuvigil
