// SPDX-License-Identifier: Apache-2.0
#include "base/sqlite.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failpoint.h"

namespace gpuvigil {
namespace {

/// A folder that goes away with the test.
class SqliteFileTest : public testing::Test {
 protected:
  SqliteFileTest()
      : folder_(std::filesystem::path(testing::TempDir()) /
                ("gpuvigil_sqlite_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~SqliteFileTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::string write(const std::string& name, const std::string& sql) const {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(path(name).c_str(), &db), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_close(db);
    return path(name);
  }

  std::string write_bytes(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }

  static std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::filesystem::path folder_;
};

constexpr const char* kThousandRows =
    "CREATE TABLE t(a, b);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
    "INSERT INTO t SELECT i, 'row ' || i || hex(zeroblob(100)) FROM n;";

Result<std::int64_t> count_rows(SqliteFile& file, const std::string& sql) {
  GPUVIGIL_TRY(auto rows, file.prepare(sql));
  std::int64_t count = 0;
  while (true) {
    GPUVIGIL_TRY(const bool more, rows.step());
    if (!more) return count;
    ++count;
  }
}

TEST_F(SqliteFileTest, ReadsRowsByTheTypeTheyAreStoredAs) {
  const auto file_path = write(
      "a b?#%20.sqlite", "CREATE TABLE t(a); INSERT INTO t VALUES (7), ('seven'), (NULL), (7.5)");
  auto file = SqliteFile::open(file_path);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(file->name(), file_path);
  EXPECT_EQ(file->size_bytes(), std::filesystem::file_size(file_path));
  auto rows = file->prepare("SELECT a FROM t");
  ASSERT_TRUE(rows.has_value());
  ASSERT_TRUE(rows->step().value());
  EXPECT_EQ(rows->integer(0), 7);
  EXPECT_EQ(rows->text(0), std::nullopt);
  ASSERT_TRUE(rows->step().value());
  EXPECT_EQ(rows->integer(0), std::nullopt);
  EXPECT_EQ(rows->text(0), "seven");
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(rows->step().value());
    EXPECT_EQ(rows->integer(0), std::nullopt);
    EXPECT_EQ(rows->text(0), std::nullopt);
  }
  EXPECT_FALSE(rows->step().value());
}

TEST_F(SqliteFileTest, AStatementStartsOverWithAnotherParameter) {
  auto file = SqliteFile::open(write("t", kThousandRows));
  ASSERT_TRUE(file.has_value());
  auto row = file->prepare("SELECT a FROM t WHERE rowid = ?1");
  ASSERT_TRUE(row.has_value());
  for (const std::int64_t id : {5, 1000, 1}) {
    row->restart_with(id);
    ASSERT_TRUE(row->step().value());
    EXPECT_EQ(row->integer(0), id);
  }
  row->restart_with(1001);
  EXPECT_FALSE(row->step().value());
}

TEST_F(SqliteFileTest, BytesInMemoryAreReadAlike) {
  const std::string bytes = bytes_of(write("t", kThousandRows));
  auto file = SqliteFile::from_bytes("memory", std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(count_rows(*file, "SELECT a FROM t").value(), 1000);
}

TEST_F(SqliteFileTest, AFileLeftInWriteAheadModeIsReadWithoutSideFiles) {
  const auto file_path = write("wal", std::string("PRAGMA journal_mode=WAL;") + kThousandRows);
  auto file = SqliteFile::open(file_path);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(count_rows(*file, "SELECT a FROM t").value(), 1000);
  EXPECT_FALSE(std::filesystem::exists(file_path + "-wal"));
  EXPECT_FALSE(std::filesystem::exists(file_path + "-shm"));
}

TEST_F(SqliteFileTest, NothingIsWritten) {
  auto file = SqliteFile::open(write("t", kThousandRows));
  ASSERT_TRUE(file.has_value());
  EXPECT_FALSE(count_rows(*file, "DELETE FROM t").has_value());
  EXPECT_EQ(count_rows(*file, "SELECT a FROM t").value(), 1000);
}

TEST_F(SqliteFileTest, WhatIsNoSqliteFileIsRefusedInOneLineThatNamesIt) {
  const auto f = [](const std::string& file_path, Errc code, const std::string& words) {
    const auto file = SqliteFile::open(file_path);
    ASSERT_FALSE(file.has_value()) << file_path;
    EXPECT_EQ(file.error().code, code) << file.error().message;
    EXPECT_TRUE(file.error().message.starts_with(file_path)) << file.error().message;
    EXPECT_NE(file.error().message.find(words), std::string::npos) << file.error().message;
    EXPECT_EQ(file.error().message.find('\n'), std::string::npos);
  };
  const std::string sound = bytes_of(write("sound", kThousandRows));
  f(path("missing"), Errc::kNotFound, "");
  f(path("."), Errc::kInvalidArgument, "");
  f("/dev/null", Errc::kInvalidArgument, "");
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  f(path("pipe"), Errc::kInvalidArgument, "");
  f(write_bytes("empty", ""), Errc::kCorrupt, "byte 0: not a SQLite file");
  f(write_bytes("text", "{\"traceEvents\": []}"), Errc::kCorrupt, "byte 0: not a SQLite file");
  f(write_bytes("head", sound.substr(0, 60)), Errc::kCorrupt, "cut short: 60 bytes");
  f(write_bytes("cut", sound.substr(0, sound.size() / 2)), Errc::kCorrupt,
    "cut short: its header tells of " + std::to_string(sound.size()) + " bytes, the file has " +
        std::to_string(sound.size() / 2));
}

TEST_F(SqliteFileTest, ADamagedPageIsNamed) {
  std::string bytes = bytes_of(write("sound", kThousandRows));
  std::fill_n(bytes.begin() + 4096 * 9, 4096, '\xee');
  auto file = SqliteFile::open(write_bytes("damaged", bytes));
  ASSERT_TRUE(file.has_value());
  const auto count = count_rows(*file, "SELECT b FROM t");
  ASSERT_FALSE(count.has_value());
  EXPECT_EQ(count.error().code, Errc::kCorrupt);
  EXPECT_NE(count.error().message.find("damaged SQLite file: Page 10:"), std::string::npos)
      << count.error().message;
}

TEST_F(SqliteFileTest, WorkWithoutEndIsCutOff) {
  auto file = SqliteFile::open(write("t", kThousandRows));
  ASSERT_TRUE(file.has_value());
  const auto count = count_rows(*file, "SELECT 1 FROM t x, t y, t z WHERE x.a > y.a + z.a");
  ASSERT_FALSE(count.has_value());
  EXPECT_EQ(count.error().code, Errc::kCorrupt);
  EXPECT_NE(count.error().message.find("does not come to an end"), std::string::npos);
}

TEST_F(SqliteFileTest, WhatTheSchemaWouldRunIsNotRun) {
  const auto file_path = write("t",
                               "CREATE TABLE t(a); INSERT INTO t VALUES (1);"
                               "CREATE VIEW v AS SELECT a FROM t;");
  auto file = SqliteFile::open(file_path);
  ASSERT_TRUE(file.has_value());
  EXPECT_FALSE(count_rows(*file, "SELECT a FROM v").has_value());
  EXPECT_FALSE(count_rows(*file, "SELECT load_extension('x')").has_value());
  EXPECT_FALSE(count_rows(*file, "ATTACH '" + file_path + "' AS other").has_value());
}

TEST_F(SqliteFileTest, AValueBeyondTheLimitIsAnError) {
  auto file =
      SqliteFile::open(write("t", "CREATE TABLE t(a); INSERT INTO t VALUES (zeroblob(20000000))"));
  ASSERT_TRUE(file.has_value());
  const auto count = count_rows(*file, "SELECT a FROM t");
  ASSERT_FALSE(count.has_value());
  EXPECT_EQ(count.error().code, Errc::kTooLarge);
}

TEST_F(SqliteFileTest, AFailingReadIsAnError) {
  auto file = SqliteFile::open(write("t", kThousandRows));
  ASSERT_TRUE(file.has_value());
  const FailpointArmed armed("sqlite.step", 5);
  const auto count = count_rows(*file, "SELECT a FROM t");
  ASSERT_FALSE(count.has_value());
  EXPECT_EQ(count.error().code, Errc::kIo);
}

TEST(SqliteQuoted, DoublesQuotes) {
  EXPECT_EQ(sqlite_quoted("end"), "\"end\"");
  EXPECT_EQ(sqlite_quoted("a\"b"), "\"a\"\"b\"");
}

}  // namespace
}  // namespace gpuvigil
