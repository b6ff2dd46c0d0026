// SPDX-License-Identifier: Apache-2.0
#include "monitor/recorder.h"

#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "monitor/counting_intake.h"
#include "monitor/record_shadow.h"

namespace gpuvigil {
namespace {

using testing::CountingIntake;

class RecorderTest : public ::testing::Test {
 protected:
  void collect(Recorder& recorder) {
    recorder.collect(intake_, OwnerId{1}, [](std::uint32_t device) { return DeviceSlot{device}; });
  }
  CountingIntake::Total total(std::string_view name, std::uint32_t device = 0) {
    return intake_.totals[{std::string(name), device}];
  }

  std::atomic<std::int64_t> now_{1'000};
  CountingIntake intake_;
};

TEST_F(RecorderTest, CountsByHandleAndByNameIntoTheSameSeries) {
  Recorder recorder({}, now_);
  const std::uint32_t id = recorder.intern("gemm", 0);
  recorder.record(id, 100);
  now_ = 2'000;
  recorder.record("gemm", 0, 300, 4096);
  recorder.record("gemm", 1, 7);
  collect(recorder);

  const auto gemm = total("gemm");
  EXPECT_EQ(gemm.counters.calls, 2U);
  EXPECT_EQ(gemm.counters.sum_ns, 400U);
  EXPECT_EQ(gemm.counters.min_ns, 100U);
  EXPECT_EQ(gemm.counters.max_ns, 300U);
  EXPECT_EQ(gemm.counters.sum_squares_ns2, 100'000.0);
  EXPECT_EQ(gemm.counters.memory_calls, 1U);
  EXPECT_EQ(gemm.counters.memory_bytes, 4096U);
  EXPECT_EQ(gemm.largest_memory_bytes, 4096U);
  EXPECT_EQ(gemm.last_end, from_unix_ns(2'000));
  EXPECT_EQ(gemm.last_duration_ns, 300U);
  EXPECT_EQ(total("gemm", 1).counters.calls, 1U);
  EXPECT_EQ(intake_.totals.size(), 2U);
  EXPECT_TRUE(intake_.consistent);
}

TEST_F(RecorderTest, CollectsOnlyWhatIsNew) {
  Recorder recorder({}, now_);
  recorder.record("a", 0, 1'000'000);
  recorder.record("b", 0, 5);
  collect(recorder);
  collect(recorder);
  EXPECT_EQ(total("a").aggregates, 1U);
  recorder.record("a", 0, 2'000'000);
  collect(recorder);
  EXPECT_EQ(total("a").aggregates, 2U);
  EXPECT_EQ(total("b").aggregates, 1U);
  EXPECT_EQ(total("a").counters.calls, 2U);
  EXPECT_EQ(total("a").counters.min_ns, 1'000'000U);
}

TEST_F(RecorderTest, ExtremesAreOfTheInterval) {
  Recorder recorder({}, now_);
  recorder.record("a", 0, 10);
  recorder.record("a", 0, 90'000);
  collect(recorder);
  intake_.totals.clear();
  recorder.record("a", 0, 500);
  collect(recorder);
  EXPECT_EQ(total("a").counters.min_ns, 500U);
  EXPECT_EQ(total("a").counters.max_ns, 500U);
}

TEST_F(RecorderTest, ListsTheNewestAndCountsThoseItCannot) {
  Recorder recorder({}, now_);
  const std::uint32_t id = recorder.intern("k", 0);
  for (std::uint64_t i = 0; i < 1'000; ++i) recorder.record(id, i);
  collect(recorder);
  ASSERT_EQ(intake_.listed.size(), detail::RecordRing::kReadable);
  EXPECT_EQ(intake_.listed.back().second.duration, Duration(999));
  EXPECT_EQ(intake_.listed.front().second.duration, Duration(1'000 - 255));
  EXPECT_EQ(intake_.losses[Loss::kExecutionsOverrun], 1'000U - 255U);
  EXPECT_EQ(total("k").counters.calls, 1'000U);
  recorder.record(id, 5'000, 77);
  collect(recorder);
  ASSERT_EQ(intake_.listed.size(), 256U);
  EXPECT_EQ(intake_.listed.back().second.memory, Bytes(77));
  EXPECT_EQ(intake_.losses[Loss::kExecutionsOverrun], 1'000U - 255U);
}

TEST_F(RecorderTest, WithoutRoomEverythingIsCountedUnderOther) {
  Recorder recorder({.max_devices = 2, .max_series = 3}, now_);
  for (int i = 0; i < 10; ++i) recorder.record("name " + std::to_string(i), 1, 10);
  collect(recorder);
  EXPECT_EQ(total(kOtherName, 1).counters.calls, 7U);
  EXPECT_EQ(total("name 2", 1).counters.calls, 1U);
  EXPECT_EQ(intake_.totals.size(), 4U);
  EXPECT_EQ(recorder.intern("name 9", 0), 0U);  // the other device's __other__

  Recorder small({.max_devices = 1, .max_series = 100, .max_name_bytes = 10}, now_);
  small.record("0123456789", 0, 1);
  small.record("x", 0, 1);
  intake_.totals.clear();
  collect(small);
  EXPECT_EQ(total(kOtherName).counters.calls, 1U);
}

TEST_F(RecorderTest, NamesAreCleanedOnceAndForAll) {
  Recorder recorder({}, now_);
  recorder.record("bell\x07", 0, 1);
  recorder.record("", 0, 2);
  recorder.record(std::string(100'000, 'n'), 0, 3);
  recorder.record("bell\x07", 0, 4);
  collect(recorder);
  EXPECT_EQ(total("bell\xEF\xBF\xBD").counters.calls, 2U);
  EXPECT_EQ(total("(unnamed)").counters.calls, 1U);
  EXPECT_EQ(intake_.totals.size(), 3U);
  EXPECT_EQ(recorder.intern("bell\xEF\xBF\xBD", 0), recorder.intern("bell\x07", 0));
}

TEST_F(RecorderTest, DurationsOfEverySizeFindTheirBucket) {
  Recorder recorder({}, now_);
  std::uint64_t calls = 0;
  for (std::uint64_t d = 0; d < (1ULL << 60U); d = d * 5 + 1, ++calls) recorder.record("k", 0, d);
  collect(recorder);
  EXPECT_EQ(total("k").sketch.total(), calls);
  EXPECT_EQ(total("k").counters.calls, calls);
  EXPECT_TRUE(intake_.consistent);
}

TEST_F(RecorderTest, ShardsOfEndedThreadsAreUsedAgain) {
  Recorder recorder({}, now_);
  for (int i = 0; i < 20; ++i) {
    std::thread([&] { recorder.record("k", 0, 10); }).join();
  }
  EXPECT_EQ(recorder.shard_count(), 1U);
  collect(recorder);
  EXPECT_EQ(total("k").counters.calls, 20U);
}

TEST_F(RecorderTest, ThreadsBeyondTheLimitShareOneShardAndLoseNothing) {
  Recorder recorder({.max_threads = 1}, now_);
  recorder.record("k", 0, 10);
  std::thread([&] {
    recorder.record("k", 0, 20);
    recorder.record(recorder.intern("k", 0), 30);
  }).join();
  EXPECT_EQ(recorder.shard_count(), 1U);
  collect(recorder);
  EXPECT_EQ(total("k").counters.calls, 3U);
  EXPECT_EQ(total("k").counters.sum_ns, 60U);
}

TEST_F(RecorderTest, SeveralRecordersInOneThreadStayApart) {
  Recorder a({}, now_);
  {
    Recorder gone({}, now_);
    gone.record("k", 0, 1);
  }
  Recorder b({}, now_);
  for (int i = 0; i < 10; ++i) {
    a.record("k", 0, 1);
    b.record("k", 0, 100);
  }
  collect(a);
  EXPECT_EQ(total("k").counters.sum_ns, 10U);
  collect(b);
  EXPECT_EQ(total("k").counters.sum_ns, 1'010U);
}

TEST_F(RecorderTest, AThreadMayOutliveARecorder) {
  std::atomic<int> step{0};
  auto recorder = std::make_unique<Recorder>(RecorderLimits{}, now_);
  std::thread thread([&] {
    recorder->record("k", 0, 10);
    step = 1;
    step.notify_all();
    step.wait(1);
  });  // ends, and gives back its shard, when the Recorder is gone
  step.wait(0);
  collect(*recorder);
  recorder.reset();
  step = 2;
  step.notify_all();
  thread.join();
  EXPECT_EQ(total("k").counters.calls, 1U);
}

/// Records when the thread that holds it dies, after the thread's shards may be gone.
struct RecordsAtTheEnd {
  Recorder* recorder = nullptr;
  ~RecordsAtTheEnd() {
    if (recorder != nullptr) recorder->record("last words", 0, 10);
  }
};

TEST_F(RecorderTest, AThreadMayRecordWhileItEnds) {
  Recorder recorder({}, now_);
  std::thread([&] {
    thread_local RecordsAtTheEnd at_the_end;
    at_the_end.recorder = &recorder;  // made before the thread's shards: destroyed after them
    recorder.record("first words", 0, 10);
  }).join();
  collect(recorder);
  EXPECT_EQ(total("last words").counters.calls, 1U);
  EXPECT_EQ(total("first words").counters.calls, 1U);
}

/// A cell that the test writes like a recording thread that is stopped at will.
class CellShadowTest : public ::testing::Test {
 protected:
  void record(std::uint64_t duration) {
    cell_.make_page(duration);
    ASSERT_TRUE(cell_.record(duration, Recorder::kNoMemory, now_));
  }
  KernelCounters take() {
    Aggregate delta;
    EXPECT_TRUE(shadow_.take(cell_, delta, buckets_));
    return delta.counters;
  }

  std::atomic<std::int64_t> now_{0};
  detail::RecordCell cell_;
  detail::CellShadow shadow_;
  std::vector<BucketCount> buckets_;
};

TEST_F(CellShadowTest, ExtremesThatWereTakenTooEarlyAreHeldToWhatWasEverSeen) {
  record(1'005);  // its bucket begins at 992 and ends at 1007
  (void)cell_.interval_min_ns.take(UINT64_MAX);
  (void)cell_.interval_max_ns.take(0);
  const KernelCounters delta = take();
  EXPECT_EQ(delta.min_ns, 1'005U);
  EXPECT_EQ(delta.max_ns, 1'005U);
  record(1'000);
  record(1'002);
  (void)cell_.interval_min_ns.take(UINT64_MAX);
  (void)cell_.interval_max_ns.take(0);
  const KernelCounters second = take();
  EXPECT_EQ(second.min_ns, 1'000U);
  EXPECT_EQ(second.max_ns, 1'005U);  // not known better: within the bucket, and ever seen
}

TEST_F(CellShadowTest, ExtremesOfARecordThatIsUnderWayWaitForIt) {
  record(1'000);
  cell_.lowest_ns.set(5);  // a record of 5 ns has only just begun
  cell_.interval_min_ns.set(5);
  EXPECT_EQ(take().min_ns, 1'000U - 8U);  // the bound of its bucket: the exact one was hidden
  record(5);
  EXPECT_EQ(take().min_ns, 5U);
}

TEST_F(CellShadowTest, SumsOfARecordThatIsUnderWayComeLater) {
  record(40);
  cell_.pages[0].own()->at(50).add(1);  // a record of 50 ns has got as far as its bucket
  const KernelCounters first = take();
  EXPECT_EQ(first.calls, 2U);
  EXPECT_EQ(first.sum_ns, 90U);  // what the buckets say
  cell_.sum_ns.add(50);
  cell_.calls.add(1);
  const KernelCounters second = take();
  EXPECT_EQ(second.calls, 0U);
  EXPECT_EQ(first.sum_ns + second.sum_ns, 90U);
}

TEST(NameCache, ForgetsWhenFullAndFindsEveryNameUntilThen) {
  detail::NameCache cache;
  const auto f = [&](std::uint32_t i) { return std::string(i % 50, 'x') + std::to_string(i); };
  for (std::uint32_t i = 0; i < detail::NameCache::kMaxNames; ++i) {
    cache.insert(f(i), i % 3, i);
  }
  for (std::uint32_t i = 0; i < detail::NameCache::kMaxNames; ++i) {
    ASSERT_EQ(cache.find(f(i), i % 3), i);
    ASSERT_EQ(cache.find(f(i), 3), detail::NameCache::kUnknown);
  }
  cache.insert("one more", 0, 9);
  EXPECT_EQ(cache.size(), 1U);
  EXPECT_EQ(cache.find("one more", 0), 9U);
}

TEST(NameCache, APlaceWithOtherBytesIsAnotherName) {
  detail::NameCache cache;
  std::string name = "a name that is longer than sixteen bytes";
  cache.insert(name, 0, 1);
  EXPECT_EQ(cache.find_by_place(name, 0), detail::NameCache::kUnknown);  // not seen here yet
  EXPECT_EQ(cache.find(name, 0), 1U);
  EXPECT_EQ(cache.find_by_place(name, 0), 1U);
  EXPECT_EQ(cache.find_by_place(name, 1), detail::NameCache::kUnknown);
  for (char& c : name) {  // one byte after the other
    const char was = std::exchange(c, '#');
    EXPECT_EQ(cache.find_by_place(name, 0), detail::NameCache::kUnknown);
    EXPECT_EQ(cache.find(name, 0), detail::NameCache::kUnknown);
    c = was;
  }
  EXPECT_EQ(cache.find_by_place(std::string_view(name).substr(0, 20), 0),
            detail::NameCache::kUnknown);
  EXPECT_EQ(cache.find_by_place(name, 0), 1U);
}

TEST(RecordShard, BucketsByDoubleAreThoseOfTheScheme) {
  const auto f = [](std::uint64_t ns) {
    EXPECT_EQ(detail::bucket_of_double(ns, static_cast<double>(ns)), SketchScheme::bucket_of(ns))
        << ns;
  };
  for (std::uint32_t b = 0; b < SketchScheme::kBuckets; ++b) {
    f(SketchScheme::low(b));
    f(b == SketchScheme::kOverflow ? INT64_MAX : SketchScheme::end(b) - 1);
  }
}

TEST(NameCache, HashTellsNamesOfEveryLengthApart) {
  std::set<std::uint64_t> seen;
  std::size_t hashed = 0;
  for (std::size_t length = 0; length <= 100; ++length) {
    const std::string plain(length, 'a');
    seen.insert(detail::hash_name(plain, 0));
    ++hashed;
    for (std::size_t i = 0; i < length; ++i) {
      std::string changed = plain;
      changed[i] = 'b';
      seen.insert(detail::hash_name(changed, 0));
      ++hashed;
    }
  }
  EXPECT_EQ(seen.size(), hashed);
  EXPECT_NE(detail::hash_name("a", 0), detail::hash_name("a", 1));
}

}  // namespace
}  // namespace gpuvigil
