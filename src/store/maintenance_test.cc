// SPDX-License-Identifier: Apache-2.0
#include "store/maintenance.h"

#include <string>

#include <gtest/gtest.h>

#include "base/testing_tree.h"
#include "store/history_writer.h"
#include "store/testing_history.h"

namespace gpuvigil {
namespace {

using namespace std::chrono_literals;
using testing::kHistoryStart;
using testing::row_at;
using Purpose = HistoryMaintenance::Purpose;

std::unique_ptr<HistoryWriter> filled(const std::string& path, int seconds) {
  auto writer = HistoryWriter::open({.path = path, .limits = {.ballast_bytes = 0}}, kHistoryStart);
  EXPECT_TRUE(writer);
  for (int i = 0; i < seconds; ++i) {
    (*writer)->append(row_at(kHistoryStart + i * 1s, {"GPU-a"}, "power", {i * 0.5}));
  }
  return *std::move(writer);
}

TEST(HistoryMaintenance, LooksChecksAndCopiesWhileItIsWritten) {
  const testing::Tree tree;
  const auto writer = filled(tree.path("h.db"), 2500);
  auto file = HistoryMaintenance::open(tree.path("h.db"), Purpose::kLook);
  ASSERT_TRUE(file) << file.error().message;
  const auto stats = file->stats();
  ASSERT_TRUE(stats) << stats.error().message;
  EXPECT_EQ(stats->devices, 1U);
  EXPECT_EQ(stats->series, 2U);
  ASSERT_EQ(stats->tiers.size(), 3U);
  EXPECT_GT(stats->tiers[0].segments, 0U);
  EXPECT_EQ(stats->tiers[0].oldest, kHistoryStart);
  EXPECT_EQ(stats->tiers[0].newest, kHistoryStart + 2499s);
  EXPECT_TRUE(file->check().value().empty());
  ASSERT_TRUE(file->backup_to(tree.path("copy.db")));
  const auto copy =
      HistoryWriter::open({.path = tree.path("copy.db"), .limits = {}}, kHistoryStart + 2500s);
  ASSERT_TRUE(copy);
  EXPECT_EQ((*copy)->status().newest, kHistoryStart + 2499s);
}

TEST(HistoryMaintenance, FindsADamagedSegment) {
  const testing::Tree tree;
  (void)filled(tree.path("h.db"), 2500);
  {
    auto db = SqliteDatabase::open(tree.path("h.db"), {});
    ASSERT_TRUE(db->execute("UPDATE segment SET data=x'0100' WHERE id=1"));
  }
  auto file = HistoryMaintenance::open(tree.path("h.db"), Purpose::kLook);
  ASSERT_TRUE(file);
  const auto found = file->check();
  ASSERT_TRUE(found && found->size() == 1);
  EXPECT_EQ(found->front(), "segment 1: a stored segment is damaged");
}

TEST(HistoryMaintenance, GivesFreePagesBack) {
  const testing::Tree tree;
  (void)filled(tree.path("h.db"), 2500);
  {
    auto db = SqliteDatabase::open(tree.path("h.db"), {});
    ASSERT_TRUE(db->execute("DELETE FROM segment; DELETE FROM head"));
  }
  auto file = HistoryMaintenance::open(tree.path("h.db"), Purpose::kChange);
  ASSERT_TRUE(file);
  EXPECT_GT(file->stats()->free_bytes, 0U);
  ASSERT_TRUE(file->vacuum());
  EXPECT_EQ(file->stats()->free_bytes, 0U);
}

TEST(HistoryMaintenance, RefusesWhatIsNoHistoryOrNewer) {
  const testing::Tree tree;
  {
    auto db = SqliteDatabase::open(tree.path("other.db"), {});
    ASSERT_TRUE(db->execute("CREATE TABLE t(a)"));
  }
  (void)filled(tree.path("h.db"), 1);
  {
    auto db = SqliteDatabase::open(tree.path("h.db"), {});
    ASSERT_TRUE(db->execute("PRAGMA user_version=9"));
  }
  const auto f = [&](const char* name, Errc want) {
    const auto refused = HistoryMaintenance::open(tree.path(name), Purpose::kChange);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, want) << refused.error().message;
  };
  f("other.db", Errc::kInvalidArgument);
  f("h.db", Errc::kUnavailable);
  f("none.db", Errc::kNotFound);
}

}  // namespace
}  // namespace gpuvigil
