// SPDX-License-Identifier: Apache-2.0
#include "views/chrome_trace.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>

namespace gpuvigil {
namespace {

using simdjson::dom::element;

constexpr std::int64_t kStart = 1'800'000'000'000'000'000;

/// A trace of one device, and what of it was written.
class ChromeTraceTest : public ::testing::Test {
 protected:
  std::uint32_t series(std::string name, KernelKind kind = KernelKind::kCompute) {
    data_.series.push_back({.name = std::move(name), .kind = kind, .device = 2});
    return static_cast<std::uint32_t>(data_.series.size() - 1);
  }

  void event(std::uint32_t series, std::int64_t start, std::uint64_t duration,
             std::uint64_t stream) {
    data_.details.push_back({.stream = stream});
    const auto detail = static_cast<std::uint32_t>(data_.details.size() - 1);
    data_.events.push_back({series, detail, kStart + start, duration});
  }

  element write(std::uint64_t total = 0, std::vector<TraceFact> facts = {},
                std::size_t max_bytes = std::size_t{1} << 30U) {
    text_.clear();
    const auto written = write_chrome_trace({.devices = data_.devices,
                                             .series = data_.series,
                                             .events = data_.events,
                                             .details = data_.details,
                                             .total = total,
                                             .facts = facts,
                                             .max_bytes = max_bytes},
                                            [&](std::string_view piece) {
                                              text_ += piece;
                                              return Result<void>();
                                            });
    EXPECT_TRUE(written);
    return parser_.parse(text_);
  }

  /// Those of a phase.
  static std::vector<element> events(element root, std::string_view phase) {
    std::vector<element> found;
    for (const element one : root["traceEvents"]) {
      if (std::string_view(one["ph"]) == phase) found.push_back(one);
    }
    return found;
  }

  ExecutionTrace data_{.devices = {{.index = 2, .name = "A GPU", .uuid = "GPU-1"}},
                       .series = {},
                       .events = {},
                       .details = {}};
  std::string text_;
  simdjson::dom::parser parser_;
};

TEST_F(ChromeTraceTest, AStreamHasARowOfItsNameAndMoreWhereItOverlaps) {
  const auto gemm = series("gemm");
  event(gemm, 0, 100, 7);
  event(gemm, 100, 100, 7);  // begins where the last one ends
  event(gemm, 150, 100, 7);
  event(gemm, 120, 10, 1'099'511'627'776);
  const element root = write();
  std::vector<std::string> names;
  for (const element one : events(root, "M")) {
    names.emplace_back(std::string_view(one["args"]["name"]));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"GPU 2: A GPU", "stream 7", "stream 1099511627776",
                                             "stream 7 (2)"}));
  std::vector<std::uint64_t> rows;
  for (const element one : events(root, "X")) rows.push_back(std::uint64_t(one["tid"]));
  EXPECT_EQ(rows, (std::vector<std::uint64_t>{0, 0, 1, 2}));
}

TEST_F(ChromeTraceTest, EventsAreInTheOrderOfTheirStartsAndTellWhatIsKnown) {
  event(series("b<1>", KernelKind::kCollective), 5'001, 1'234'567, 7);
  event(series("Memcpy HtoD", KernelKind::kMemcpy), 0, 0, 8);
  data_.details[0].grid = {64, 2, 1};
  data_.details[0].block = {128, 1, 1};
  data_.details[0].registers = 40;
  data_.details[0].shared_bytes = 4096;
  data_.details[0].correlation = 99;
  data_.details[1].bytes = 0;
  const element root = write();
  EXPECT_EQ(std::int64_t(root["baseTimeNanoseconds"]), kStart);
  const auto found = events(root, "X");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(std::string_view(found[0]["cat"]), "gpu_memcpy");
  EXPECT_EQ(std::uint64_t(found[0]["args"]["bytes"]), 0U);
  EXPECT_NE(found[0]["args"]["grid"].error(), simdjson::SUCCESS);
  EXPECT_EQ(std::string_view(found[1]["name"]), "b<1>");
  EXPECT_EQ(std::string_view(found[1]["cat"]), "kernel");
  EXPECT_DOUBLE_EQ(double(found[1]["ts"]), 5.001);
  EXPECT_DOUBLE_EQ(double(found[1]["dur"]), 1234.567);
  EXPECT_EQ(std::uint64_t(found[1]["args"]["stream"]), 7U);
  EXPECT_EQ(std::uint64_t(found[1]["args"]["correlation"]), 99U);
  EXPECT_EQ(std::uint64_t(found[1]["args"]["grid"].at(0)), 64U);
  EXPECT_EQ(std::uint64_t(found[1]["args"]["registers per thread"]), 40U);
  EXPECT_EQ(std::uint64_t(found[1]["args"]["shared memory"]), 4096U);
  EXPECT_EQ(std::string_view(root["deviceProperties"].at(0)["uuid"]), "GPU-1");
}

TEST_F(ChromeTraceTest, WhatIsLeftOutIsCounted) {
  const auto gemm = series(std::string(1000, 'x'));
  for (int i = 0; i < 100; ++i) event(gemm, i, 1, 7);
  const auto f = [&](std::size_t max_bytes, std::uint64_t want) {
    const element root = write(130, {}, max_bytes);
    EXPECT_EQ(events(root, "X").size(), want);
    EXPECT_EQ(std::uint64_t(root["otherData"]["executions_in_this_file"]), want);
    EXPECT_EQ(std::uint64_t(root["otherData"]["executions_not_in_this_file"]), 130 - want);
  };
  f(std::size_t{1} << 30U, 100);
  f(0, 0);
  const element root = write(130, {}, 20'000);
  EXPECT_LT(text_.size(), 23'000U);
  EXPECT_GT(events(root, "X").size(), 10U);
}

TEST_F(ChromeTraceTest, FactsAreMembersOfOtherData) {
  const element root =
      write(0, {{"pid", std::uint64_t{17}}, {"is_complete", false}, {"name", std::string("a\"b")}});
  EXPECT_EQ(std::uint64_t(root["otherData"]["pid"]), 17U);
  EXPECT_EQ(bool(root["otherData"]["is_complete"]), false);
  EXPECT_EQ(std::string_view(root["otherData"]["name"]), "a\"b");
  EXPECT_TRUE(events(root, "X").empty());
}

}  // namespace
}  // namespace gpuvigil
