// SPDX-License-Identifier: Apache-2.0
// What history says of kernels, beside the same executions merged in one go.
#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/failpoint.h"
#include "base/testing_tree.h"
#include "store/kernel_reader.h"
#include "store/testing_history.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using testing::kHistoryStart;

constexpr std::array<std::string_view, 2> kUuids = {"GPU-a", "GPU-b"};

constexpr Timestamp kFirst = kHistoryStart + 3s;

/// Of a kernel; the durations by edge.
struct Ran {
  Timestamp edge;  ///< Of the frame that tells it.
  std::uint32_t device;
  std::uint64_t duration_ns;
};

/// Everything that ran, and frames of it.
class Programs {
 public:
  explicit Programs(unsigned seed, std::size_t kernels = 12) : random_(seed), kernels_(kernels) {}

  /// The row of a frame that ends `after` later, with executions of some kernels.
  HistoryRow next(Duration after) {
    const Timestamp from = at_;
    at_ += after;
    std::map<std::tuple<std::string, KernelKind, std::uint32_t>, std::vector<std::uint64_t>> ran;
    for (std::size_t i = 0; i < random_() % 40; ++i) {
      const std::size_t kernel = random_() % kernels_;
      const auto kind =
          kernel % 3 == 0 && random_() % 2 == 0 ? KernelKind::kMemcpy : KernelKind::kCompute;
      const auto device = static_cast<std::uint32_t>(random_() % kUuids.size());
      // Kernels differ in how long they take, over six powers of ten.
      const std::uint64_t scale = std::uint64_t{1} << (3 * (kernel % 7) + 3);
      const std::uint64_t duration = scale + random_() % scale;
      const std::string name = "kernel<" + std::to_string(kernel) + ">";
      ran[{name, kind, device}].push_back(duration);
      all_[{name, kind}].push_back({.edge = at_, .device = device, .duration_ns = duration});
    }
    auto delta = std::make_shared<WindowDelta>();
    delta->from = from;
    delta->to = at_;
    for (const auto& [key, durations] : ran) {
      const auto& [name, kind, device] = key;
      SeriesDelta series{.key = std::make_shared<const SeriesKey>(SeriesKey{
                             .name = make_kernel_name(name), .kind = kind, .device = device}),
                         .counters = {},
                         .last_end = at_ - 1ns,
                         .first_bucket = static_cast<std::uint32_t>(delta->buckets.size())};
      LatencySketch sketch;
      for (const std::uint64_t duration : durations) {
        series.counters.add(duration);
        sketch.add(duration);
      }
      sketch.for_each([&](std::uint32_t b, std::uint32_t n) { delta->buckets.push_back({b, n}); });
      series.bucket_count = static_cast<std::uint32_t>(delta->buckets.size()) - series.first_bucket;
      delta->series.push_back(std::move(series));
    }
    HistoryRow row = testing::row_at(at_, {"GPU-a", "GPU-b"}, "power", {1, 2});
    row.kernels = delta;
    row.kernel_devices = row.devices;
    return row;
  }

  /// Those of frames with from < edge <= to, as one sum.
  [[nodiscard]] KernelSum sum(Timestamp from, Timestamp to, std::string_view name, KernelKind kind,
                              std::optional<std::uint32_t> device = {}) const {
    KernelSum sum;
    for (const auto& [key, runs] : all_) {
      if ((!name.empty() && key.first != name) || key.second != kind) continue;
      auto one = std::ranges::upper_bound(runs, from, {}, &Ran::edge);
      for (; one != runs.end() && one->edge <= to; ++one) {
        if (device && one->device != *device) continue;
        sum.counters.add(one->duration_ns);
        sum.sketch.add(one->duration_ns);
      }
    }
    return sum;
  }

  void wait(Duration time) { at_ += time; }
  [[nodiscard]] Timestamp at() const { return at_; }

 private:
  std::mt19937 random_;
  std::size_t kernels_;
  Timestamp at_ = kFirst;
  std::map<std::pair<std::string, KernelKind>, std::vector<Ran>> all_;
};

void expect_equal(const KernelCounters& got, const Percentiles& times, const KernelSum& want,
                  const std::string& where) {
  EXPECT_EQ(got.calls, want.counters.calls) << where;
  EXPECT_EQ(got.sum_ns, want.counters.sum_ns) << where;
  if (want.counters.calls == 0) return;
  EXPECT_EQ(got.min_ns, want.counters.min_ns) << where;
  EXPECT_EQ(got.max_ns, want.counters.max_ns) << where;
  EXPECT_NEAR(got.sum_squares_ns2, want.counters.sum_squares_ns2,
              want.counters.sum_squares_ns2 * 1e-12)
      << where;
  const Percentiles p = percentiles(want.sketch, want.counters.min_ns, want.counters.max_ns);
  EXPECT_EQ(times.p50_ns, p.p50_ns) << where;
  EXPECT_EQ(times.p95_ns, p.p95_ns) << where;
  EXPECT_EQ(times.p99_ns, p.p99_ns) << where;
}

std::unique_ptr<HistoryWriter> opened(const HistoryOptions& options, Timestamp now) {
  auto writer = HistoryWriter::open(options, now);
  EXPECT_TRUE(writer) << (writer ? "" : writer.error().message);
  return writer ? *std::move(writer) : nullptr;
}

Result<KernelHistory> ask(HistoryWriter& writer, const KernelHistoryQuery& query) {
  std::uint64_t damaged = 0;
  auto answer = read_kernel_history(writer.database(), writer.kernel_head(), query, damaged);
  EXPECT_EQ(damaged, 0U);
  return answer;
}

void expect_history(HistoryWriter& writer, const Programs& programs, Timestamp from, Timestamp to,
                    Duration step, std::optional<std::uint32_t> device = {}) {
  for (const std::string name : {"kernel<0>", "kernel<1>", "kernel<5>"}) {
    for (const KernelKind kind : {KernelKind::kCompute, KernelKind::kMemcpy}) {
      KernelHistoryQuery query{.kernel_id = make_kernel_name(name)->id,
                               .kind = kind,
                               .devices = {},
                               .from = from,
                               .to = to,
                               .step = step};
      if (device) query.devices = {{std::string(kUuids[*device])}};
      const auto got = ask(writer, query);
      ASSERT_TRUE(got) << got.error().message;
      EXPECT_EQ(got->name->name, name);
      for (std::size_t i = 0; i < got->points.size(); ++i) {
        const Timestamp begin = got->first + static_cast<std::int64_t>(i) * got->step;
        const KernelSum want = programs.sum(begin, begin + got->step, name, kind, device);
        expect_equal(got->points[i].counters, got->points[i].percentiles, want,
                     name + " step " + std::to_string(i));
      }
      const Timestamp end = got->first + static_cast<std::int64_t>(got->points.size()) * got->step;
      expect_equal(got->total.counters, got->total.percentiles,
                   programs.sum(got->first, end, name, kind, device), name);
    }
  }
}

void expect_window(HistoryWriter& writer, const Programs& programs, Timestamp since) {
  std::uint64_t damaged = 0;
  const auto got = read_kernel_window(writer.database(), writer.kernel_head(), since, damaged);
  ASSERT_TRUE(got) << got.error().message;
  ASSERT_EQ(damaged, 0U);
  EXPECT_LE(got->delta.from, std::max(since, kFirst));
  EXPECT_EQ(got->delta.to, programs.at());
  std::uint64_t calls = 0;
  for (const SeriesDelta& series : got->delta.series) {
    const auto device = static_cast<std::uint32_t>(
        std::ranges::find(kUuids, got->devices[series.key->device]) - kUuids.begin());
    const KernelSum want = programs.sum(got->delta.from, got->delta.to, series.key->name->name,
                                        series.key->kind, device);
    expect_equal(
        series.counters,
        percentiles(got->delta.buckets_of(series), series.counters.min_ns, series.counters.max_ns),
        want, series.key->name->name);
    calls += series.counters.calls;
  }
  EXPECT_EQ(
      calls,
      programs.sum(got->delta.from, got->delta.to, "", KernelKind::kCompute).counters.calls +
          programs.sum(got->delta.from, got->delta.to, "", KernelKind::kMemcpy).counters.calls);
}

TEST(KernelHistory, AnyWindowIsWhatItsFramesWereMergedDirectly) {
  const testing::Tree tree;
  const HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  Programs programs(1);
  std::mt19937 random(2);
  for (int life = 0; life < 3; ++life) {
    const auto writer = opened(options, programs.at());
    ASSERT_TRUE(writer);
    for (int i = 0; i < 1290; ++i) {
      // Most a second long; some shorter, and some that took long to close.
      const std::uint64_t kind = random() % 50;
      const Duration after = kind == 0 ? Duration(300ms) : kind == 1 ? Duration(4500ms) : 1s;
      writer->append(programs.next(after));
    }
    const Timestamp last = programs.at();
    writer->append(programs.next(1s));
    for (const Duration step : {Duration(10s), Duration(1min), Duration(5min), Duration(1h)}) {
      expect_history(*writer, programs, kHistoryStart, last + 1s, step);
    }
    expect_history(*writer, programs, last - 100s, last, 10s, 1);
    for (const Duration back : {Duration(20s), Duration(95s), Duration(1h), Duration(40min)}) {
      expect_window(*writer, programs, programs.at() - back);
    }
    programs.wait(100s);
  }
}

RC_GTEST_PROP(KernelHistory, WindowsEqualWhateverTheWindowAndTheLife, ()) {
  const testing::Tree tree;
  const HistoryOptions options{.path = tree.path("h.db"), .limits = {.ballast_bytes = 0}};
  Programs programs(*rc::gen::arbitrary<unsigned>());
  const auto lives = *rc::gen::inRange(1, 4);
  std::unique_ptr<HistoryWriter> writer;
  for (int life = 0; life < lives; ++life) {
    writer.reset();
    writer = opened(options, programs.at());
    const auto frames = *rc::gen::inRange(1, 150);
    for (int i = 0; i < frames; ++i) writer->append(programs.next(1s));
  }
  const auto back = *rc::gen::inRange<std::int64_t>(1, (programs.at() - kHistoryStart) / 1s);
  expect_window(*writer, programs, programs.at() - back * 1s);
  RC_ASSERT(!::testing::Test::HasFailure());
}

TEST(KernelHistory, WhatAFullFileHoldsBackIsAnsweredAndWrittenLater) {
  const testing::Tree tree;
  const HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  Programs programs(5);
  {
    const auto writer = opened(options, programs.at());
    for (int i = 0; i < 137; ++i) writer->append(programs.next(1s));
    for (const char* fault : {"store.commit", "store.before_commit", "sqlite.full"}) {
      {
        const FailpointArmed armed(fault);
        for (int i = 0; i < 74; ++i) writer->append(programs.next(1s));
        EXPECT_NE(writer->status().problem, "") << fault;
        if (fault != std::string_view("sqlite.full")) {
          expect_window(*writer, programs, kHistoryStart + 3s);
        }
      }
      for (int i = 0; i < 9; ++i) writer->append(programs.next(1s));
      EXPECT_EQ(writer->status().problem, "") << fault;
      expect_window(*writer, programs, kHistoryStart + 3s);
    }
  }
  const auto again = opened(options, programs.at());
  expect_window(*again, programs, kHistoryStart + 3s);
}

TEST(KernelHistory, TheSmallestAreSummedAsOthersAndTotalsStayExact) {
  const testing::Tree tree;
  KernelWriter writer({.series = {4, 4, 4}, .names = 1000});
  Programs programs(3, 30);
  auto db = SqliteDatabase::in_memory();
  ASSERT_TRUE(migrate_history(*db));
  for (int i = 0; i < 200; ++i) {
    const HistoryRow row = programs.next(1s);
    writer.add(*row.kernels, row.kernel_devices);
    writer.end_second();
    ASSERT_TRUE(writer.write(KernelFile(*db)));
    writer.written();
  }
  std::uint64_t damaged = 0;
  const KernelHead head{.steps = {}, .names = {}, .devices = writer.devices()};
  const auto window = read_kernel_window(*db, head, kHistoryStart, damaged);
  ASSERT_TRUE(window);
  std::uint64_t calls = 0;
  std::uint64_t others = 0;
  for (const SeriesDelta& series : window->delta.series) {
    if (series.key->kind != KernelKind::kCompute) continue;
    calls += series.counters.calls;
    if (series.key->name->name == kOtherName) others += series.counters.calls;
  }
  EXPECT_GT(others, 0U);
  EXPECT_LT(others, calls);
  EXPECT_EQ(calls,
            programs.sum(kHistoryStart, programs.at(), "", KernelKind::kCompute).counters.calls);
}

TEST(KernelHistory, NamesThatRanLeastLatelyMakeRoomAndTheirTimeStays) {
  auto db = SqliteDatabase::in_memory();
  ASSERT_TRUE(migrate_history(*db));
  KernelWriter writer({.series = {64, 64, 64}, .names = 100});
  std::uint64_t calls = 0;
  for (int i = 0; i < 500; ++i) {
    auto delta = std::make_shared<WindowDelta>();
    delta->from = kHistoryStart + i * 1s;
    delta->to = delta->from + 1s;
    KernelCounters counters;
    counters.add(static_cast<std::uint64_t>(1000 + i));
    delta->series.push_back({.key = std::make_shared<const SeriesKey>(
                                 SeriesKey{.name = make_kernel_name("once_" + std::to_string(i))}),
                             .counters = counters,
                             .last_end = delta->to,
                             .bucket_count = 1});
    delta->buckets.push_back({SketchScheme::bucket_of(counters.sum_ns), 1});
    ++calls;
    writer.add(*delta, {});
    writer.end_second();
    ASSERT_TRUE(writer.write(KernelFile(*db)));
    writer.written();
  }
  EXPECT_LE(writer.names(), 101U);
  EXPECT_EQ(db->number("SELECT count(*) FROM kernel").value(),
            static_cast<std::int64_t>(writer.names()));
  std::uint64_t damaged = 0;
  const auto window =
      read_kernel_window(*db, {.steps = {}, .names = {}, .devices = {""}}, kHistoryStart, damaged);
  ASSERT_TRUE(window);
  std::uint64_t seen = 0;
  for (const SeriesDelta& series : window->delta.series) seen += series.counters.calls;
  EXPECT_EQ(seen, calls);
}

TEST(KernelHistory, OldStepsGoAndTheirMinutesStay) {
  const testing::Tree tree;
  HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  options.limits.raw = 20min;
  Programs programs(8);
  const auto writer = opened(options, programs.at());
  for (int i = 0; i < 3000; ++i) writer->append(programs.next(1s));
  KernelFile file(writer->database());
  EXPECT_GT(file.span_of(TierId::kRaw)->value().oldest_ns, to_unix_ns(programs.at() - 25min));
  const auto old = ask(*writer, {.kernel_id = make_kernel_name("kernel<1>")->id,
                                 .kind = {},
                                 .devices = {},
                                 .from = kHistoryStart,
                                 .to = kHistoryStart + 10min,
                                 .step = 10s});
  ASSERT_TRUE(old);
  EXPECT_EQ(old->step, 1min);
  expect_history(*writer, programs, kHistoryStart, programs.at(), 1min);
  expect_window(*writer, programs, programs.at() - 45min);
}

TEST(KernelHistory, WhatIsDamagedIsAGapAndCounted) {
  const testing::Tree tree;
  const HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  Programs programs(9);
  const auto writer = opened(options, programs.at());
  for (int i = 0; i < 100; ++i) writer->append(programs.next(1s));
  ASSERT_TRUE(writer->database().execute(
      "UPDATE kernel_step SET data=x'01ffff' WHERE id=(SELECT max(id) FROM kernel_step)"));
  std::uint64_t damaged = 0;
  const auto window =
      read_kernel_window(writer->database(), writer->kernel_head(), kHistoryStart, damaged);
  ASSERT_TRUE(window);
  EXPECT_EQ(damaged, 1U);
  EXPECT_FALSE(window->delta.series.empty());
}

TEST(KernelHistory, RefusesTooManyPointsAndUnknownKernels) {
  const auto writer = opened({}, kHistoryStart);
  Programs programs(4);
  for (int i = 0; i < 30; ++i) writer->append(programs.next(1s));
  KernelHistoryQuery query{.kernel_id = 1,
                           .kind = {},
                           .devices = {},
                           .from = kHistoryStart,
                           .to = programs.at(),
                           .step = 10s};
  EXPECT_EQ(ask(*writer, query).error().code, Errc::kNotFound);
  query.to = query.from + 10s * static_cast<std::int64_t>(KernelHistoryQuery::kMaxPoints);
  EXPECT_EQ(ask(*writer, query).error().code, Errc::kTooLarge);
}

TEST(KernelHistory, AFileOfTheFirstSchemaIsBroughtUpToDate) {
  const testing::Tree tree;
  const HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  Programs programs(4);
  {
    const auto writer = opened(options, programs.at());
    for (int i = 0; i < 30; ++i) writer->append(programs.next(1s));
    // What the first schema had in their places, and nothing in it.
    ASSERT_TRUE(writer->database().execute(
        "DROP TABLE kernel; DROP TABLE kernel_device; DROP TABLE kernel_step;"
        "CREATE TABLE kernel(id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, kind INTEGER NOT NULL,"
        " name TEXT NOT NULL, UNIQUE(hash, kind));"
        "CREATE TABLE kernel_step(tier INTEGER NOT NULL, block INTEGER NOT NULL, from_ns INTEGER "
        "NOT NULL, to_ns INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY(tier, block, from_ns)) "
        "WITHOUT ROWID; PRAGMA user_version=1"));
  }
  {
    const FailpointArmed armed("store.migrate");
    EXPECT_FALSE(HistoryWriter::open(options, programs.at()));
  }
  const auto writer = opened(options, programs.at());
  ASSERT_TRUE(writer);
  EXPECT_EQ(writer->database().number("PRAGMA user_version").value(), kHistorySchema);
  EXPECT_TRUE(writer->status().newest.has_value());
  const Timestamp since = programs.at();
  for (int i = 0; i < 30; ++i) writer->append(programs.next(1s));
  expect_window(*writer, programs, since + 10s);
}

}  // namespace
}  // namespace gpuvigil
