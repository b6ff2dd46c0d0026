// SPDX-License-Identifier: Apache-2.0
#include "store/history_writer.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/failpoint.h"
#include "base/testing_tree.h"
#include "store/history_reader.h"
#include "store/testing_history.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using testing::ask;
using testing::kHistoryStart;
using testing::row_at;

std::unique_ptr<HistoryWriter> opened(const HistoryOptions& options, Timestamp now) {
  auto writer = HistoryWriter::open(options, now);
  EXPECT_TRUE(writer) << (writer ? "" : writer.error().message);
  return writer ? *std::move(writer) : nullptr;
}

HistoryQuery power_query(Timestamp from, Timestamp to, Duration step,
                         HistoryAggregate aggregate = HistoryAggregate::kAverage) {
  return {.metrics = {"power"},
          .devices = {},
          .from = from,
          .to = to,
          .step = step,
          .aggregate = aggregate,
          .wants_trend = false};
}

/// Every value that was given, to reckon again what the store says.
struct Reference {
  std::map<std::string, std::map<std::int64_t, double>> values;

  [[nodiscard]] double of(const std::string& uuid, Timestamp from, Duration step,
                          HistoryAggregate aggregate) const {
    const auto series = values.find(uuid);
    if (series == values.end()) return NAN;
    auto at = series->second.lower_bound(to_unix_ns(from));
    const auto end = series->second.lower_bound(to_unix_ns(from + step));
    if (at == end) return NAN;
    double count = 0;
    double sum = 0;
    double low = at->second;
    double high = at->second;
    double last = 0;
    for (; at != end; ++at) {
      ++count;
      sum += at->second;
      low = std::min(low, at->second);
      high = std::max(high, at->second);
      last = at->second;
    }
    switch (aggregate) {
      case HistoryAggregate::kAverage:
        return sum / count;
      case HistoryAggregate::kMin:
        return low;
      case HistoryAggregate::kMax:
        return high;
      case HistoryAggregate::kLast:
        return last;
    }
    return NAN;
  }
};

constexpr std::array kAggregates = {HistoryAggregate::kAverage, HistoryAggregate::kMin,
                                    HistoryAggregate::kMax, HistoryAggregate::kLast};

void expect_same(HistoryWriter& writer, const Reference& reference, Timestamp from, Timestamp to,
                 Duration step) {
  for (const HistoryAggregate aggregate : kAggregates) {
    const auto answer = ask(writer, power_query(from, to, step, aggregate), to);
    ASSERT_TRUE(answer) << answer.error().message;
    ASSERT_EQ(answer->step, step);
    for (const HistorySeries& series : answer->series) {
      for (std::size_t i = 0; i < answer->points; ++i) {
        const Timestamp at = answer->first + static_cast<std::int64_t>(i) * step;
        const double want = reference.of(series.uuid, at, step, aggregate);
        const double got = series.values[i];
        if (std::isnan(want)) {
          EXPECT_TRUE(std::isnan(got)) << i << " " << got;
        } else if (aggregate == HistoryAggregate::kAverage && step > 1s) {
          EXPECT_NEAR(got, want, std::abs(want) * 1e-12) << i;
        } else {
          EXPECT_EQ(got, want) << i;
        }
      }
    }
  }
}

/// Three hours and some of two devices, one of which is away for a while.
Timestamp fill(HistoryWriter& writer, Reference& reference, Timestamp from, int seconds,
               unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> noise(-5000, 5000);
  const std::vector<std::string> both = {"GPU-a", "GPU-b"};
  for (int i = 0; i < seconds; ++i) {
    const Timestamp at = from + i * 1s;
    const double a = (250'000 + noise(random)) / 1000.0;
    const double b = i % 7 == 0 ? absent_value() : (i / 60) * 0.5;
    const bool away = i > 2000 && i < 5000;
    writer.append(away ? row_at(at, {"GPU-a"}, "power", {a}) : row_at(at, both, "power", {a, b}));
    reference.values["GPU-a"][to_unix_ns(at)] = a;
    if (!away && !is_absent(b)) reference.values["GPU-b"][to_unix_ns(at)] = b;
  }
  return from + seconds * 1s;
}

TEST(HistoryWriter, AnswersAsAReferenceReckonsAcrossRestarts) {
  const testing::Tree tree;
  const HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  Reference reference;
  Timestamp at = kHistoryStart + 17s;
  for (unsigned life = 0; life < 3; ++life) {
    const auto writer = opened(options, at);
    ASSERT_TRUE(writer);
    at = fill(*writer, reference, at, 3700 + 13 * static_cast<int>(life), life);
    for (const Duration step : {Duration(1s), Duration(7s), Duration(1min), Duration(5min)}) {
      expect_same(*writer, reference, kHistoryStart, at, step);
    }
    expect_same(*writer, reference, kHistoryStart - 5h, at, 1h);
    expect_same(*writer, reference, kHistoryStart + 100s, kHistoryStart + 700s, 1s);
    at += 100s;
  }
  const auto writer = opened(options, at);
  expect_same(*writer, reference, kHistoryStart, at, 1s);
  expect_same(*writer, reference, kHistoryStart, at, 1min);
  expect_same(*writer, reference, kHistoryStart, at, 1h);
}

TEST(HistoryWriter, InMemoryItAnswersAlike) {
  const auto writer = opened({}, kHistoryStart);
  Reference reference;
  const Timestamp end = fill(*writer, reference, kHistoryStart, 2500, 9);
  expect_same(*writer, reference, kHistoryStart, end, 1s);
  expect_same(*writer, reference, kHistoryStart, end, 1min);
}

TEST(HistoryWriter, TakesOneRowASecondAndNoneOfThePast) {
  const auto writer = opened({}, kHistoryStart);
  const auto give = [&](Duration at, double value) {
    writer->append(row_at(kHistoryStart + at, {"GPU-a"}, "power", {value}));
  };
  give(0s, 1);
  give(100ms, 2);
  give(1s, 3);
  give(500ms, 4);
  give(-1h, 5);
  give(2s, 6);
  EXPECT_EQ(writer->status().rows, 3U);
  EXPECT_EQ(writer->status().rows_late, 2U);
  const auto answer =
      ask(*writer, power_query(kHistoryStart - 2h, kHistoryStart + 3s, 1s), kHistoryStart + 3s);
  ASSERT_TRUE(answer && answer->series.size() == 1);
  const auto& values = answer->series[0].values;
  EXPECT_EQ((std::vector<double>{values.end() - 3, values.end()}), (std::vector<double>{1, 3, 6}));
  EXPECT_EQ(std::ranges::count_if(values, [](double v) { return !std::isnan(v); }), 3);
}

TEST(HistoryWriter, DropsWhatAWrongClockHasLabelledFarAhead) {
  const testing::Tree tree;
  const HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  opened(options, kHistoryStart)->append(row_at(kHistoryStart, {"GPU-a"}, "power", {1}));
  opened(options, kHistoryStart + 9000h)
      ->append(row_at(kHistoryStart + 9000h, {"GPU-a"}, "power", {2}));
  const auto writer = opened(options, kHistoryStart + 10s);
  writer->append(row_at(kHistoryStart + 10s, {"GPU-a"}, "power", {3}));
  EXPECT_EQ(writer->status().rows_late, 0U);
  EXPECT_EQ(writer->status().rows, 1U);
}

TEST(HistoryWriter, AnswersTrendAndAvailability) {
  const auto writer = opened({}, kHistoryStart);
  const std::vector<std::string> both = {"GPU-a", "GPU-b"};
  for (int i = 0; i < 600; ++i) {
    const Timestamp at = kHistoryStart + i * 1s;
    if (i < 150) {
      writer->append(row_at(at, both, "power", {100 + i * 0.5, 7}));
    } else {
      writer->append(row_at(at, {"GPU-a"}, "power", {100 + i * 0.5}));
    }
  }
  auto query = power_query(kHistoryStart, kHistoryStart + 600s, 10s);
  query.wants_trend = true;
  const auto answer = ask(*writer, query, kHistoryStart + 600s);
  ASSERT_TRUE(answer && answer->series.size() == 2 && answer->availability.size() == 2);
  EXPECT_NEAR(answer->series[0].trend->slope_per_hour.value(), 1800, 1e-6);
  EXPECT_EQ(answer->availability[0].ratio, 1.0);
  EXPECT_NEAR(answer->availability[1].ratio.value(), 0.25, 1e-9);
  EXPECT_EQ(answer->coverage, 1.0);
}

TEST(HistoryWriter, RefusesMorePointsThanThereMayBe) {
  const auto writer = opened({}, kHistoryStart);
  writer->append(row_at(kHistoryStart, {"GPU-a"}, "power", {1}));
  const auto refused =
      ask(*writer, power_query(kHistoryStart - 87'600h, kHistoryStart + 1s, 1s), kHistoryStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kTooLarge);
}

TEST(HistoryWriter, KeepsWhatItsAgesAndItsSizeAllow) {
  const testing::Tree tree;
  HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  options.limits.raw = 1h;
  options.limits.ballast_bytes = 0;
  const auto writer = opened(options, kHistoryStart);
  Reference reference;
  const Timestamp end = fill(*writer, reference, kHistoryStart, 5 * 3600, 1);
  EXPECT_GT(writer->status().oldest.value(), kHistoryStart - 1s);
  // Raw values of the beginning are gone, their minutes are not: the step says so.
  const auto old = ask(*writer, power_query(kHistoryStart, kHistoryStart + 60s, 1s), end);
  ASSERT_TRUE(old);
  EXPECT_EQ(old->step, 1min);
  expect_same(*writer, reference, kHistoryStart, end, 1min);

  HistoryOptions small = options;
  small.limits.bytes = 100'000;
  small.limits.raw = 24h;
  small.path = tree.path("small.db");
  const auto bounded = opened(small, kHistoryStart);
  Reference ignored;
  fill(*bounded, ignored, kHistoryStart, 8 * 3600, 2);
  EXPECT_LE(bounded->status().file_bytes, 140'000U);
}

TEST(HistoryWriter, GoesOnInMemoryWhileTheFileFailsAndWritesItThen) {
  const testing::Tree tree;
  const HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  Reference reference;
  Timestamp at = kHistoryStart;
  {
    const auto writer = opened(options, at);
    at = fill(*writer, reference, at, 100, 1);
    for (const char* fault : {"store.commit", "store.before_commit", "sqlite.io", "sqlite.full"}) {
      {
        const FailpointArmed armed(fault);
        at = fill(*writer, reference, at, 20, 2);
        EXPECT_NE(writer->status().problem, "") << fault;
      }
      at = fill(*writer, reference, at, 20, 3);
      EXPECT_EQ(writer->status().problem, "") << fault;
    }
    expect_same(*writer, reference, kHistoryStart, at, 1s);
  }
  const auto again = opened(options, at);
  expect_same(*again, reference, kHistoryStart, at, 1s);
}

TEST(HistoryWriter, AnErrorAtEveryOperationLosesNothingThatWasCommitted) {
  const testing::Tree tree;
  const HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  Reference reference;
  Timestamp at = kHistoryStart;
  for (std::uint64_t nth = 0; nth < 60; ++nth) {
    std::unique_ptr<HistoryWriter> writer;
    {
      const FailpointArmed armed("sqlite.io", nth);
      auto made = HistoryWriter::open(options, at);
      if (made) {
        writer = *std::move(made);
        at = fill(*writer, reference, at, 70, static_cast<unsigned>(nth));
      }
    }
    if (!writer) writer = opened(options, at);
    ASSERT_TRUE(writer);
    at = fill(*writer, reference, at, 5, 1);
    ASSERT_EQ(writer->status().problem, "") << nth;
  }
  const auto again = opened(options, at);
  expect_same(*again, reference, kHistoryStart, at, 1s);
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(HistoryWriter, WhateverIsDamagedItStartsAndRecords) {
  const testing::Tree tree;
  const HistoryOptions sound{.path = tree.path("sound.db"), .limits = {.ballast_bytes = 0}};
  Reference reference;
  const Timestamp at = fill(*opened(sound, kHistoryStart), reference, kHistoryStart, 2600, 5);
  const std::string bytes = read_file(sound.path);
  std::mt19937 random(42);
  for (int i = 0; i < 100; ++i) {
    const HistoryOptions options{.path = tree.path("h.db"), .limits = {.ballast_bytes = 0}};
    std::string damaged = bytes;
    if (i % 4 == 3) {
      damaged.resize(random() % damaged.size());
    } else {
      for (int k = 0; k <= i % 5 * 20; ++k) {
        damaged[random() % damaged.size()] = static_cast<char>(random());
      }
    }
    tree.write("h.db", damaged);
    const auto writer = opened(options, at);
    ASSERT_TRUE(writer) << i;
    for (int s = 0; s < 3; ++s) writer->append(row_at(at + s * 1s, {"GPU-a"}, "power", {1}));
    EXPECT_EQ(writer->status().problem, "") << i;
    (void)ask(*writer, power_query(kHistoryStart, at + 3s, 1s), at);
    for (const auto& entry : std::filesystem::directory_iterator(tree.path(""))) {
      if (entry.path().filename().string().starts_with("h.db")) {
        std::filesystem::remove(entry.path());
      }
    }
  }
}

TEST(HistoryWriter, RefusesANewerSchemaAndLeavesItAlone) {
  const testing::Tree tree;
  const HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  (void)opened(options, kHistoryStart);
  {
    auto db = SqliteDatabase::open(options.path, {});
    ASSERT_TRUE(db->execute("PRAGMA user_version=99"));
  }
  const auto refused = HistoryWriter::open(options, kHistoryStart);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kUnavailable);
  EXPECT_NE(refused.error().message.find("newer"), std::string::npos);
  auto db = SqliteDatabase::open(options.path, {});
  EXPECT_EQ(db->number("PRAGMA user_version").value(), 99);
}

TEST(HistoryWriter, RefusesWhatAnotherWritesAndWhatIsNotOurs) {
  const testing::Tree tree;
  const HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  const auto writer = opened(options, kHistoryStart);
  EXPECT_EQ(HistoryWriter::open(options, kHistoryStart).error().code, Errc::kUnavailable);
  {
    auto foreign = SqliteDatabase::open(tree.path("foreign.db"), {});
    ASSERT_TRUE(foreign->execute("CREATE TABLE theirs(a)"));
  }
  const HistoryOptions theirs{.path = tree.path("foreign.db"), .limits = {}};
  EXPECT_EQ(HistoryWriter::open(theirs, kHistoryStart).error().code, Errc::kInvalidArgument);
}

TEST(HistoryWriter, AlertsAndEventsAreThereAgain) {
  const testing::Tree tree;
  const HistoryOptions options{.path = tree.path("h.db"), .limits = {}};
  auto row = row_at(kHistoryStart, {"GPU-a"}, "power", {1});
  row.alerts.push_back({.id = "1",
                        .rule = "r",
                        .message = "m",
                        .began = kHistoryStart,
                        .metric = "power",
                        .value = 0.1,
                        .uuid = "GPU-a"});
  auto log = std::make_shared<EventLog>();
  log->events.push_back({.at = kHistoryStart,
                         .uuid = "GPU-a",
                         .kind = "xid",
                         .code = 79,
                         .severity = EventSeverity::kCritical,
                         .message = "gone",
                         .advice = "x"});
  row.events = log;
  {
    const auto writer = opened(options, kHistoryStart);
    writer->append(row);
    row.at += 1s;
    row.alerts[0].state = AlertState::kResolved;
    row.alerts[0].resolved_at = row.at;
    writer->append(row);
  }
  const auto again = opened(options, kHistoryStart + 10s);
  ASSERT_EQ(again->alerts_before().size(), 1U);
  EXPECT_EQ(again->alerts_before()[0].state, AlertState::kResolved);
  EXPECT_EQ(again->alerts_before()[0].resolved_at, row.at);
  EXPECT_EQ(again->alerts_before()[0].value, 0.1);
  ASSERT_EQ(again->events_before().size(), 1U);
  EXPECT_EQ(again->events_before()[0], log->events[0]);
}

}  // namespace
}  // namespace gpuvigil
