// SPDX-License-Identifier: Apache-2.0
// What machines do to a file of history: kills, lost power, clocks, readers that stay.
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/testing_tree.h"
#include "store/maintenance.h"
#include "store/testing_history.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using testing::kHistoryStart;
using testing::row_at;

constexpr int kKills = 50;

HistoryOptions options_of(const std::string& path) {
  HistoryOptions options{.path = path, .limits = {}};
  options.limits.raw = 10min;
  options.limits.ballast_bytes = 0;
  return options;
}

/// A row with a value that its second gives, and a kernel that ran once.
HistoryRow row_of(std::int64_t second) {
  HistoryRow row =
      row_at(kHistoryStart + second * 1s, {"GPU-a"}, "power", {static_cast<double>(second % 1000)});
  auto delta = std::make_shared<WindowDelta>();
  delta->from = row.at - 1s;
  delta->to = row.at;
  SeriesDelta series{.key = std::make_shared<const SeriesKey>(
                         SeriesKey{.name = make_kernel_name("k"), .device = 0}),
                     .counters = {},
                     .last_end = row.at,
                     .bucket_count = 1};
  series.counters.add(1000);
  delta->buckets.push_back({SketchScheme::bucket_of(1000), 1});
  delta->series.push_back(std::move(series));
  row.kernels = std::move(delta);
  row.kernel_devices = row.devices;
  return row;
}

HistoryQuery seconds_query(std::int64_t from, std::int64_t to) {
  return {.metrics = {"power"},
          .devices = {},
          .from = kHistoryStart + from * 1s,
          .to = kHistoryStart + to * 1s,
          .step = 1s};
}

/// Every second of [from, to) has its value.
void expect_seconds(HistoryWriter& writer, std::int64_t from, std::int64_t to,
                    const std::string& where) {
  const auto answer = testing::ask(writer, seconds_query(from, to), kHistoryStart + to * 1s);
  ASSERT_TRUE(answer) << where << answer.error().message;
  ASSERT_EQ(answer->step, 1s) << where;
  ASSERT_EQ(answer->series.size(), 1U) << where;
  for (std::int64_t i = 0; i < to - from; ++i) {
    ASSERT_EQ(answer->series[0].values[static_cast<std::size_t>(i)],
              static_cast<double>((from + i) % 1000))
        << where << " second " << from + i;
  }
}

std::uint64_t calls_since(HistoryWriter& writer, std::int64_t second) {
  std::uint64_t damaged = 0;
  const auto window = read_kernel_window(writer.database(), writer.kernel_head(),
                                         kHistoryStart + second * 1s, damaged);
  EXPECT_TRUE(window);
  EXPECT_EQ(damaged, 0U);
  std::uint64_t calls = 0;
  for (const SeriesDelta& series : window->delta.series) calls += series.counters.calls;
  return calls;
}

void expect_sound(const std::string& path, const std::string& where) {
  auto file = HistoryMaintenance::open(path, HistoryMaintenance::Purpose::kLook);
  ASSERT_TRUE(file) << where;
  const auto found = file->check();
  ASSERT_TRUE(found) << where;
  EXPECT_TRUE(found->empty()) << where << ": " << found->front();
}

bool was_set_aside(const testing::Tree& tree) {
  for (const auto& entry : std::filesystem::directory_iterator(tree.path(""))) {
    if (entry.path().string().contains("damaged")) return true;
  }
  return false;
}

/// A number that a process that is killed leaves behind.
class Shared {
 public:
  Shared()
      : place_(static_cast<std::atomic<std::int64_t>*>(
            ::mmap(nullptr, sizeof(std::atomic<std::int64_t>), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~Shared() { ::munmap(place_, sizeof(*place_)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  [[nodiscard]] std::atomic<std::int64_t>& value() { return *place_; }

 private:
  std::atomic<std::int64_t>* place_;
};

/// Runs `work` in a process that dies in its nth operation on the file; true when it did.
template <class Work>
bool killed_at(std::uint64_t nth, Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    const FailpointArmed armed("sqlite.kill", nth);
    work();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
  return WIFSIGNALED(status);
}

TEST(HistoryFaults, AKillInRollUpsAndRetentionLosesNothingThatWasCommitted) {
  const testing::Tree tree;
  const HistoryOptions options = options_of(tree.path("h.db"));
  std::mt19937 random(7);
  Shared next;
  int kills = 0;
  for (int i = 0; i < kKills; ++i) {
    // What is read at the start takes few operations, what is written takes many.
    const std::uint64_t nth = i % 5 == 0 ? random() % 40 : random() % 2500;
    kills += killed_at(nth, [&] {
      auto writer = HistoryWriter::open(options, kHistoryStart + next.value().load() * 1s);
      if (!writer) ::_exit(1);
      for (int s = 0; s < 300; ++s) {
        (*writer)->append(row_of(next.value()));
        ++next.value();
      }
    });
    auto writer = HistoryWriter::open(options, kHistoryStart + next.value().load() * 1s);
    ASSERT_TRUE(writer) << i << writer.error().message;
    EXPECT_EQ((*writer)->status().problem, "");
    const std::int64_t end = next.value().load();
    const std::int64_t from = std::max<std::int64_t>(end - 9 * 60, 0);
    if (end > from) expect_seconds(**writer, from, end, "kill " + std::to_string(i));
    // The row that ran may have been committed before the kill: then it is not taken again.
    if (end > 0) {
      const std::int64_t first = std::max<std::int64_t>(end - 300, 0) / 60 * 60;
      const auto calls = static_cast<std::int64_t>(calls_since(**writer, first));
      EXPECT_GE(calls, end - first - 1) << i;
      EXPECT_LE(calls, end - first + 1) << i;
    }
  }
  EXPECT_GT(kills, kKills / 2);
  expect_sound(options.path, "after all");
  EXPECT_FALSE(was_set_aside(tree));
}

TEST(HistoryFaults, AKillInAMigrationLeavesTheOldSchemaOrTheNew) {
  for (int i = 0; i < kKills; ++i) {
    const testing::Tree tree;
    const HistoryOptions options = options_of(tree.path("h.db"));
    {
      auto writer = HistoryWriter::open(options, kHistoryStart);
      ASSERT_TRUE(writer);
      for (int s = 0; s < 5; ++s) (*writer)->append(row_of(s));
      ASSERT_TRUE((*writer)->database().execute(
          "DROP TABLE kernel_device; PRAGMA user_version=1; DELETE FROM kernel_step"));
    }
    (void)killed_at(static_cast<std::uint64_t>(i), [&] {
      auto db = SqliteDatabase::open(options.path, {});
      if (db) (void)migrate_history(*db);
    });
    {
      auto db = SqliteDatabase::open(options.path, {});
      ASSERT_TRUE(db);
      const bool is_new = db->number(
                                "SELECT count(*) FROM sqlite_schema WHERE "
                                "name='kernel_device'")
                              .value() == 1;
      EXPECT_EQ(db->number("PRAGMA user_version").value(), is_new ? 2 : 1) << i;
    }
    auto writer = HistoryWriter::open(options, kHistoryStart + 5s);
    ASSERT_TRUE(writer) << i;
    expect_seconds(**writer, 0, 5, "migration " + std::to_string(i));
    EXPECT_FALSE(was_set_aside(tree)) << i;
  }
}

TEST(HistoryFaults, AKillInAVacuumLosesNothing) {
  const testing::Tree tree;
  const HistoryOptions options = options_of(tree.path("h.db"));
  {
    auto writer = HistoryWriter::open(options, kHistoryStart);
    for (int s = 0; s < 500; ++s) (*writer)->append(row_of(s));
  }
  for (int i = 0; i < kKills; ++i) {
    (void)killed_at(static_cast<std::uint64_t>(i) * 7, [&] {
      auto file = HistoryMaintenance::open(options.path, HistoryMaintenance::Purpose::kChange);
      if (file) (void)file->vacuum();
    });
    expect_sound(options.path, "vacuum " + std::to_string(i));
  }
  auto writer = HistoryWriter::open(options, kHistoryStart + 500s);
  ASSERT_TRUE(writer);
  expect_seconds(**writer, 0, 500, "after all");
}

TEST(HistoryFaults, OneErrorAtAnyOperationLosesNothing) {
  const testing::Tree tree;
  const HistoryOptions options = options_of(tree.path("h.db"));
  std::int64_t second = 0;
  for (std::uint64_t nth = 0; nth < 120; ++nth) {
    std::unique_ptr<HistoryWriter> writer;
    {
      const FailpointArmed armed("sqlite.io_once", nth);
      auto made = HistoryWriter::open(options, kHistoryStart + second * 1s);
      if (made) writer = *std::move(made);
      for (int s = 0; writer && s < 20; ++s) writer->append(row_of(second++));
    }
    if (!writer) continue;
    writer->append(row_of(second++));
    EXPECT_EQ(writer->status().problem, "") << nth;
    expect_seconds(*writer, std::max<std::int64_t>(second - 300, 0), second,
                   "error " + std::to_string(nth));
  }
  EXPECT_GT(second, 1000);
  EXPECT_FALSE(was_set_aside(tree));
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(HistoryFaults, LostPowerTakesTheLastRowsAndNothingElse) {
  constexpr std::size_t kSector = 512;
  constexpr std::int64_t kRows = 400;
  const testing::Tree tree;
  const HistoryOptions options = options_of(tree.path("sound.db"));
  auto running = HistoryWriter::open(options, kHistoryStart);
  ASSERT_TRUE(running);
  for (std::int64_t s = 0; s < kRows; ++s) (*running)->append(row_of(s));
  // As the disk has them while the server runs: nothing of the log was synced.
  const std::string file = read_file(options.path);
  const std::string log = read_file(options.path + "-wal");
  ASSERT_GT(log.size(), 100 * kSector);
  std::mt19937 random(3);
  for (int i = 0; i < 100; ++i) {
    const testing::Tree after;
    std::string lost = log;
    // Sectors that never came to the disk, in any order; or all after one.
    for (int k = 0; k < i % 8; ++k) {
      const std::size_t at = random() % (lost.size() / kSector) * kSector;
      lost.replace(at, kSector, kSector, '\0');
    }
    if (i % 2 == 0) lost.resize(random() % lost.size());
    after.write("h.db", file);
    after.write("h.db-wal", lost);
    auto writer = HistoryWriter::open(options_of(after.path("h.db")), kHistoryStart + kRows * 1s);
    ASSERT_TRUE(writer) << i;
    EXPECT_FALSE(was_set_aside(after)) << i;
    const auto newest = (*writer)->status().newest;
    if (newest) {
      const std::int64_t end = (*newest - kHistoryStart) / 1s + 1;
      EXPECT_LE(end, kRows);
      expect_seconds(**writer, 0, end, "loss " + std::to_string(i));
    }
    (*writer)->append(row_of(kRows + 1));
    EXPECT_EQ((*writer)->status().problem, "") << i;
    expect_sound(after.path("h.db"), "loss " + std::to_string(i));
  }
}

TEST(HistoryFaults, WhateverTheClockDoesTimesAscendAndNoneIsThereTwice) {
  const testing::Tree tree;
  HistoryOptions options = options_of(tree.path("h.db"));
  options.limits.raw = 24h;
  std::mt19937 random(11);
  Timestamp at = kHistoryStart;
  std::uint64_t taken = 0;
  std::unique_ptr<HistoryWriter> writer;
  for (int i = 0; i < 2000; ++i) {
    if (i % 400 == 0) {
      writer.reset();
      auto made = HistoryWriter::open(options, at);
      ASSERT_TRUE(made) << made.error().message;
      writer = *std::move(made);
    }
    const auto dice = random() % 100;
    if (dice == 0) {
      at += 1h;  // summer begins
    } else if (dice == 1) {
      at -= 1h;  // and ends
    } else if (dice < 10) {
      // frozen
    } else {
      at += dice < 20 ? Duration(999'500us) : dice < 30 ? Duration(1'000'500us) : 1s;
    }
    HistoryRow row = row_at(at, {"GPU-a"}, "power", {1});
    const std::uint64_t before = writer->status().rows;
    writer->append(row);
    taken += writer->status().rows - before;
    EXPECT_EQ(writer->status().problem, "");
  }
  EXPECT_GT(taken, 50U);
  const Timestamp end = *writer->status().newest + 1s;
  const auto answer = testing::ask(
      *writer,
      {.metrics = {"power"}, .devices = {}, .from = kHistoryStart - 1h, .to = end, .step = 1h},
      end);
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->series.size(), 1U);
  for (const double value : answer->series[0].values) {
    EXPECT_TRUE(std::isnan(value) || value == 1) << value;
  }
  writer.reset();
  expect_sound(options.path, "clock");
}

TEST(HistoryFaults, AReaderThatStaysLetsTheLogGrowBoundedAndItShrinksAgain) {
  const testing::Tree tree;
  const HistoryOptions options = options_of(tree.path("h.db"));
  auto writer = HistoryWriter::open(options, kHistoryStart);
  ASSERT_TRUE(writer);
  std::int64_t second = 0;
  for (; second < 60; ++second) (*writer)->append(row_of(second));
  auto reader = SqliteDatabase::open(options.path, {.access = SqliteDatabase::Access::kReadOnly});
  ASSERT_TRUE(reader);
  ASSERT_TRUE(reader->execute("BEGIN"));
  ASSERT_TRUE(reader->number("SELECT count(*) FROM head"));
  for (; second < 660; ++second) (*writer)->append(row_of(second));  // ten minutes
  EXPECT_EQ((*writer)->status().problem, "");
  EXPECT_LE(std::filesystem::file_size(options.path + "-wal"), std::uintmax_t{128} << 20U);
  ASSERT_TRUE(reader->execute("COMMIT"));
  ASSERT_TRUE((*writer)->database().checkpoint());
  EXPECT_LE(std::filesystem::file_size(options.path + "-wal"), std::uintmax_t{1} << 20U);
  expect_seconds(**writer, second - 300, second, "after the reader");
}

TEST(HistoryFaults, BackupsOfAFileThatIsWrittenAreOfOneMoment) {
  const testing::Tree tree;
  const HistoryOptions options = options_of(tree.path("h.db"));
  auto writer = HistoryWriter::open(options, kHistoryStart);
  ASSERT_TRUE(writer);
  std::atomic<std::int64_t> second{0};
  for (; second < 200; ++second) (*writer)->append(row_of(second));
  std::atomic<bool> done{false};
  std::thread load([&] {
    while (!done) {
      (*writer)->append(row_of(second));
      ++second;
    }
  });
  for (int i = 0; i < 20; ++i) {
    const std::string copy = tree.path("copy" + std::to_string(i));
    const std::int64_t before = second;
    auto file = HistoryMaintenance::open(options.path, HistoryMaintenance::Purpose::kLook);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->backup_to(copy)) << i;
    const std::int64_t after = second;
    expect_sound(copy, "backup " + std::to_string(i));
    auto restored = HistoryWriter::open(options_of(copy), kHistoryStart + after * 1s);
    ASSERT_TRUE(restored) << i;
    const std::int64_t end = (*(*restored)->status().newest - kHistoryStart) / 1s + 1;
    EXPECT_GE(end, before) << i;
    EXPECT_LE(end, after + 1) << i;
    expect_seconds(**restored, std::max<std::int64_t>(end - 300, 0), end,
                   "backup " + std::to_string(i));
  }
  done = true;
  load.join();
}

}  // namespace
}  // namespace gpuvigil
