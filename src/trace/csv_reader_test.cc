// SPDX-License-Identifier: Apache-2.0
#include "trace/csv_reader.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace gpuvigil {
namespace {

using Row = CsvReader::Row;
using Rows = std::vector<std::vector<std::string>>;

struct ReadCsv {
  Rows rows;
  Row last = Row::kEnd;
};

ReadCsv read(std::string_view text, std::size_t chunk = SIZE_MAX) {
  MemorySource source(text, chunk);
  CsvReader reader(source);
  ReadCsv got;
  std::vector<std::string_view> cells;
  for (;;) {
    got.last = *reader.next(cells);
    if (got.last != Row::kWhole) return got;
    got.rows.emplace_back(cells.begin(), cells.end());
  }
}

TEST(CsvReader, GivesCellsAsTheyRead) {
  const auto f = [](std::string_view text, const Rows& want) {
    for (const std::size_t chunk : {SIZE_MAX, std::size_t{1}, std::size_t{3}}) {
      const ReadCsv got = read(text, chunk);
      EXPECT_EQ(got.rows, want) << text;
      EXPECT_EQ(got.last, Row::kEnd) << text;
    }
  };
  f("", {});
  f("a,b\n1,2\n", {{"a", "b"}, {"1", "2"}});
  f("a,b\r\n1,2", {{"a", "b"}, {"1", "2"}});
  f("\n\na\n\n", {{"a"}});
  f("a,,\n", {{"a", "", ""}});
  f("\"a,b\",\"c\"\"d\",\"\"\n", {{"a,b", "c\"d", ""}});
  f("\"two\nlines\",x\n", {{"two\nlines", "x"}});
  f("\xEF\xBB\xBF"
    "a,b\n",
    {{"a", "b"}});
}

TEST(CsvReader, SaysThatTheTextEndsWithinQuotes) {
  const ReadCsv got = read("a,b\n1,\"never closed\n2,3\n");
  EXPECT_EQ(got.rows, (Rows{{"a", "b"}}));
  EXPECT_EQ(got.last, Row::kCut);
}

TEST(CsvReader, GivesUpOnARowWithoutAnEnd) {
  EXPECT_EQ(read("a\n" + std::string(CsvReader::kMaxRowBytes + 1, 'x') + "\n").last, Row::kTooLong);
  EXPECT_EQ(read(std::string(CsvReader::kMaxCells, ',') + "\n").last, Row::kTooLong);
  EXPECT_EQ(read(std::string(CsvReader::kMaxCells - 1, ',') + "\n").last, Row::kEnd);
}

TEST(CsvReader, KnowsWhereARowBegan) {
  MemorySource source("a\n\nbcd\n");
  CsvReader reader(source);
  std::vector<std::string_view> cells;
  EXPECT_EQ(*reader.next(cells), Row::kWhole);
  EXPECT_EQ(*reader.next(cells), Row::kWhole);
  EXPECT_EQ(reader.offset(), 3U);
  EXPECT_EQ(reader.row(), 2U);
  EXPECT_EQ(reader.size(), 4U);
}

RC_GTEST_PROP(CsvReader, GivesTheSameInPiecesOfAnySize, (const std::string& text)) {
  const auto chunk = *rc::gen::inRange<std::size_t>(1, 16);
  const ReadCsv whole = read(text);
  const ReadCsv pieces = read(text, chunk);
  RC_ASSERT(pieces.rows == whole.rows);
  RC_ASSERT(pieces.last == whole.last);
}

}  // namespace
}  // namespace gpuvigil
