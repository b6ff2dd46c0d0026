// SPDX-License-Identifier: Apache-2.0
#include "base/sqlite_database.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/failpoint.h"
#include "base/testing_tree.h"

namespace gpuvigil {
namespace {

using Access = SqliteDatabase::Access;

SqliteDatabase opened(const std::string& path, Access access = Access::kReadWrite) {
  auto made = SqliteDatabase::open(path, {.access = access});
  EXPECT_TRUE(made) << (made ? "" : made.error().message);
  return *std::move(made);
}

TEST(SqliteDatabase, KeepsWhatItIsGiven) {
  const testing::Tree tree;
  {
    SqliteDatabase db = opened(tree.path("a.db"));
    ASSERT_TRUE(db.execute("CREATE TABLE t(a INTEGER, b REAL, c TEXT, d BLOB)"));
    auto insert = db.prepare("INSERT INTO t VALUES(?,?,?,?)");
    ASSERT_TRUE(insert);
    insert->bind(1, std::int64_t{-5}).bind(2, 0.1).bind_text(3, "x").bind_blob(4, {"\0y", 2});
    ASSERT_TRUE(insert->run());
    insert->bind_null(4);
    ASSERT_TRUE(insert->run());
  }
  SqliteDatabase db = opened(tree.path("a.db"), Access::kReadOnly);
  auto query = db.prepare("SELECT * FROM t ORDER BY rowid");
  ASSERT_TRUE(query && query->step().value());
  EXPECT_EQ(query->integer(0), -5);
  EXPECT_EQ(query->real(1), 0.1);
  EXPECT_EQ(query->bytes(2), "x");
  EXPECT_EQ(query->bytes(3), std::string_view("\0y", 2));
  ASSERT_TRUE(query->step().value());
  EXPECT_TRUE(query->is_null(3));
  EXPECT_FALSE(query->step().value());
  EXPECT_EQ(db.number("SELECT count(*) FROM t").value(), 2);
  EXPECT_EQ(db.execute("DELETE FROM t").error().code, Errc::kPermission);
}

TEST(SqliteDatabase, MakesFilesThatAreItsOwnersAlone) {
  const testing::Tree tree;
  SqliteDatabase db = opened(tree.path("a.db"));
  ASSERT_TRUE(db.execute("CREATE TABLE t(a)"));
  struct stat info{};
  for (const char* name : {"a.db", "a.db-wal"}) {
    ASSERT_EQ(::stat(tree.path(name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << name;
  }
}

TEST(SqliteDatabase, RefusesLinksFoldersAndWhatIsNoDatabase) {
  const testing::Tree tree;
  const auto f = [&](const std::string& path, Access access, Errc want) {
    auto refused = SqliteDatabase::open(path, {.access = access});
    // What a file really is SQLite sees when it reads it.
    if (refused && !refused->number("SELECT count(*) FROM sqlite_schema")) return;
    ASSERT_FALSE(refused) << path;
    EXPECT_EQ(refused.error().code, want) << refused.error().message;
  };
  {
    const SqliteDatabase real = opened(tree.path("real.db"));
  }
  std::filesystem::create_symlink(tree.path("real.db"), tree.path("link.db"));
  std::filesystem::create_directory(tree.path("folder"));
  tree.write("text.db", std::string(5000, 'x'));
  f(tree.path("link.db"), Access::kReadWrite, Errc::kPermission);
  f(tree.path("folder"), Access::kReadWrite, Errc::kInvalidArgument);
  f(tree.path("none.db"), Access::kReadOnly, Errc::kNotFound);
  f(tree.path("none/at/all.db"), Access::kReadWrite, Errc::kNotFound);
  f(tree.path("text.db"), Access::kReadWrite, Errc::kCorrupt);
}

TEST(SqliteDatabase, EndsAQueryThatTakesTooLong) {
  auto db = SqliteDatabase::in_memory();
  ASSERT_TRUE(db);
  int looks = 0;
  db->set_limit([&looks] { return ++looks > 3; });
  const auto endless = db->execute(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n");
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code, Errc::kTimeout);
  db->set_limit(nullptr);
  EXPECT_TRUE(db->execute("SELECT 1"));
}

TEST(SqliteDatabase, CopiesWhileItIsInUseAndNeverOverAFile) {
  const testing::Tree tree;
  SqliteDatabase db = opened(tree.path("a.db"));
  ASSERT_TRUE(db.execute("CREATE TABLE t(a); INSERT INTO t VALUES(7)"));
  SqliteDatabase reader = opened(tree.path("a.db"), Access::kReadOnly);
  ASSERT_TRUE(reader.backup_to(tree.path("b.db")));
  EXPECT_EQ(reader.backup_to(tree.path("b.db")).error().code, Errc::kInvalidArgument);
  SqliteDatabase copy = opened(tree.path("b.db"), Access::kReadOnly);
  EXPECT_EQ(copy.number("SELECT a FROM t").value(), 7);
}

TEST(SqliteDatabase, TellsOfFullDisksAndOfErrorsOfReadingAndWriting) {
  const testing::Tree tree;
  SqliteDatabase db = opened(tree.path("a.db"));
  ASSERT_TRUE(db.execute("CREATE TABLE t(a)"));
  {
    const FailpointArmed full("sqlite.full");
    EXPECT_EQ(db.execute("INSERT INTO t VALUES(1)").error().code, Errc::kTooLarge);
  }
  {
    const FailpointArmed broken("sqlite.io");
    EXPECT_EQ(db.execute("INSERT INTO t VALUES(1)").error().code, Errc::kIo);
  }
  ASSERT_TRUE(db.execute("INSERT INTO t VALUES(1)"));
  EXPECT_EQ(db.number("SELECT count(*) FROM t").value(), 1);
  EXPECT_EQ(db.number("PRAGMA integrity_check(1)").value(), 0);  // the text "ok" as a number
}

}  // namespace
}  // namespace gpuvigil
