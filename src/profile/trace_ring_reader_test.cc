// SPDX-License-Identifier: Apache-2.0
#include "profile/trace_ring_reader.h"

#include <functional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "profile/testing_ring.h"

namespace gpuvigil {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::RingImage;

/// The rows of what is new; of a ring that cannot be, none, and the test fails.
std::vector<std::uint32_t> news(TraceRingReader& reader, const RingImage& image) {
  std::vector<std::uint32_t> rows;
  const auto done = reader.read(
      image.bytes(), [&](const gpuvigil_trace_entry& entry) { rows.push_back(entry.row); });
  EXPECT_TRUE(done);
  return rows;
}

TraceRingReader open(const RingImage& image) {
  auto reader = TraceRingReader::open(image.bytes(), 1);
  EXPECT_TRUE(reader) << reader.error().message;
  return *std::move(reader);
}

TEST(TraceRingReader, EachEntryIsToldOnce) {
  RingImage image;
  TraceRingReader reader = open(image);
  EXPECT_THAT(news(reader, image), IsEmpty());
  image.write(1, 10, 20);
  image.write(2, 20, 30);
  EXPECT_THAT(news(reader, image), ElementsAre(1, 2));
  EXPECT_THAT(news(reader, image), IsEmpty());
  for (std::uint32_t i = 3; i <= 10; ++i)
    image.write(i, 1, 2);  // as many as it holds, round its end
  EXPECT_THAT(news(reader, image), ElementsAre(3, 4, 5, 6, 7, 8, 9, 10));
  EXPECT_EQ(reader.overwritten(), 0U);
}

TEST(TraceRingReader, WhatWasWrittenOverIsCounted) {
  RingImage image;
  TraceRingReader reader = open(image);
  for (std::uint32_t i = 0; i < 11; ++i) image.write(i, 1, 2);
  EXPECT_THAT(news(reader, image), ElementsAre(3, 4, 5, 6, 7, 8, 9, 10));
  EXPECT_EQ(reader.overwritten(), 3U);
}

TEST(TraceRingReader, AnEntryThatIsBeingWrittenIsNotRead) {
  RingImage image;
  TraceRingReader reader = open(image);
  for (std::uint32_t i = 0; i < 3; ++i) image.write(i, 1, 2);
  image.entry(1).number = 0;      // its writer is about it for the next time
  image.entry(0).number = 8 + 1;  // and has been here
  EXPECT_THAT(news(reader, image), ElementsAre(2));
  EXPECT_EQ(reader.overwritten(), 2U);
}

TEST(TraceRingReader, TellsWhatTheWriterCounted) {
  RingImage image;
  TraceRingReader reader = open(image);
  EXPECT_EQ(reader.header().is_done, 0U);
  image.header().untimed = 5;
  image.header().lost = 6;
  image.header().is_done = 1;
  EXPECT_THAT(news(reader, image), IsEmpty());
  EXPECT_EQ(reader.header().untimed, 5U);
  EXPECT_EQ(reader.header().lost, 6U);
  EXPECT_EQ(reader.header().is_done, 1U);
}

TEST(TraceRingReader, WhatCannotBeARingIsRefused) {
  const auto f = [](const std::function<void(gpuvigil_trace_header&)>& change, const char* want) {
    RingImage image;
    change(image.header());
    const auto reader = TraceRingReader::open(image.bytes(), 1);
    ASSERT_FALSE(reader) << want;
    EXPECT_EQ(reader.error().code, Errc::kCorrupt);
    EXPECT_THAT(reader.error().message, HasSubstr(want));
  };
  f([](auto& h) { h.magic = GPUVIGIL_TRACE_MAGIC + 1; }, "does not begin like one");
  f([](auto& h) { h.id = 2; }, "another request");
  f([](auto& h) { ++h.size; }, "another size");
  const char* const kPlaces = "cannot be where it says";
  f([](auto& h) { h.capacity = 0; }, kPlaces);
  f([](auto& h) { ++h.capacity; }, kPlaces);
  f([](auto& h) { h.capacity = UINT32_MAX; }, kPlaces);
  f([](auto& h) { h.stride = 88; }, kPlaces);
  f([](auto& h) { h.stride = 100; }, kPlaces);
  f([](auto& h) { h.stride = 1U << 20U; }, kPlaces);
  f([](auto& h) { h.offset = 64; }, kPlaces);
  f([](auto& h) { h.offset += 4; }, kPlaces);
  f([](auto& h) { h.offset = UINT32_MAX - 7; }, kPlaces);
  EXPECT_FALSE(TraceRingReader::open(RingImage().bytes().first(120), 1));
}

TEST(TraceRingReader, AHostileWriterCostsNoMoreThanOneRoundOfTheRing) {
  RingImage image;
  TraceRingReader reader = open(image);
  image.write(1, 1, 2);
  image.header().head = UINT64_MAX;
  EXPECT_THAT(news(reader, image), IsEmpty());
  EXPECT_GT(reader.overwritten(), 0U);
  EXPECT_LE(reader.overwritten(), std::uint64_t{1} << 40U);
  image.header().head = 3;
  const auto done = reader.read(image.bytes(), [](const gpuvigil_trace_entry&) { FAIL(); });
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("it has shrunk"));

  RingImage moved;  // what was looked at when it was opened holds
  TraceRingReader other = open(moved);
  moved.write(1, 1, 2);
  moved.header().offset = UINT32_MAX;
  moved.header().capacity = UINT32_MAX;
  EXPECT_THAT(news(other, moved), ElementsAre(1));
}

}  // namespace
}  // namespace gpuvigil
